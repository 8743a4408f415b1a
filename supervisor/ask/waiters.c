/*
 * Who waits for a question: calls that are parked, and whoever else is to be
 * told. A call is found by its thread, another by its context; the calls stand
 * in a ring, of which a few at a time are looked at, so that a thousand cost as
 * much as fifty and are each looked at less often.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "supervisor/ask/questions.h"
#include "supervisor/call.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"

enum {
	AT_ONCE = 50,	  /* some 15 us each */
	UNSEEN_TURN = 64, /* see watch() */
};

static struct waiters_row *row(const struct ask *ask, uint64_t key)
{
	/* Of an address, the low bits say little. */
	return (struct waiters_row *)&ask
		->waiters[(key ^ key >> 8) % QUESTIONS_TABLE];
}

static struct waiters_row *row_of(const struct ask *ask,
				  const struct waiter *waiter)
{
	return row(ask, waiter->answered ? (uintptr_t)waiter->context
					 : waiter->request.pid);
}

struct waiter *waiter_new(struct ask *ask, struct question *question,
			  const struct seccomp_notif *request,
			  ask_answered *answered, void *context)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return NULL;
	waiter->question = question;
	waiter->request = *request;
	waiter->answered = answered;
	waiter->context = context;
	waiter->since = questions_now();
	waiter->next = question->waiters;
	waiter->at = &question->waiters;
	if (waiter->next)
		waiter->next->at = &waiter->next;
	question->waiters = waiter;
	LIST_INSERT_HEAD(row_of(ask, waiter), waiter, alike);
	if (!answered)
		TAILQ_INSERT_TAIL(&ask->turn, waiter, turn);
	question_count(ask, question, 1);
	return waiter;
}

void waiter_remove(struct ask *ask, struct waiter *waiter)
{
	*waiter->at = waiter->next;
	if (waiter->next)
		waiter->next->at = waiter->at;
	LIST_REMOVE(waiter, alike);
	if (!waiter->answered)
		TAILQ_REMOVE(&ask->turn, waiter, turn);
	if (!waiter->restarting)
		question_count(ask, waiter->question, -1);
	hold_free(waiter->hold);
	free(waiter);
}

struct waiter *waiter_restarting(const struct ask *ask,
				 const struct question *question, pid_t tid)
{
	struct waiter *waiter;

	LIST_FOREACH(waiter, row(ask, (uint64_t)tid), alike)
	if (waiter->restarting && waiter->question == question &&
	    (pid_t)waiter->request.pid == tid)
		break;
	return waiter;
}

struct waiter *waiter_told(const struct ask *ask, const void *context)
{
	struct waiter *waiter;

	LIST_FOREACH(waiter, row(ask, (uintptr_t)context), alike)
	if (waiter->answered && waiter->context == context)
		break;
	return waiter;
}

/* Its call ends, and it is another one if it comes again. */
static void restart(struct ask *ask, struct waiter *waiter)
{
	if (waiter->restarting)
		return;
	answers_end(ask, (pid_t)waiter->request.pid, waiter->request.id, true);
	waiter->restarting = true;
	waiter->since = questions_now();
	question_count(ask, waiter->question, -1);
}

/* Returns false where its notification stands still. */
static bool end_hold(struct ask *ask, struct waiter *waiter)
{
	struct hold *hold = waiter->hold;

	waiter->hold = NULL;
	if (hold && hold_end(hold))
		return true;
	answers_hold(ask, (pid_t)waiter->request.pid, waiter->request.id,
		     false);
	return false;
}

bool waiter_release(struct ask *ask, struct waiter *waiter)
{
	if (!end_hold(ask, waiter))
		return false;
	restart(ask, waiter);
	return true;
}

void waiter_resume(struct ask *ask, struct waiter *waiter, bool cancelled)
{
	if (!waiter_release(ask, waiter))
		(void)slow_resume(ask->session->slow, &waiter->request,
				  cancelled);
}

void waiters_back(struct ask *ask, const struct call *call)
{
	struct waiter *waiter;

	LIST_FOREACH(waiter, row(ask, (uint64_t)call->tid), alike)
	if (waiter->hold && (pid_t)waiter->request.pid == call->tid &&
	    waiter->request.id != call->request.id)
		(void)waiter_release(ask, waiter);
}

bool questions_stands(const struct ask *ask, uint64_t call)
{
	return ioctl(ask->session->listener, SECCOMP_IOCTL_NOTIF_ID_VALID,
		     &call) == 0;
}

static void hold(struct ask *ask, struct waiter *waiter)
{
	waiter->hold = hold_begin(ask->session->tracer, &waiter->request);
	if (waiter->hold)
		answers_hold(ask, (pid_t)waiter->request.pid,
			     waiter->request.id, true);
}

/* One that is held, or is to be. Returns false where it is dropped. */
static bool watch_held(struct ask *ask, struct waiter *waiter, int64_t now)
{
	switch (hold_state(waiter->hold)) {
	case HOLD_DEAD:
		answers_end(ask, (pid_t)waiter->request.pid, waiter->request.id,
			    false);
		return false;
	case HOLD_REFUSED:
		(void)end_hold(ask, waiter);
		waiter->since = now; /* it may be another time */
		break;
	case HOLD_OVER:
		(void)waiter_release(ask, waiter);
		break;
	case HOLD_WANTED:
	case HOLD_STOPPED:
		if (!slow_deliverable((pid_t)waiter->request.pid))
			break;
		waiter_resume(ask, waiter, true);
		restart(ask, waiter);
	}
	return true;
}

/* Returns false where the waiter is to be dropped. */
static bool watch(struct ask *ask, struct waiter *waiter, int64_t now)
{
	if (waiter->restarting)
		return waiter->looking ||
		       now - waiter->since < QUESTIONS_LINGER_MS;
	if (waiter->hold)
		return watch_held(ask, waiter, now);
	bool ready = slow_deliverable((pid_t)waiter->request.pid);

	/* The kernel goes through all that wait to find one: among many, one
	 * whose thread shows nothing is looked up now and then. */
	if ((ready || ask->count < UNSEEN_TURN ||
	     (waiter->request.id + ++waiter->watched) % UNSEEN_TURN == 0) &&
	    !questions_stands(ask, waiter->request.id))
		return false;
	if (ready) {
		waiter_resume(ask, waiter, true);
		restart(ask, waiter);
	} else if (now - waiter->since >= QUESTIONS_HOLD_MS) {
		hold(ask, waiter);
	}
	return true;
}

void waiters_watch(struct ask *ask, int64_t now)
{
	struct waiter *last = TAILQ_LAST(&ask->turn, waiters_turn);

	for (int i = 0; i < AT_ONCE; i++) {
		struct waiter *waiter = TAILQ_FIRST(&ask->turn);
		bool done = waiter == last;

		if (!waiter)
			break;
		TAILQ_REMOVE(&ask->turn, waiter, turn);
		TAILQ_INSERT_TAIL(&ask->turn, waiter, turn);
		if (!watch(ask, waiter, now))
			waiter_remove(ask, waiter);
		if (done)
			break;
	}
}
