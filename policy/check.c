/*
 * A rule never decides if each of its patterns lies inside one of a rule that
 * always wins over it: a later one, or an earlier one that is final. Where that
 * takes two rules together, nothing is said.
 */
#include "policy/check.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/decide.h"
#include "policy/include.h"

/** Does `winner`, which matches all that `branch` does, always win over it? */
static bool always_wins(const struct policy *policy,
			const struct branch *winner,
			const struct branch *branch)
{
	const struct policy_rule *over = &policy->rules[winner->rule];
	const struct policy_rule *rule = &policy->rules[branch->rule];

	if (winner->conditional || winner->rule == branch->rule)
		return false;
	if (winner->rule < branch->rule)
		return over->final;
	if (rule->final)
		return false;
	/* A grant may lift the wider refusal and leave the narrower one. */
	if (!winner->granting)
		return branch->granting || over->final ||
		       line_inside(&policy->sets, &winner->line, &branch->line);
	/* What lifts an earlier refusal is needed though another decides. */
	if (branch->granting)
		return branch->lift_count == 0 && !rule->override;
	return branch_lifts(policy, winner, branch->rule);
}

/** The rule that takes everything from this branch, or NULL. */
static const struct policy_rule *taken_by(const struct policy *policy,
					  const struct branch *branch)
{
	for (size_t i = policy->branch_count; i-- > 0;) {
		const struct branch *other = &policy->branches[i];

		if (other->action == branch->action &&
		    other->space == branch->space &&
		    always_wins(policy, other, branch) &&
		    line_inside(&policy->sets, &branch->line, &other->line))
			return &policy->rules[other->rule];
	}
	return NULL;
}

static void check_dead(const struct policy *policy, size_t first, size_t end,
		       struct policy_diagnostics *list)
{
	const struct policy_rule *rule =
		&policy->rules[policy->branches[first].rule];
	const struct policy_rule *taker = NULL;

	for (size_t i = first; i < end; i++) {
		taker = taken_by(policy, &policy->branches[i]);
		if (!taker)
			return;
	}
	if (!taker)
		return;
	diagnostics_warn(list, &rule->place, NULL,
			 "this never decides: `%s` (%s:%u) %s", taker->text,
			 taker->place.file, taker->place.line,
			 taker->index < rule->index
				 ? "is final, and comes before it"
				 : "matches all of it, and comes later");
}

static bool is_in(const uint32_t *items, size_t count, uint32_t item)
{
	for (size_t i = 0; i < count; i++)
		if (items[i] == item)
			return true;
	return false;
}

/** Warn of the earlier layers' refusals that a grant overlaps with. */
static int check_lifts(const struct policy *policy, size_t first, size_t end,
		       struct policy_diagnostics *list)
{
	const struct policy_rule *rule =
		&policy->rules[policy->branches[first].rule];
	const struct policy_rule *shown = NULL;
	uint32_t *met = NULL;
	size_t count = 0, capacity = 0;
	int error = 0;

	for (size_t i = first; i < end; i++) {
		const struct branch *granting = &policy->branches[i];

		for (size_t j = 0; j < first && !error; j++) {
			const struct branch *other = &policy->branches[j];

			if (other->granting ||
			    other->action != granting->action ||
			    other->space != granting->space ||
			    branch_lifts(policy, granting, other->rule) ||
			    is_in(met, count, other->rule) ||
			    !lines_meet(&policy->sets, &granting->line,
					&other->line))
				continue;
			shown = &policy->rules[other->rule];
			error = array_add(met, count, capacity, other->rule);
		}
	}
	if (shown && !error)
		diagnostics_warn(
			list, &rule->place,
			"a narrower pattern inside it would, or `override`",
			count == 1 ? "this does not lift `%s` (%s:%u)"
				   : "this does not lift `%s` (%s:%u), and "
				     "others: %zu earlier rules stay",
			shown->text, shown->place.file, shown->place.line,
			count);
	free(met);
	return error;
}

int policy_check(const struct policy *policy, struct policy_diagnostics *list)
{
	size_t end;
	int error = 0;

	for (size_t i = 0; i < policy->branch_count && !error; i = end) {
		const struct branch *branch = &policy->branches[i];
		const struct policy_rule *rule = &policy->rules[branch->rule];

		for (end = i; end < policy->branch_count &&
			      policy->branches[end].rule == branch->rule;)
			end++;
		check_dead(policy, i, end, list);
		/* Built-in layers overlap on purpose. */
		if (branch->granting && !rule->override &&
		    rule->kind > POLICY_LAYER_PROFILE)
			error = check_lifts(policy, i, end, list);
	}
	if (!error && diagnostics_failed(list))
		error = -ENOMEM;
	return error;
}
