/*
 * Which earlier rules does a granting one lie inside? To compare all patterns
 * with all would be slow, so two samples of what a pattern matches are put to
 * the matchers first: only what matches both can contain the pattern, and only
 * of that is containment proven.
 */
#include "policy/include.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

enum { SAMPLE_MOST = 3 * LINE_MOST };

struct sample {
	size_t length;
	uint8_t bytes[SAMPLE_MOST];
};

static uint8_t set_pick(const struct byte_set *set, bool highest)
{
	for (unsigned i = 0; i < 256; i++) {
		unsigned byte = highest ? 255 - i : i;

		if (byte_set_has(set, byte))
			return (uint8_t)byte;
	}
	return 0;
}

/** Something that a line matches: as short as can be, or with all its parts. */
static void sample_make(const struct set_table *sets, const struct line *line,
			bool full, struct sample *sample)
{
	sample->length = 0;
	if (line->prefix_length > LINE_MOST || line->tail_length > LINE_MOST)
		return;
	memcpy(sample->bytes, line->prefix, line->prefix_length);
	sample->length = line->prefix_length;
	for (uint32_t i = 0; i < line->tail_length; i++) {
		element e = line->tail[i];
		uint32_t argument = element_argument(e);
		uint8_t byte = (uint8_t)argument;

		if (element_kind(e) == ELEMENT_SKIP) {
			i += full ? 0 : 2;
			continue;
		}
		if (element_kind(e) == ELEMENT_STAR && !full)
			continue;
		if (element_kind(e) != ELEMENT_BYTE)
			byte = set_pick(&sets->items[argument], full);
		sample->bytes[sample->length++] = byte;
		if (element_kind(e) == ELEMENT_STAR)
			sample->bytes[sample->length++] = byte;
	}
}

struct lifting {
	struct policy *policy;
	uint8_t *marks; /**< by branch: the samples that it matched */
	uint32_t *candidates;
	size_t candidate_count, candidate_capacity;
	uint32_t *rules;
	size_t rule_count, rule_capacity;
	struct sample sample;
};

/** Mark the branches that refuse, of layers before this branch's. */
static int mark(struct lifting *lifting, const struct branch *granting,
		const uint32_t *items, size_t count, uint8_t bit)
{
	const struct policy *policy = lifting->policy;
	uint32_t layer = policy->rules[granting->rule].layer;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		const struct branch *branch = &policy->branches[items[i]];

		if (branch->granting || branch->rule >= granting->rule ||
		    policy->rules[branch->rule].layer == layer)
			continue;
		if (lifting->marks[items[i]] == 0)
			error = array_add(
				lifting->candidates, lifting->candidate_count,
				lifting->candidate_capacity, items[i]);
		lifting->marks[items[i]] |= bit;
	}
	return error;
}

static int mark_sample(struct lifting *lifting, const struct branch *granting,
		       bool full)
{
	const struct policy *policy = lifting->policy;
	const struct matcher *matcher =
		policy->matchers[granting->action][granting->space];
	uint8_t bit = full ? 2 : 1;
	struct matches matches;
	int error = 0;

	matches.count = 0;
	matches.overflow = false;
	sample_make(&policy->sets, &granting->line, full, &lifting->sample);
	matcher_find(matcher, lifting->sample.bytes, lifting->sample.length,
		     false, &matches);
	for (size_t i = 0; i < matches.count && !error; i++) {
		const struct match *match = &matches.items[i];
		const struct list *list = match->list;

		if (!list)
			error = mark(lifting, granting, match->next,
				     (size_t)(match->end - match->next), bit);
		for (; list && !error; list = list->up)
			error = mark(lifting, granting, list->own,
				     list->own_count, bit);
	}
	return error;
}

/** Is all beside the pattern at least as narrow in the granting rule? */
static bool rule_inside(const struct set_table *sets,
			const struct policy_rule *granting,
			const struct policy_rule *refusing)
{
	if (refusing->has_argv0 &&
	    (!granting->has_argv0 ||
	     (granting->argv0_base && !refusing->argv0_base) ||
	     !line_set_inside(sets, &granting->argv0, &refusing->argv0)))
		return false;
	return !refusing->has_arguments ||
	       (granting->has_arguments &&
		line_set_inside(sets, &granting->arguments,
				&refusing->arguments));
}

static int compare_rules(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static int find_lifts(struct lifting *lifting, struct branch *granting)
{
	struct policy *policy = lifting->policy;
	const struct policy_rule *rule = &policy->rules[granting->rule];
	uint32_t *lifts;
	int error;

	lifting->candidate_count = lifting->rule_count = 0;
	error = mark_sample(lifting, granting, false);
	if (!error)
		error = mark_sample(lifting, granting, true);
	for (size_t i = 0; i < lifting->candidate_count; i++) {
		uint32_t candidate = lifting->candidates[i];
		const struct branch *branch = &policy->branches[candidate];

		if (!error && lifting->marks[candidate] == 3 &&
		    rule_inside(&policy->sets, rule,
				&policy->rules[branch->rule]) &&
		    line_inside(&policy->sets, &granting->line, &branch->line))
			error = array_add(lifting->rules, lifting->rule_count,
					  lifting->rule_capacity, branch->rule);
		lifting->marks[candidate] = 0;
	}
	if (error || lifting->rule_count == 0)
		return error;
	qsort(lifting->rules, lifting->rule_count, sizeof(*lifts),
	      compare_rules);
	lifts = arena_alloc(&policy->arena,
			    lifting->rule_count * sizeof(*lifts));
	if (!lifts)
		return -ENOMEM;
	memcpy(lifts, lifting->rules, lifting->rule_count * sizeof(*lifts));
	granting->lifts = lifts;
	granting->lift_count = (uint32_t)lifting->rule_count;
	return 0;
}

/** Decide a list ahead, if nothing but the subject matters. */
static int decide_list(void *context, struct list *list)
{
	const struct policy *policy = context;
	struct asking asking = {.policy = policy};
	struct matches matches;

	for (size_t i = 0; i < list->kept_count; i++)
		if (policy->branches[list->kept[i]].conditional)
			return 0;
	matches.count = 1;
	matches.overflow = false;
	matches.items[0] = (struct match){
		.next = list->kept,
		.end = list->kept + list->kept_count,
		.list = list,
	};
	list->decided = matches_decide(&asking, &matches);
	return 0;
}

int policy_find_lifts(struct policy *policy)
{
	struct lifting *lifting = calloc(1, sizeof(*lifting));
	int error = -ENOMEM;

	if (lifting) {
		lifting->policy = policy;
		lifting->marks = calloc(policy->branch_count + 1, 1);
		error = lifting->marks ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < policy->branch_count && !error; i++) {
		struct branch *branch = &policy->branches[i];

		if (branch->granting && !policy->rules[branch->rule].override)
			error = find_lifts(lifting, branch);
	}
	if (lifting) {
		free(lifting->marks);
		free(lifting->candidates);
		free(lifting->rules);
		free(lifting);
	}
	for (int action = 0; action < ACTION_COUNT && !error; action++)
		for (int space = 0; space < SPACE_COUNT; space++)
			if (policy->matchers[action][space])
				matcher_lists(policy->matchers[action][space],
					      decide_list, policy);
	return error;
}
