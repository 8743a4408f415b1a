/*
 * Learning: from what was asked to the few rules that would have allowed it.
 *
 * Pure and deterministic: the same things in any order give the same text.
 * Nothing is generalised over what the policy refuses: before a pattern takes
 * in a directory, the engine is asked whether any rule could decide otherwise
 * below it, and then the pattern stays narrow.
 */
#ifndef POLICY_LEARN_H
#define POLICY_LEARN_H

#include "policy/policy.h"
#include "policy/text.h"

/** A thing that is to be allowed. The strings are the asker's. */
struct learn_item {
	enum action action;
	/** read, write, exec: a canonical path; connect, listen, http: as a
	 * rule has it; env: a name. */
	const char *subject;
	const char *program; /**< who asked: the file; or NULL */
	/** The program may stand behind `by`: no rule lets the session write
	 * it, and the language takes it there. It does stand there where no
	 * other used the thing, and it is one of a purpose of its own. */
	bool nameable;
	const char *const *argv; /**< exec: the arguments, or NULL */
	size_t argc;
	/** exec: a rule that looks at arguments decided, so they count. */
	bool by_arguments;
	uint64_t count;
};

struct learn_input {
	/**
	 * All that may refuse something, on top of a rule that allows every
	 * file, so that whatever no rule speaks of is no obstacle.
	 */
	const struct policy *refusing;
	const char *home, *project; /**< to be written `~`, `${project}` */
};

/**
 * Add the rules to `text`, a line each, with a comment that says how often and
 * by whom. `items` is sorted. Returns how many rules, or -ENOMEM.
 */
int learn_rules(const struct learn_input *input, struct learn_item *items,
		size_t count, struct text *text);

#endif
