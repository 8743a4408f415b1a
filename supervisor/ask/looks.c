/*
 * The stack of who asks. To take it uses up the notification: the thread makes
 * its call again, as after a signal, and finds its question still there.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/ask/questions.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"
#include "supervisor/stack/stack.h"

enum { AGAIN_MS = 1500 }; /* beyond what a signal's restart is waited for */

struct look_at {
	struct ask *ask;
	uint64_t question;
	struct seccomp_notif request;
};

static char *line_of(uint64_t id, const struct stack *stack)
{
	struct text text = {0};
	const char *line = stack->lines;
	char *made = NULL;

	text_format(&text, "{\"stack\":%llu,\"lines\":[",
		    (unsigned long long)id);
	for (size_t i = 0; i < stack->count; i++) {
		size_t length = strlen(line);

		if (i > 0)
			text_add_byte(&text, ',');
		text_add_json(&text, line, length);
		line += length + 1;
	}
	text_add_string(&text, "]}\n");
	return text_finish(&text, &made) ? NULL : made;
}

static struct waiter *waiter_of(const struct question *question, uint64_t call)
{
	struct waiter *waiter = question ? question->waiters : NULL;

	while (waiter && !(waiter->looking && waiter->request.id == call))
		waiter = waiter->next;
	return waiter;
}

static void taken(void *context, const struct stack *stack, bool looked)
{
	struct look_at *at = context;
	struct ask *ask = at->ask;

	pthread_mutex_lock(&ask->lock);
	struct question *question = question_find(ask, at->question);
	struct waiter *waiter = waiter_of(question, at->request.id);

	if (waiter) {
		waiter->looking = false;
		waiter->since = questions_now() + AGAIN_MS;
	}
	if (waiter && !looked) {
		waiter->restarting = false;
		question_count(ask, question, 1);
	} else if (!looked) {
		/* Its question was answered meanwhile; it waits still. */
		(void)slow_resume(ask->session->slow, &at->request, false);
	}
	if (question && !question->stack)
		question->stack = line_of(question->id, stack);
	if (question && question->stack)
		clients_stack(ask, question);
	pthread_mutex_unlock(&ask->lock);
	free(at);
}

/* A request within a connection: its bytes came by, no call waits for them. */
#define NO_CALL "(no call waits: a request within a connection)"

static const struct stack no_call = {
	.lines = NO_CALL,
	.length = sizeof(NO_CALL),
	.count = 1,
};

/* Whose stack is to be taken: of a call that stands, if there is one. */
static struct waiter *waiter_in_call(const struct question *question)
{
	struct waiter *found = NULL, *waiter = question->waiters;

	for (; waiter && (!found || found->hold); waiter = waiter->next)
		if (!waiter->restarting && !waiter->answered &&
		    (!found || !waiter->hold))
			found = waiter;
	return found;
}

void looks_take(struct ask *ask, struct question *question)
{
	struct waiter *waiter = waiter_in_call(question);
	struct look_at *at;

	question->look_next = false;
	/* Of a thread that is held, when it is back in its call. */
	if (waiter && waiter->hold && waiter_release(ask, waiter)) {
		waiter->since = questions_now() + AGAIN_MS;
		question->looked = question->look_next = true;
		return;
	}
	if (!waiter && question->waiters && question->waiters->answered) {
		question->looked = true;
		question->stack = line_of(question->id, &no_call);
		if (question->stack)
			clients_stack(ask, question);
	}
	at = waiter ? calloc(1, sizeof(*at)) : NULL;
	if (!at)
		return;
	*at = (struct look_at){ask, question->id, waiter->request};
	/* It may be back before this returns. */
	waiter->looking = waiter->restarting = true;
	question_count(ask, question, -1);
	question->looked = true;
	if (stack_take(ask->session, &at->request, 0, taken, at) == 0)
		return;
	waiter->looking = waiter->restarting = question->looked = false;
	question_count(ask, question, 1);
	free(at);
}
