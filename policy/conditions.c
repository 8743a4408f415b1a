/*
 * What a rule wants beside its pattern: a program, arguments, a date.
 */
#include "policy/decide.h"

#include <string.h>

static bool set_matches(const struct set_table *sets,
			const struct line_set *lines, const char *subject)
{
	size_t length = strlen(subject);

	for (size_t i = 0; i < lines->count; i++)
		if (line_matches(sets, &lines->items[i],
				 (const uint8_t *)subject, length))
			return true;
	return false;
}

/** A glob without a slash is matched with the base name too. */
static bool argv0_matches(const struct set_table *sets,
			  const struct line_set *lines, bool base,
			  const char *argv0)
{
	const char *slash;

	if (!argv0)
		return false;
	if (set_matches(sets, lines, argv0))
		return true;
	slash = strrchr(argv0, '/');
	return base && slash && set_matches(sets, lines, slash + 1);
}

/** `surely`: what may be another file than it seems does not count. */
static bool program_matches(const struct set_table *sets,
			    const struct program_test *test,
			    const struct policy_program *program, bool surely)
{
	if (surely &&
	    (program->unsure || (test->has_script && program->script_unsure)))
		return false;
	if (!program->exe || !set_matches(sets, &test->exe, program->exe))
		return false;
	if (test->has_argv0 && !argv0_matches(sets, &test->argv0,
					      test->argv0_base, program->argv0))
		return false;
	return !test->has_script ||
	       (program->script &&
		set_matches(sets, &test->script, program->script));
}

static bool arguments_match(const struct set_table *sets,
			    const struct line_set *lines,
			    const struct policy_query *query)
{
	for (size_t i = 0; i < lines->count; i++) {
		struct line_run run;
		bool alive = true;

		line_run_start(&run, sets, &lines->items[i]);
		for (size_t a = 1; a < query->argc && alive; a++)
			/* With its NUL, which ends each argument. */
			alive = line_run_feed(&run,
					      (const uint8_t *)query->argv[a],
					      strlen(query->argv[a]) + 1);
		if (alive && line_run_matches(&run))
			return true;
	}
	return false;
}

static const struct policy_program *program_of(struct asking *asking)
{
	const struct policy_query *query = asking->query;

	if (!asking->program_known && query->program)
		asking->program = query->program(query->program_context);
	asking->program_known = true;
	return asking->program;
}

bool rule_names(const struct policy *policy, const struct policy_rule *rule,
		const struct policy_program *program)
{
	const struct set_table *sets = &policy->sets;
	bool surely = rule->verdict == VERDICT_ALLOW;
	const struct policy_program *at;

	if (rule->by && !program_matches(sets, rule->by, program, surely))
		return false;
	if (!rule->under)
		return true;
	for (at = program; at; at = at->parent)
		if (program_matches(sets, rule->under, at, surely))
			return true;
	return false;
}

static bool callers_match(struct asking *asking, const struct policy_rule *rule)
{
	const struct policy_program *program = program_of(asking);

	/* Who calls is not known: what grants does not, what refuses does. */
	return program ? rule_names(asking->policy, rule, program)
		       : rule->verdict != VERDICT_ALLOW;
}

bool rule_holds(struct asking *asking, const struct policy_rule *rule)
{
	const struct set_table *sets = &asking->policy->sets;
	const struct policy_query *query = asking->query;

	if (rule->has_until && query->now >= rule->until)
		return false;
	if (rule->has_arguments || rule->has_argv0) {
		if (query->argc == 0)
			return rule->verdict != VERDICT_ALLOW;
		if (rule->has_argv0 &&
		    !argv0_matches(sets, &rule->argv0, rule->argv0_base,
				   query->argv[0]))
			return false;
		if (rule->has_arguments &&
		    !arguments_match(sets, &rule->arguments, query))
			return false;
	}
	return (!rule->by && !rule->under) || callers_match(asking, rule);
}
