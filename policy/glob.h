/*
 * Globs: from a word's symbols to elements, and to lines.
 */
#ifndef POLICY_GLOB_H
#define POLICY_GLOB_H

#include "policy/lex.h"
#include "policy/pattern.h"

/** What a glob is over; it decides what `*` stops at. */
enum glob_kind {
	GLOB_PATH = 0, /**< `*` stays inside a component, `**` spans them */
	GLOB_URL,      /**< the same, for the path of a request */
	GLOB_NAME,     /**< one word: a variable, an argument, a name */
};

/** Why a glob is none: texts for the user. */
struct glob_problem {
	const char *message; /**< NULL: none */
	const char *hint;
};

/**
 * Call `visit` with each of the alternatives of a glob, its braces resolved.
 * Returns 0, -EINVAL with `problem` set, or what `visit` returned if not 0.
 */
int glob_alternatives(struct symbols glob, struct glob_problem *problem,
		      int (*visit)(void *context, struct symbols alternative),
		      void *context);

/**
 * Append the elements of one alternative. Returns 0, -EINVAL with `problem`
 * set, or -ENOMEM.
 */
int glob_elements(enum glob_kind kind, struct symbols glob,
		  struct set_table *sets, struct elements *elements,
		  struct glob_problem *problem);

/** Has it any wildcard? */
bool glob_is_literal(struct symbols glob);

#endif
