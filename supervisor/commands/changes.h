/*
 * What recorded events would be decided otherwise, by rule, with examples.
 */
#ifndef SUPERVISOR_COMMANDS_CHANGES_H
#define SUPERVISOR_COMMANDS_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "policy/text.h"
#include "supervisor/history.h"

enum { CHANGES_EXAMPLES = 3 };

/* What changes in the same way, by the same rule. */
struct change {
	enum verdict before, after;
	enum action action;
	const struct policy_rule *rule; /* that decides now, or NULL */
	uint64_t events;
	size_t kinds;
	const struct observation *examples[CHANGES_EXAMPLES];
};

/** Zero it, but for `input`, before the first use; free `items` at the end. */
struct changes {
	const struct policy_input *input;
	struct change *items;
	size_t count, capacity;
	uint64_t events, changed;
	size_t kinds, unreadable;
};

/** Decide all of a history again; `before` NULL: compare with the record.
 * Returns 0 or -ENOMEM. */
int changes_decide(struct changes *changes, const struct history *history,
		   const struct policy *before, const struct policy *after);

/** Print them, and at the end how many they are of how many; as JSON a line
 * each. Returns 0 or -errno. */
int changes_print(struct changes *changes, bool json);

/** Add `"rule":{...}`, as the log has it. */
void changes_add_rule(struct text *text, const char *rule, const char *file,
		      unsigned line);

#endif
