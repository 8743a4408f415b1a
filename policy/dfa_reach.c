/*
 * What a finished automaton may still reach from each of its states: found
 * once, by going backwards until nothing is added.
 */
#include "policy/matcher.h"

/** What one step from a state adds to what it reaches. */
static uint8_t reach_step(const struct dfa *dfa, uint32_t state, uint8_t slash)
{
	const uint32_t *row = dfa->next + (size_t)state * dfa->class_count;
	uint8_t reach = dfa->reach[state];

	for (uint32_t c = 0; c < dfa->class_count; c++) {
		uint8_t there = dfa->reach[row[c]];

		if (c == slash)
			there &= (uint8_t)~REACH_HIDING_CHILD;
		if (dfa->accept[row[c]] != dfa->accept[state])
			there |= REACH_VARIES;
		reach |= there;
	}
	return reach;
}

int dfa_reach(struct dfa *dfa)
{
	uint8_t slash = dfa->classes['/'], most = REACH_VARIES;
	bool changed = true;

	for (uint32_t state = 0; state < dfa->state_count; state++) {
		const struct list *list = dfa->accept[state];

		if (list && list->refusing)
			dfa->reach[state] |= REACH_REFUSING;
		if (list && list->hiding)
			dfa->reach[state] |= REACH_HIDING | REACH_HIDING_CHILD;
		most |= dfa->reach[state];
	}
	while (changed) {
		changed = false;
		for (uint32_t state = dfa->state_count; state-- > 0;) {
			uint8_t reach = dfa->reach[state];

			/* A step only adds. */
			if (reach != most)
				reach = reach_step(dfa, state, slash);
			changed = changed || reach != dfa->reach[state];
			dfa->reach[state] = reach;
		}
	}
	return 0;
}
