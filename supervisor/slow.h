/*
 * Calls that may wait: a FIFO's other end, a network, a full socket.
 *
 * A worker hands such a call over; a thread of its own serves it from the
 * start, with call->may_wait set. While it waits, the calling thread is watched:
 * a signal that it could take, or its death, ends the wait, and the call is
 * answered so that the kernel makes EINTR or a restart of it (CALL_RESTART).
 */
#ifndef SUPERVISOR_SLOW_H
#define SUPERVISOR_SLOW_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

struct call;
struct session;
struct slow_pool;

/** Returns 0 and a pool for slow_free(), or -errno. */
int slow_new(struct session *session, struct slow_pool **pool);

/** End all waits and threads. */
void slow_free(struct slow_pool *pool);

/**
 * Serve a call that was parked, from its start. With `cancelled` it is served as
 * one whose thread has a signal. There is always room. Returns 0 or -ENOMEM, or
 * -EAGAIN where the pool ends.
 */
int slow_resume(struct slow_pool *pool, const struct seccomp_notif *request,
		bool cancelled);

/** Has the thread a signal that it could take now, or is it gone? */
bool slow_deliverable(pid_t tid);

/** Take a call over: copies its request. Returns 0, or -EAGAIN where too many
 * calls wait already. */
int slow_add(struct slow_pool *pool, const struct call *call);

/**
 * To be asked by a handler after a wait ended with EINTR: was it because the
 * calling thread has a signal or is gone? The handler then answers with
 * CALL_RESTART; else it waits on.
 */
bool slow_cancelled(const struct call *call);

#endif
