/*
 * What was asked before: so that a person who is about to keep a rule sees how
 * many of the session's questions it would have spared.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/scope.h"
#include "supervisor/ask/questions.h"
#include "supervisor/session.h"

void past_add(struct ask *ask, struct question *question)
{
	/* Only its subject is asked for again. */
	free(question->shown);
	free(question->stack);
	question->shown = question->stack = NULL;
	question->next = ask->past;
	ask->past = question;
	ask->past_count++;
	ask->past_size += question->size;
	if (ask->past_count <= QUESTIONS_PAST &&
	    ask->past_size <= QUESTIONS_PAST_BYTES)
		return;
	/* The newest half of what may be kept, at once: the list is walked
	 * seldom. */
	struct question **at = &ask->past;

	ask->past_count = ask->past_size = 0;
	while (*at && ask->past_count < QUESTIONS_PAST / 2 &&
	       ask->past_size + (*at)->size <= QUESTIONS_PAST_BYTES / 2) {
		ask->past_count++;
		ask->past_size += (*at)->size;
		at = &(*at)->next;
	}
	struct question *old = *at;

	*at = NULL;
	while (old) {
		struct question *next = old->next;

		question_free(old);
		old = next;
	}
}

void past_free(struct ask *ask)
{
	while (ask->past) {
		struct question *question = ask->past;

		ask->past = question->next;
		question_free(question);
	}
	ask->past_count = ask->past_size = 0;
}

int past_try(struct ask *ask, const struct question *question, const char *rule,
	     size_t *covered, size_t *of, char **message)
{
	struct question *const lists[] = {ask->past, ask->first};
	auto_free struct grants_subject *others =
		calloc(QUESTIONS_PAST * 2, sizeof(*others));
	struct grants_subject subject = question_subject(question);

	*of = 0;
	if (!others)
		return -ENOMEM;
	for (size_t i = 0; i < 2; i++)
		for (const struct question *other = lists[i];
		     other && *of < QUESTIONS_PAST * 2; other = other->next)
			others[(*of)++] = question_subject(other);
	return grants_try(ask->session->grants, rule, &subject, others, *of,
			  covered, message);
}
