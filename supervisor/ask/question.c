/*
 * The questions that stand: a list in the order of asking, in which the same
 * rule and subject (and arguments, of an exec) are one. Nothing here locks.
 * Who waits for one is waiters.c's, what becomes of an answer ask.c's.
 */
#include "supervisor/ask/questions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t questions_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* FNV-1a, with the NUL. */
static uint64_t hash_more(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}

uint64_t question_hash(enum action action, const struct policy_rule *rule,
		       const char *subject, const char *const *argv,
		       size_t argc)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)action ^
			(uint64_t)(uintptr_t)rule;

	hash = hash_more(hash, subject);
	for (size_t i = 0; i < argc; i++)
		hash = hash_more(hash, argv[i]);
	return hash;
}

struct grants_subject question_subject(const struct question *question)
{
	return (struct grants_subject){
		.action = question->action,
		.subject = question->subject,
		.arguments = question->arguments,
		.argument_count = question->argument_count,
	};
}

static bool same(const struct question *question, uint64_t hash,
		 enum action action, const char *subject,
		 const struct policy_rule *rule, const char *const *argv,
		 size_t argc)
{
	size_t count = argc ? argc - 1 : 0;

	if (question->hash != hash || question->action != action ||
	    question->rule != rule || question->argument_count != count ||
	    strcmp(question->subject, subject) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(question->arguments[i], argv[i + 1]) != 0)
			return false;
	return true;
}

void question_free(struct question *question)
{
	free(question->subject);
	free(question->arguments);
	free(question->text);
	free(question->program);
	free(question->shown);
	free(question->stack);
	free(question);
}

struct question *question_find(const struct ask *ask, uint64_t id)
{
	struct question *question;

	LIST_FOREACH(question, &ask->by_id[id % QUESTIONS_TABLE], same_id)
	if (question->id == id)
		break;
	return question;
}

static int copy_arguments(struct question *question, const char *const *argv,
			  size_t argc)
{
	size_t size = 0, used = 0;

	for (size_t i = 1; i < argc; i++)
		size += strlen(argv[i]) + 1;
	question->arguments = calloc(argc + 1, sizeof(*question->arguments));
	question->text = malloc(size + 1);
	if (!question->arguments || !question->text)
		return -ENOMEM;
	for (size_t i = 1; i < argc; i++) {
		size_t length = strlen(argv[i]) + 1;

		memcpy(question->text + used, argv[i], length);
		question->arguments[question->argument_count++] =
			question->text + used;
		used += length;
	}
	return 0;
}

struct question *question_standing(const struct ask *ask, uint64_t hash,
				   enum action action, const char *subject,
				   const struct policy_rule *rule,
				   const char *const *argv, size_t argc)
{
	struct question *question;

	LIST_FOREACH(question, &ask->by_hash[hash % QUESTIONS_TABLE], same_hash)
	if (same(question, hash, action, subject, rule, argv, argc))
		break;
	return question;
}

static size_t size_of(const char *subject, const char *const *argv, size_t argc)
{
	size_t size = strlen(subject);

	for (size_t i = 1; i < argc; i++)
		size += strlen(argv[i]) + 1 + sizeof(*argv);
	return size;
}

static void add(struct ask *ask, struct question *question)
{
	question->id = ++ask->next_id;
	question->at = ask->last;
	*ask->last = question;
	ask->last = &question->next;
	ask->count++;
	ask->size += question->size;
	LIST_INSERT_HEAD(&ask->by_hash[question->hash % QUESTIONS_TABLE],
			 question, same_hash);
	LIST_INSERT_HEAD(&ask->by_id[question->id % QUESTIONS_TABLE], question,
			 same_id);
	question->alone_since = question->asked;
	TAILQ_INSERT_TAIL(&ask->alone, question, alone);
}

struct question *question_new(struct ask *ask, uint64_t hash,
			      enum action action, const char *subject,
			      const struct policy_rule *rule,
			      const char *const *argv, size_t argc)
{
	size_t size = size_of(subject, argv, argc);
	struct question *question = NULL;

	if (ask->count < QUESTIONS_MOST && ask->size + size <= QUESTIONS_BYTES)
		question = calloc(1, sizeof(*question));
	if (!question)
		return NULL;
	question->hash = hash;
	question->action = action;
	question->rule = rule;
	question->size = size;
	question->subject = strdup(subject);
	question->asked = questions_now();
	if (!question->subject || copy_arguments(question, argv, argc)) {
		question_free(question);
		return NULL;
	}
	add(ask, question);
	return question;
}

void question_count(struct ask *ask, struct question *question, int change)
{
	if (question->waiter_count == 0)
		TAILQ_REMOVE(&ask->alone, question, alone);
	question->waiter_count += (size_t)(ssize_t)change;
	if (question->waiter_count == 0) {
		question->alone_since = questions_now();
		TAILQ_INSERT_TAIL(&ask->alone, question, alone);
	}
}

void question_take_out(struct ask *ask, struct question *question)
{
	while (question->waiters)
		waiter_remove(ask, question->waiters);
	TAILQ_REMOVE(&ask->alone, question, alone);
	LIST_REMOVE(question, same_hash);
	LIST_REMOVE(question, same_id);
	*question->at = question->next;
	if (question->next)
		question->next->at = question->at;
	else
		ask->last = question->at;
	question->next = NULL;
	ask->count--;
	ask->size -= question->size;
}

void question_remove(struct ask *ask, struct question *question)
{
	question_take_out(ask, question);
	question_free(question);
}
