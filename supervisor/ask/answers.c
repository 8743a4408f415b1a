/*
 * What a person said, until the call that it was said to has ended. Found by
 * the calling thread, which waits in one call at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/ask/questions.h"
#include "supervisor/call.h"

enum {
	ANSWER_MS = 3000, /* how long a restarted call may take to return */
	LOOK_MS = 10000,  /* between two looks at whether one is of use still */
	LOOKS_AT_ONCE = 4,
};

static struct answers_row *row(struct ask *ask, pid_t tid)
{
	return &ask->answers[(size_t)tid % QUESTIONS_TABLE];
}

static void drop(struct ask *ask, struct answer *answer)
{
	LIST_REMOVE(answer, alike);
	TAILQ_REMOVE(&ask->answers_turn, answer, turn);
	free(answer->subject);
	free(answer);
}

const struct answer *answer_find(struct ask *ask, const struct call *call,
				 uint64_t hash, enum action action,
				 const char *subject)
{
	struct answer *answer = LIST_FIRST(row(ask, call->tid));

	for (; answer; answer = LIST_NEXT(answer, alike)) {
		bool mine = answer->call
				    ? answer->call == call->request.id
				    : answer->tid == call->tid &&
					      answer->until >= questions_now();

		if (mine && answer->hash == hash && answer->action == action &&
		    strcmp(answer->subject, subject) == 0) {
			answer->call = call->request.id;
			answer->until = 0;
			return answer;
		}
	}
	return NULL;
}

void answer_add(struct ask *ask, const struct waiter *waiter,
		enum verdict verdict)
{
	const struct question *question = waiter->question;
	struct answer *answer = calloc(1, sizeof(*answer));

	if (answer)
		answer->subject = strdup(question->subject);
	if (!answer || !answer->subject) {
		free(answer);
		return; /* it is asked again */
	}
	answer->made = questions_now();
	answer->tid = (pid_t)waiter->request.pid;
	if (waiter->restarting)
		answer->until = answer->made + ANSWER_MS;
	else
		answer->call = waiter->request.id;
	answer->hash = question->hash;
	answer->action = question->action;
	answer->verdict = verdict;
	LIST_INSERT_HEAD(row(ask, answer->tid), answer, alike);
	TAILQ_INSERT_TAIL(&ask->answers_turn, answer, turn);
}

void answers_hold(struct ask *ask, pid_t tid, uint64_t call, bool held)
{
	struct answer *answer;

	LIST_FOREACH(answer, row(ask, tid), alike)
	if (answer->call == call)
		answer->held = held;
}

void answers_end(struct ask *ask, pid_t tid, uint64_t call, bool restarted)
{
	int64_t now = questions_now();

	for (struct answer *next, *answer = LIST_FIRST(row(ask, tid)); answer;
	     answer = next) {
		next = LIST_NEXT(answer, alike);
		if (answer->call == call && restarted) {
			answer->call = 0;
			answer->held = false;
			answer->until = now + ANSWER_MS;
		} else if (answer->call == call ||
			   (!answer->call && answer->until < now)) {
			drop(ask, answer);
		}
	}
}

/* A thread that died before its call was served again leaves its answer. */
void answers_watch(struct ask *ask, int64_t now)
{
	for (int i = 0; i < LOOKS_AT_ONCE; i++) {
		struct answer *answer = TAILQ_FIRST(&ask->answers_turn);

		if (!answer || now - answer->made < LOOK_MS)
			break;
		if (!answer->held &&
		    (answer->call ? !questions_stands(ask, answer->call)
				  : answer->until < now)) {
			drop(ask, answer);
			continue;
		}
		answer->made = now;
		TAILQ_REMOVE(&ask->answers_turn, answer, turn);
		TAILQ_INSERT_TAIL(&ask->answers_turn, answer, turn);
	}
}

void answers_free(struct ask *ask)
{
	while (!TAILQ_EMPTY(&ask->answers_turn))
		drop(ask, TAILQ_FIRST(&ask->answers_turn));
}
