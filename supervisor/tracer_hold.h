/*
 * Threads that are kept stopped, out of their calls, while a person is asked.
 *
 * A thread whose notification was received waits so that only its death wakes
 * it (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, filter.h). The kernel's freezer
 * cannot stop it there: a machine does not go to sleep, and a container is not
 * paused, for as long as a question is open. A ptrace stop counts as frozen. So
 * what waits for longer is taken out of its call, and makes it again afterwards.
 *
 * Its signals are not blocked, and stay pending: who asked for the hold watches
 * for those that the thread could take, and for nothing else.
 */
#ifndef SUPERVISOR_TRACER_HOLD_H
#define SUPERVISOR_TRACER_HOLD_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

struct hold;
struct tracer;

enum hold_state {
	HOLD_WANTED,  /**< the notification stands still; or is being used up */
	HOLD_STOPPED, /**< the thread stands outside of its call */
	HOLD_REFUSED, /**< it cannot be traced now: the notification stands */
	HOLD_OVER,    /**< it makes its call again, by itself */
	HOLD_DEAD,    /**< it has ended */
};

/** Take the thread of this notification out of its call, soon. Returns the hold,
 * for hold_end(), or NULL without memory. */
struct hold *hold_begin(struct tracer *tracer,
			const struct seccomp_notif *request);

enum hold_state hold_state(const struct hold *hold);

/**
 * End the hold, and free it. Returns true where the thread makes its call again
 * by itself, if it lives; false where its notification stands, to be served by
 * whoever asked for the hold.
 */
bool hold_end(struct hold *hold);

/** Free it where the thread is not to be let go: the session ends. */
void hold_free(struct hold *hold);

/* ------------------------------------------------------ for the tracer -- */

enum { HOLDS_ROWS = 256 };

LIST_HEAD(holds_row, hold);

struct holds {
	struct hold *queue, **queue_end; /* handed over; under the lock */
	/* The tracer's own: those that are stopped. */
	struct holds_row by_thread[HOLDS_ROWS], by_process[HOLDS_ROWS];
};

/** Begin and end what is queued. */
void holds_run(struct tracer *tracer);

/** That thread has ended, and was reaped. */
void hold_ended(struct tracer *tracer, pid_t tid);

/** Let all threads of the process go. */
void hold_none(struct tracer *tracer, pid_t process);

/** Forget all; the tracer's thread has ended. */
void holds_free(struct tracer *tracer);

#endif
