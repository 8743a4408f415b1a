#include "supervisor/tracer_hold.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>

#include "supervisor/inject.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer_jobs.h"

/* Where it stands between who asked for it and the tracer: what is told of it,
 * and two steps in between. */
enum step {
	STEP_WANTED = HOLD_WANTED,
	STEP_STOPPED = HOLD_STOPPED,
	STEP_REFUSED = HOLD_REFUSED,
	STEP_OVER = HOLD_OVER,
	STEP_DEAD = HOLD_DEAD,
	STEP_BEGUN,	/* the notification is being used up */
	STEP_CANCELLED, /* before it was begun */
};

struct hold {
	struct tracer *tracer;
	struct seccomp_notif request;
	pid_t process;
	atomic_int step;
	/* Who asked for it; and the tracer, from the queue to the end. */
	atomic_int owners;
	atomic_bool ending; /* queued a second time: to be let go */
	struct hold *next;  /* in the queue */
	LIST_ENTRY(hold) same_thread, same_process;
};

static void disown(struct hold *hold)
{
	if (atomic_fetch_sub(&hold->owners, 1) == 1)
		free(hold);
}

static void enqueue(struct hold *hold)
{
	struct tracer *tracer = hold->tracer;
	struct holds *holds = &tracer->holds;

	pthread_mutex_lock(&tracer->lock);
	hold->next = NULL;
	*holds->queue_end = hold;
	holds->queue_end = &hold->next;
	pthread_mutex_unlock(&tracer->lock);
	tracer_wake(tracer);
}

struct hold *hold_begin(struct tracer *tracer,
			const struct seccomp_notif *request)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return NULL;
	hold->tracer = tracer;
	hold->request = *request;
	atomic_init(&hold->step, STEP_WANTED);
	atomic_init(&hold->owners, 2);
	atomic_init(&hold->ending, false);
	enqueue(hold);
	return hold;
}

enum hold_state hold_state(const struct hold *hold)
{
	int step = atomic_load(&hold->step);

	return step <= HOLD_DEAD ? (enum hold_state)step : HOLD_WANTED;
}

bool hold_end(struct hold *hold)
{
	int step = STEP_WANTED;
	bool again = true;

	if (atomic_compare_exchange_strong(&hold->step, &step,
					   STEP_CANCELLED) ||
	    step == STEP_REFUSED)
		again = false;
	if (!again || step == STEP_OVER || step == STEP_DEAD) {
		disown(hold);
		return again;
	}
	/* Our ownership goes to the queue: it is not there now. */
	atomic_store(&hold->ending, true);
	enqueue(hold);
	return true;
}

void hold_free(struct hold *hold)
{
	if (hold)
		disown(hold);
}

/* ---------------------------------------------------------- the tracer's -- */

static struct holds_row *row(struct holds_row *rows, pid_t id)
{
	return &rows[(size_t)id % HOLDS_ROWS];
}

static pid_t thread_of(const struct hold *hold)
{
	return (pid_t)hold->request.pid;
}

static void settle(struct hold *hold, enum step step)
{
	atomic_store(&hold->step, step);
	disown(hold);
}

static void unlink_hold(struct hold *hold)
{
	LIST_REMOVE(hold, same_thread);
	LIST_REMOVE(hold, same_process);
}

static void let_go(struct hold *hold)
{
	unlink_hold(hold);
	(void)ptrace(PTRACE_DETACH, thread_of(hold), 0, 0);
	settle(hold, STEP_OVER);
}

static int stop(struct tracer *tracer, struct hold *hold)
{
	int listener = tracer->session->listener;
	uint64_t id = hold->request.id;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id))
		return -ESRCH;
	hold->process = tracee_process(thread_of(hold));
	/* That exec waits for the thread to die: see hold_none(). */
	if (exec_under_way(tracer, hold->process))
		return -EPERM;
	return inject_stop(listener, id, thread_of(hold));
}

static void begin(struct tracer *tracer, struct hold *hold)
{
	struct holds *holds = &tracer->holds;
	int step = STEP_WANTED;

	if (!atomic_compare_exchange_strong(&hold->step, &step, STEP_BEGUN)) {
		disown(hold);
		return;
	}
	int error = stop(tracer, hold);

	if (error == -EPERM) {
		settle(hold, STEP_REFUSED);
	} else if (error == -ESRCH) {
		settle(hold, STEP_DEAD);
	} else if (error) {
		/* Nothing is killed for it: the tracer lets it go at its next
		 * stop, with which it has no business. */
		(void)ptrace(PTRACE_DETACH, thread_of(hold), 0, 0);
		settle(hold, STEP_OVER);
	} else {
		LIST_INSERT_HEAD(row(holds->by_thread, thread_of(hold)), hold,
				 same_thread);
		LIST_INSERT_HEAD(row(holds->by_process, hold->process), hold,
				 same_process);
		atomic_store(&hold->step, STEP_STOPPED);
	}
}

static void end(struct tracer *tracer, struct hold *hold)
{
	int step = atomic_load(&hold->step);

	if (step == STEP_STOPPED)
		let_go(hold);
	else if (step == STEP_REFUSED) /* and has been told that it would go */
		(void)slow_resume(tracer->session->slow, &hold->request, false);
	disown(hold);
}

void holds_run(struct tracer *tracer)
{
	struct holds *holds = &tracer->holds;

	pthread_mutex_lock(&tracer->lock);
	struct hold *hold = holds->queue;

	holds->queue = NULL;
	holds->queue_end = &holds->queue;
	pthread_mutex_unlock(&tracer->lock);
	while (hold) {
		struct hold *next = hold->next;

		if (atomic_load(&hold->ending))
			end(tracer, hold);
		else
			begin(tracer, hold);
		hold = next;
	}
}

void hold_ended(struct tracer *tracer, pid_t tid)
{
	struct hold *next, *hold;

	for (hold = LIST_FIRST(row(tracer->holds.by_thread, tid)); hold;
	     hold = next) {
		next = LIST_NEXT(hold, same_thread);
		if (thread_of(hold) != tid)
			continue;
		unlink_hold(hold);
		settle(hold, STEP_DEAD);
	}
}

void hold_none(struct tracer *tracer, pid_t process)
{
	struct hold *next, *hold;

	for (hold = LIST_FIRST(row(tracer->holds.by_process, process)); hold;
	     hold = next) {
		next = LIST_NEXT(hold, same_process);
		if (hold->process == process)
			let_go(hold);
	}
}

void holds_free(struct tracer *tracer)
{
	struct holds *holds = &tracer->holds;

	while (holds->queue) {
		struct hold *hold = holds->queue;

		holds->queue = hold->next;
		disown(hold);
	}
	for (size_t i = 0; i < HOLDS_ROWS; i++) {
		struct hold *hold;

		while ((hold = LIST_FIRST(&holds->by_thread[i]))) {
			unlink_hold(hold);
			disown(hold);
		}
	}
}
