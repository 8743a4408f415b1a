/*
 * A heap for what holds secrets while they are on their way: buffers of
 * requests and answers. In no core dump, wiped when it is given back, and
 * locked as far as RLIMIT_MEMLOCK lets: half of it, since what secrets.h keeps
 * must be locked. One thread only.
 */
#ifndef SUPERVISOR_NET_LOCKED_HEAP_H
#define SUPERVISOR_NET_LOCKED_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;

/**
 * Have libevent and jansson use it, and OpenSSL for its buffers of records. To
 * be called before all else of them. Returns 0; -ENOMEM; or -EBUSY where
 * OpenSSL has allocated something already.
 */
int locked_heap_begin(void);

/**
 * As event_base_dispatch(3); what calls left behind on the stack and in the vector
 * registers is wiped after each round: the dynamic loader, for one, saves those
 * there when a library's function is called for the first time.
 */
int locked_heap_dispatch(struct event_base *base);

/** Was it begun? */
bool locked_heap_is_used(void);

/** As malloc, realloc and free. */
void *locked_heap_new(size_t size);
void *locked_heap_resize(void *memory, size_t size);
void locked_heap_free(void *memory);

#endif
