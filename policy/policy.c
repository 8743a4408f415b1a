/*
 * A policy from its sources, and what can be asked of its rules.
 */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/check.h"
#include "policy/fence.h"
#include "policy/include.h"
#include "policy/matcher.h"
#include "policy/parse.h"

/** Branches are made before their rule is whole; tell them the rest. */
static int finish_rules(struct policy *policy)
{
	uint32_t finals = 0;

	policy->finals_before = arena_alloc(
		&policy->arena,
		(policy->rule_count + 1) * sizeof(*policy->finals_before));
	if (!policy->finals_before)
		return -ENOMEM;
	for (size_t i = 0; i < policy->rule_count; i++) {
		policy->finals_before[i] = finals;
		finals += policy->rules[i].final;
	}
	for (size_t i = 0; i < policy->branch_count; i++) {
		struct branch *branch = &policy->branches[i];

		branch->conditional = policy->rules[branch->rule].conditional;
	}
	return 0;
}

static int build_matchers(struct policy *policy)
{
	uint32_t *branches =
		calloc(policy->branch_count + 1, sizeof(*branches));
	int error = branches ? 0 : -ENOMEM;

	for (int action = 0; action < ACTION_COUNT && !error; action++) {
		for (int space = 0; space < SPACE_COUNT && !error; space++) {
			size_t count = 0;

			for (size_t i = 0; i < policy->branch_count; i++)
				if (policy->branches[i].action ==
					    (enum action)action &&
				    policy->branches[i].space ==
					    (enum space)space)
					branches[count++] = (uint32_t)i;
			if (count == 0)
				continue;
			error = matcher_new(policy, branches, count,
					    &policy->matchers[action][space]);
		}
	}
	free(branches);
	return error;
}

int policy_load(const struct policy_input *input,
		struct policy_diagnostics *list, struct policy **out)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	struct parser parser = {
		.policy = policy,
		.diagnostics = list,
		.input = input,
	};
	size_t mistakes = policy_diagnostics_errors(list);
	int error;

	if (!policy)
		return -ENOMEM;
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		policy->limits[i] = -1;
	error = set_table_init(&policy->sets);
	if (!error)
		error = parse_sources(&parser);
	if (!error && diagnostics_failed(list))
		error = -ENOMEM;
	if (!error && policy_diagnostics_errors(list) > mistakes)
		error = -EINVAL;
	if (!error)
		error = finish_rules(policy);
	if (!error && input->known)
		input->known(input->known_context, policy);
	if (!error)
		error = build_matchers(policy);
	if (!error)
		error = policy_find_lifts(policy);
	if (!error)
		error = policy_find_otherwise(policy);
	if (!error)
		error = policy_find_fakes(policy);
	if (!error && input->check)
		error = policy_check(policy, list);
	if (error) {
		policy_free(policy);
		return error;
	}
	*out = policy;
	return 0;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (int action = 0; action < ACTION_COUNT; action++)
		for (int space = 0; space < SPACE_COUNT; space++)
			matcher_free(policy->matchers[action][space]);
	free(policy->rules);
	free(policy->http_hosts);
	free(policy->branches);
	free(policy->secrets);
	free(policy->included);
	free(policy->agents);
	set_table_free(&policy->sets);
	arena_clear(&policy->arena);
	free(policy);
}

void policy_rule_info(const struct policy_rule *rule,
		      struct policy_rule_info *info)
{
	*info = (struct policy_rule_info){
		.file = rule->place.file,
		.line = rule->place.line,
		.text = rule->text,
		.because = rule->because,
		.layer = rule->kind,
		.verdict = rule->verdict,
		.actions = rule->actions,
		.final = rule->final,
		.has_by = rule->by != NULL,
		.has_under = rule->under != NULL,
		.has_arguments = rule->has_arguments || rule->has_argv0,
		.has_host_name = rule->has_host_name,
		.has_until = rule->has_until,
		.has_log = rule->log,
		.fake = rule->verdict == VERDICT_FAKE ? &rule->fake : NULL,
	};
}

void policy_rules(const struct policy *policy,
		  bool (*visit)(void *context, const struct policy_rule *),
		  void *context)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (!visit(context, &policy->rules[i]))
			return;
}

void policy_secrets(const struct policy *policy,
		    bool (*visit)(void *context, const struct policy_line *),
		    void *context)
{
	for (size_t i = 0; i < policy->secret_count; i++)
		if (!visit(context, &policy->secrets[i].line))
			return;
}

void policy_secret_lines(const struct policy *policy,
			 bool (*visit)(void *context,
				       const struct policy_secret *),
			 void *context)
{
	for (size_t i = 0; i < policy->secret_count; i++)
		if (!visit(context, &policy->secrets[i]))
			return;
}

void policy_includes(const struct policy *policy,
		     bool (*visit)(void *context,
				   const struct policy_included *),
		     void *context)
{
	for (size_t i = 0; i < policy->included_count; i++)
		if (!visit(context, &policy->included[i]))
			return;
}

void policy_agent_lines(const struct policy *policy,
			bool (*visit)(void *context,
				      const struct policy_agent *),
			void *context)
{
	for (size_t i = 0; i < policy->agent_count; i++)
		if (!visit(context, &policy->agents[i]))
			return;
}

bool policy_tracing(const struct policy *policy)
{
	return policy->tracing;
}

bool policy_clipboard(const struct policy *policy, enum policy_clipboard how,
		      struct policy_line *line)
{
	if (line)
		*line = policy->clipboard_lines[how];
	return policy->clipboard_lines[how].text
		       ? policy->clipboard[how]
		       : how == POLICY_CLIPBOARD_WRITE;
}

int64_t policy_limit(const struct policy *policy, enum policy_limit limit,
		     struct policy_line *line)
{
	if (policy->limits[limit] >= 0 && line)
		*line = policy->limit_lines[limit];
	return policy->limits[limit];
}
