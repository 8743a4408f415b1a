/*
 * Which patterns protect something: what a session looks for when it starts,
 * and the fakes that a listing may have to name.
 */
#include <errno.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/include.h"

/** Does the tail end in `/` and anything? What is below is protected with what
 * stands in front. */
static bool ends_in_all(const struct line *line)
{
	size_t last = line->tail_length - 1;

	return line->tail_length > 1 &&
	       line->tail[last] == element_make(ELEMENT_STAR, SET_ANY) &&
	       line->tail[last - 1] == element_make(ELEMENT_BYTE, '/');
}

/** In how many levels below its literal start can the pattern match? 0: in
 * all. */
static unsigned levels_of(const struct policy *policy, const struct line *line)
{
	size_t length = line->tail_length - (ends_in_all(line) ? 2 : 0);
	unsigned levels = 1;

	for (size_t i = 0; i < length; i++) {
		uint32_t argument = element_argument(line->tail[i]);
		enum element_kind kind = element_kind(line->tail[i]);

		if (kind == ELEMENT_BYTE)
			levels += argument == '/';
		else if (kind == ELEMENT_SKIP ||
			 byte_set_has(&policy->sets.items[argument], '/'))
			return 0;
	}
	return levels;
}

/** Is its pattern one that policy_prefixes() tells of? A rule of both actions
 * is shown once. */
static bool is_protecting(const struct policy *policy,
			  const struct branch *branch)
{
	const struct policy_rule *rule = &policy->rules[branch->rule];

	return rule->verdict != VERDICT_ALLOW &&
	       (branch->action == ACTION_READ ||
		(branch->action == ACTION_WRITE &&
		 !(rule->actions & 1u << ACTION_READ)));
}

static bool
visit_prefix(const struct policy *policy, const struct branch *branch,
	     bool (*visit)(void *context, const struct policy_prefix *),
	     void *context)
{
	const struct line *line = &branch->line;
	struct policy_prefix prefix = {.rule = &policy->rules[branch->rule]};
	size_t length = line_directory(line);
	char path[LINE_MOST + 2];

	if (length > LINE_MOST)
		length = LINE_MOST;
	memcpy(path, line->prefix, length);
	path[length] = '\0';
	if (length == 0)
		strcpy(path, "/");
	prefix.whole = line->shape != SHAPE_TAIL;
	prefix.levels = prefix.whole ? 1 : levels_of(policy, line);
	if (length > 0 || prefix.whole ||
	    element_kind(line->tail[0]) != ELEMENT_SKIP)
		prefix.path = path;
	return visit(context, &prefix);
}

void policy_prefixes(const struct policy *policy,
		     bool (*visit)(void *context, const struct policy_prefix *),
		     void *context)
{
	for (size_t i = 0; i < policy->branch_count; i++)
		if (is_protecting(policy, &policy->branches[i]) &&
		    !visit_prefix(policy, &policy->branches[i], visit, context))
			return;
}

int policy_find_fakes(struct policy *policy)
{
	const struct branch **list = arena_alloc(
		&policy->arena, policy->branch_count * sizeof(*list) + 1);

	if (!list)
		return -ENOMEM;
	policy->fakes = list;
	for (size_t i = 0; i < policy->branch_count; i++) {
		const struct branch *branch = &policy->branches[i];

		if (is_protecting(policy, branch) &&
		    policy->rules[branch->rule].verdict == VERDICT_FAKE &&
		    branch->line.shape != SHAPE_TAIL)
			list[policy->fake_count++] = branch;
	}
	return 0;
}

void policy_fakes(const struct policy *policy,
		  bool (*visit)(void *context, const struct policy_prefix *),
		  void *context)
{
	for (size_t i = 0; i < policy->fake_count; i++)
		if (!visit_prefix(policy, policy->fakes[i], visit, context))
			return;
}
