/*
 * What the calls of Codex's rules mean. Internal to import.
 */
#ifndef SUPERVISOR_IMPORT_CODEX_RULES_H
#define SUPERVISOR_IMPORT_CODEX_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/import/import.h"

/** A text, a list, or None. */
struct codex_value {
	const char *at; /**< where it stands in the file */
	char *text;
	bool is_list, none;
	struct codex_value *items;
	size_t count, capacity;
};

struct codex_argument {
	const char *name; /**< not ended by a NUL */
	size_t length;
	struct codex_value value;
};

struct codex_call {
	const char *at; /**< of its name */
	size_t length;
	struct codex_argument arguments[33];
	size_t count;
};

/** A rule, until all files are read: which programs a name may mean is said
 * anywhere. */
struct codex_rule {
	enum import_part part;
	char *program; /**< the first token */
	char *words;   /**< the rest, as a rule has it */
	char *because; /**< or NULL */
	char *origin;
};

/** `host_executable`: the files that a name may mean. */
struct codex_name {
	char *name;
	char **paths;
	size_t count, capacity;
};

struct codex {
	struct import *import;
	struct codex_rule *rules;
	struct codex_name *names;
	size_t rule_count, rule_capacity, name_count, name_capacity;
};

/** Take a list's item over. Returns 0 or -ENOMEM. */
int codex_add(struct codex_value *list, const struct codex_value *item);
void codex_value_clear(struct codex_value *value);

/** Take what a call says. Returns 0, -ENOMEM, or -EINVAL with what is wrong and
 * where. */
int codex_call(struct codex *codex, const struct codex_call *call,
	       const char **why_at, const char **why);

/** After the last file: add the rules to the import. */
int codex_finish(struct codex *codex);
void codex_clear(struct codex *codex);

#endif
