/*
 * The patterns with wildcards that start at one place, shared out among
 * automata.
 *
 * Theory of operation. What multiplies the states of an automaton are patterns
 * that begin anywhere and, once they have matched, match whatever follows: each
 * of those (`.idea` and all in it, `*SECRET*`) may be matched already beside
 * each of the others. So a few of them go together, and all others into an
 * automaton of their own, which hardly grows with them. What is too much for
 * one all the same is halved, as long as there is room for another.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "policy/matcher.h"

enum {
	MOST_STICKY = 3,      /**< in one automaton, if there are enough */
	HOPELESS_STICKY = 12, /**< 4096 times the states: not tried */
};

struct sharing {
	struct policy *policy;
	struct tail *tail;
	uint32_t depth;
	uint32_t *slow; /**< what no automaton took */
};

/** Any bytes, a slash among them. */
static bool is_any(element e)
{
	return element_kind(e) == ELEMENT_STAR &&
	       (element_argument(e) == SET_ANY ||
		element_argument(e) == SET_ALL);
}

/** Does it begin anywhere, and go on for ever? */
static bool is_sticky(const struct policy *policy, uint32_t branch)
{
	const struct line *line = &policy->branches[branch].line;

	if (line->tail_length == 0 ||
	    !is_any(line->tail[line->tail_length - 1]))
		return false;
	for (uint32_t i = 0; i + 1 < line->tail_length; i++)
		if (is_any(line->tail[i]))
			return true;
	return false;
}

static size_t count_sticky(const struct policy *policy,
			   const uint32_t *branches, size_t count)
{
	size_t sticky = 0;

	for (size_t i = 0; i < count; i++)
		sticky += is_sticky(policy, branches[i]);
	return sticky;
}

/** Make an automaton of them; of each half, where it is too much for one. */
static int share(struct sharing *sharing, const uint32_t *branches,
		 size_t count)
{
	struct tail *tail = sharing->tail;
	struct dfa *dfa = NULL;
	int error = -E2BIG;

	if (tail->dfa_count < TAIL_DFAS &&
	    count_sticky(sharing->policy, branches, count) <= HOPELESS_STICKY)
		error = dfa_new(sharing->policy, branches, count,
				sharing->depth, &dfa);
	if (error == 0) {
		tail->dfas[tail->dfa_count++] = dfa;
		return 0;
	}
	if (error != -E2BIG)
		return error;
	if (count == 1 || tail->dfa_count == TAIL_DFAS) {
		for (size_t i = 0; i < count; i++)
			sharing->slow[tail->slow_count++] = branches[i];
		return 0;
	}
	error = share(sharing, branches, count / 2);
	return error ? error
		     : share(sharing, branches + count / 2, count - count / 2);
}

static int compare_branches(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/** The others first, then those that are sticky, some at a time: neighbours,
 * which often begin alike. */
static int share_out(struct sharing *sharing, const uint32_t *branches,
		     size_t count, size_t sticky)
{
	uint32_t *sorted = malloc(count * sizeof(*sorted));
	size_t calm = count - sticky, at = 0, to = 0, from = calm, groups;
	int error = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (is_sticky(sharing->policy, branches[i]))
			sorted[from++] = branches[i];
		else
			sorted[to++] = branches[i];
	}
	if (calm)
		error = share(sharing, sorted, calm);
	groups = TAIL_DFAS - sharing->tail->dfa_count;
	if (groups > (sticky + MOST_STICKY - 1) / MOST_STICKY)
		groups = (sticky + MOST_STICKY - 1) / MOST_STICKY;
	for (size_t i = 0; i < groups && !error; i++) {
		size_t end = sticky * (i + 1) / groups;

		error = share(sharing, sorted + calm + at, end - at);
		at = end;
	}
	if (groups == 0 && !error)
		error = share(sharing, sorted + calm, sticky);
	free(sorted);
	return error;
}

int tail_new(struct policy *policy, const uint32_t *branches, size_t count,
	     uint32_t depth, struct tail **out)
{
	uint32_t *slow = arena_alloc(&policy->arena, count * sizeof(*slow));
	struct tail *tail = calloc(1, sizeof(*tail));
	struct sharing sharing = {policy, tail, depth, slow};
	size_t sticky = count_sticky(policy, branches, count);
	int error = -ENOMEM;

	if (tail && slow) {
		tail->slow = slow;
		error = sticky <= MOST_STICKY
				? share(&sharing, branches, count)
				: share_out(&sharing, branches, count, sticky);
	}
	if (error) {
		tail_free(tail);
		return error;
	}
	/* The order in which rules count (policy/decide.c). */
	if (tail->slow_count)
		qsort(slow, tail->slow_count, sizeof(*slow), compare_branches);
	for (size_t i = 0; i < tail->slow_count; i++) {
		const struct branch *branch = &policy->branches[slow[i]];
		const struct policy_rule *rule = &policy->rules[branch->rule];

		if (rule->verdict != VERDICT_ALLOW || rule->log ||
		    rule->conditional)
			tail->slow_refusing = true;
		if (rule->verdict == VERDICT_HIDE ||
		    rule->verdict == VERDICT_FAKE)
			tail->slow_hiding = true;
	}
	*out = tail;
	return 0;
}

void tail_free(struct tail *tail)
{
	if (!tail)
		return;
	for (size_t i = 0; i < tail->dfa_count; i++)
		dfa_free(tail->dfas[i]);
	free(tail);
}
