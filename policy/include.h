/*
 * Comparing patterns: does one lie inside another, do they meet?
 */
#ifndef POLICY_INCLUDE_H
#define POLICY_INCLUDE_H

#include "policy/rules.h"

/**
 * Is all that `inner` matches matched by `outer`? Proven on the automata; where
 * a proof would take too long the answer is false.
 */
bool line_inside(const struct set_table *sets, const struct line *inner,
		 const struct line *outer);

/** Could anything be matched by both? Errs on the side of true. */
bool lines_meet(const struct set_table *sets, const struct line *a,
		const struct line *b);

/** The same for lists of lines: each of `inner` in one of `outer`. */
bool line_set_inside(const struct set_table *sets, const struct line_set *inner,
		     const struct line_set *outer);

/**
 * Fill in which rules each granting branch lifts, and the branch that decides
 * in each list. The matchers must have been built. Returns 0 or -ENOMEM.
 */
int policy_find_lifts(struct policy *policy);

/** Gather what policy_fakes() tells of. Returns 0 or -ENOMEM. */
int policy_find_fakes(struct policy *policy);

#endif
