/*
 * Variables: `~` and `${name}`. What they hold is taken literally.
 */
#ifndef POLICY_EXPAND_H
#define POLICY_EXPAND_H

#include "policy/lex.h"
#include "policy/policy.h"

struct variable {
	const char *name;
	const char *value; /**< NULL: known, but not set here */
	bool built_in;
};

struct variables {
	struct arena *arena;
	struct variable *items;
	size_t count, capacity;
};

/** Set or change a variable; the strings are kept, not copied. */
int variables_set(struct variables *variables, const char *name,
		  const char *value, bool built_in);
const struct variable *variables_find(const struct variables *variables,
				      const char *name);
void variables_free(struct variables *variables);

enum expansion_result {
	EXPANDED = 0,
	EXPANDED_UNSET, /**< a variable is not set here: there is no text */
};

/**
 * Expand `word`'s symbols from index `from` on. `~` counts at their start.
 * Returns an expansion_result, -EINVAL with the mistake reported, or -ENOMEM.
 */
int expand_word(const struct variables *variables,
		struct policy_diagnostics *diagnostics, const struct word *word,
		size_t from, struct symbols *expanded);

#endif
