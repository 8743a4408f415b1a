/*
 * What sessions did, as it can be decided again: the decisions and programs of
 * audit logs, each kind of event once with how often it came.
 *
 * A log is read in one pass without a look at its hashes (`log verify` has
 * those): what comes before `prev` and after the ids of a line is the same for
 * the same event, so a line that was seen before costs a hash and no parsing.
 */
#ifndef SUPERVISOR_HISTORY_H
#define SUPERVISOR_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

/** One kind of event. The strings are the history's. */
struct observation {
	enum action action;
	enum verdict verdict; /**< as recorded */
	bool dry_run;	      /**< recorded by a dry run: it was not refused */
	bool own;	      /**< allowed as a port of the session's own */
	const char *exe;      /**< the calling program, or NULL */
	const char *subject;  /**< as in the log */
	const char *rule;     /**< the rule that decided, or NULL */
	const char *const *argv; /**< exec, or NULL: not recorded */
	size_t argc;
	uint64_t count;
};

struct history;

/** An empty history for history_free(), or NULL. */
struct history *history_new(void);
void history_free(struct history *history);

/** Add the events of an open log. Returns 0, -ENOMEM or -errno of read(2). */
int history_read(struct history *history, int fd);

size_t history_count(const struct history *history);
const struct observation *history_at(const struct history *history,
				     size_t index);

/** Events read, and lines that could not be. */
uint64_t history_events(const struct history *history);
uint64_t history_malformed(const struct history *history);

/** An observation as a question. Zero it before the first use. */
struct question {
	struct policy_query query;
	struct policy_program program;
	struct policy_subject *parsed;
};

/**
 * Put the question that the observation was the answer to. Returns 0, with
 * `question` for question_clear(); -EINVAL where the subject cannot be read;
 * or -ENOMEM. `input` gives names their meaning.
 */
int question_of(const struct policy_input *input,
		const struct observation *observation,
		struct question *question);
void question_clear(struct question *question);

#endif
