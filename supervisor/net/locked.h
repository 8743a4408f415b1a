/*
 * Memory for secrets: never swapped out, in no core dump, wiped when it is
 * given back.
 */
#ifndef SUPERVISOR_NET_LOCKED_H
#define SUPERVISOR_NET_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

/** Zeroed memory for locked_free(); NULL where it cannot be locked, too. */
void *locked_new(size_t size);
void locked_free(void *memory, size_t size);

/** Would locked_new() have so much? */
bool locked_fits(size_t size);

#endif
