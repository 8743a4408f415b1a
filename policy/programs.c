/*
 * What a policy says of programs as such: which of its decisions depend on who
 * calls, and who is granted something that others are not.
 */
#include "policy/decide.h"

#include <string.h>

static bool asks_who(const struct policy_rule *rule)
{
	return rule->by || rule->under;
}

static bool asks_when(const struct policy_rule *rule)
{
	return rule->has_until;
}

/* Is there a rule of that kind about the subject? Errs on the side of true. */
static bool is_subject_of(const struct policy *policy,
			  const struct policy_query *query,
			  bool (*kind)(const struct policy_rule *rule))
{
	struct subject_room room;
	struct matches matches;
	const struct match *source;
	uint32_t index;

	if (!query_find(policy, query, query->action, &room, &matches))
		return true;
	matches_widen(&matches);
	if (matches.overflow)
		return true;
	while ((index = matches_next(&matches, &source)) != NO_BRANCH) {
		const struct branch *branch = &policy->branches[index];
		const struct policy_rule *rule = &policy->rules[branch->rule];

		if (!kind(rule))
			continue;
		if (source->list ||
		    line_matches(&policy->sets, &branch->line, source->subject,
				 source->length))
			return true;
	}
	return false;
}

bool policy_depends_on_program(const struct policy *policy,
			       const struct policy_query *query)
{
	return is_subject_of(policy, query, asks_who);
}

bool policy_depends_on_time(const struct policy *policy,
			    const struct policy_query *query)
{
	return is_subject_of(policy, query, asks_when);
}

static bool names(const struct policy *policy, const struct policy_rule *rule,
		  const struct policy_program *program)
{
	return program && rule_names(policy, rule, program);
}

bool policy_grants_beyond(const struct policy *policy,
			  const struct policy_program *program,
			  const struct policy_program *other)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if ((rule->by || rule->under) &&
		    rule->verdict == VERDICT_ALLOW &&
		    names(policy, rule, program) && !names(policy, rule, other))
			return true;
	}
	return false;
}

struct policy_program_use policy_program_use(const struct policy *policy)
{
	struct policy_program_use use = {0};

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const struct program_test *test =
			rule->by ? rule->by : rule->under;

		if (!test)
			continue;
		use.any = true;
		use.under = use.under || rule->under;
		use.argv0 = use.argv0 || test->has_argv0;
	}
	return use;
}

static bool visit_exact(const struct line_set *lines,
			bool (*visit)(void *context, const char *path),
			void *context)
{
	for (size_t i = 0; i < lines->count; i++) {
		const struct line *line = &lines->items[i];
		char path[4096];

		if (line->shape != SHAPE_EXACT ||
		    line->prefix_length >= sizeof(path))
			continue;
		memcpy(path, line->prefix, line->prefix_length);
		path[line->prefix_length] = '\0';
		if (!visit(context, path))
			return false;
	}
	return true;
}

void policy_granted_programs(const struct policy *policy,
			     bool (*visit)(void *context, const char *path),
			     void *context)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const struct program_test *test =
			rule->by ? rule->by : rule->under;

		if (!test || rule->verdict != VERDICT_ALLOW)
			continue;
		if (!visit_exact(&test->exe, visit, context) ||
		    !visit_exact(&test->script, visit, context))
			return;
	}
}
