#include "supervisor/commands/propose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/commands/changes.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/say.h"

enum { DIFF_SESSIONS = 50 }; /* the newest, for examples */

struct side {
	struct layers *layers;
	struct policy *policy;
};

static int side_open(struct layered *layered, const char *name,
		     struct side *side)
{
	struct layers_options options = layered->layers;
	const char **policies =
		calloc(options.policy_count + 1, sizeof(*policies));
	int error = policies ? 0 : -ENOMEM;

	if (!error) {
		if (options.policy_count)
			memcpy(policies, options.policies,
			       options.policy_count * sizeof(*policies));
		policies[options.policy_count++] = name;
		options.policies = policies;
		error = layers_load(&options, stderr, &side->layers);
	}
	if (!error)
		error = layers_policy(side->layers, false, stderr,
				      &side->policy);
	free(policies);
	return error;
}

static void side_close(struct side *side)
{
	policy_free(side->policy);
	layers_free(side->layers);
}

/* A rule of one side, and whether the other has it, too. */
struct search {
	const char *text;
	bool found;
};

static bool same_rule(void *context, const struct policy_rule *rule)
{
	struct search *search = context;
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	search->found = strcmp(info.text, search->text) == 0;
	return !search->found;
}

struct rules_diff {
	const struct side *here, *old, *new;
	const struct policy_input *input;
	char mark; /* of a rule that only `here` has */
	bool json;
	size_t rules, examples;
	struct text *text;
};

/* A thing that the pattern covers: wildcards become a name. */
static char *example_of(const char *pattern, size_t length)
{
	struct text text = {0};
	char *string = NULL;

	for (size_t i = 0; i < length; i++) {
		if (pattern[i] != '*') {
			text_add_byte(&text,
				      pattern[i] == '?' ? 'x' : pattern[i]);
			continue;
		}
		while (i + 1 < length && pattern[i + 1] == '*')
			i++;
		text_add_string(&text, "example");
	}
	text_add_string(&text, "");
	return text_finish(&text, &string) ? NULL : string;
}

static void put_example(struct rules_diff *diff, enum action action,
			const char *subject, enum verdict before,
			enum verdict after)
{
	struct text *text = diff->text;

	diff->examples++;
	if (!diff->json) {
		text_format(text, "      %s ", action_name(action));
		text_add_shown(text, subject, strlen(subject));
		text_format(text, ": %s -> %s\n", verdict_name(before),
			    verdict_name(after));
		return;
	}
	text_format(text, "%s{\"action\":\"%s\",\"subject\":",
		    diff->examples > 1 ? "," : "", action_name(action));
	text_add_json(text, subject, strlen(subject));
	text_format(text, ",\"before\":\"%s\",\"after\":\"%s\"}",
		    verdict_name(before), verdict_name(after));
}

/* Ask both sides about an example of what stands in a rule; print where they
 * differ. */
static void try_pattern(struct rules_diff *diff, enum action action,
			const char *pattern, size_t length)
{
	auto_free char *subject = example_of(pattern, length);
	auto_free char *message = NULL;
	const char *words[] = {action_name(action), subject};
	struct policy_subject *parsed = NULL;
	struct policy_decision before, after;
	struct policy_query query;

	if (!subject ||
	    policy_subject_parse(diff->input, words, 2, &parsed, &message))
		return;
	query = *policy_subject_query(parsed);
	query.now = time(NULL);
	policy_decide(diff->old->policy, &query, &before);
	policy_decide(diff->new->policy, &query, &after);
	if (before.verdict != after.verdict)
		put_example(diff, action, subject, before.verdict,
			    after.verdict);
	policy_subject_free(parsed);
}

/* The words after the actions, up to what qualifies the rule. */
static void try_patterns(struct rules_diff *diff,
			 const struct policy_rule_info *info)
{
	static const char *const ends[] = {"as",    "by",	"under",  "log",
					   "until", "override", "because"};
	const char *at = info->text;
	bool pattern = false;

	for (int word = 0; *at; word++) {
		size_t length = strcspn(at, " ");
		bool end = *at == '"';

		if (word == 0 && length == 5 && !strncmp(at, "final", 5))
			word = -1;
		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
			end |= length == strlen(ends[i]) &&
			       !strncmp(at, ends[i], length);
		if (word >= 2 && end)
			return;
		pattern = word == 2 ||
			  (word > 2 && !(info->actions & 1U << ACTION_EXEC));
		for (int action = 0; pattern && action < ACTION_COUNT; action++)
			if (action != ACTION_HTTP &&
			    info->actions & 1U << action)
				try_pattern(diff, (enum action)action, at,
					    length);
		at += length;
		at += strspn(at, " ");
	}
}

/* Examples come behind it. */
static void put_line(struct rules_diff *diff, char mark, const char *rule,
		     const char *file, unsigned line)
{
	diff->examples = 0;
	if (diff->json) {
		text_format(diff->text, "{\"in\":\"%s\",",
			    mark == '='	  ? "both"
			    : mark == '-' ? "old"
					  : "new");
		changes_add_rule(diff->text, rule, file, line);
		text_add_string(diff->text, ",\"examples\":[");
		return;
	}
	text_format(diff->text, "%c ", mark);
	text_add_shown(diff->text, rule, strlen(rule));
	text_format(diff->text, "  (%s:%u)\n", file, line);
}

static void end_line(struct rules_diff *diff)
{
	diff->rules++;
	if (diff->json)
		text_add_string(diff->text, "]}\n");
}

/* A rule of both is told of where it decides otherwise, for the order may be
 * another; but not those that come with interpose, which have theirs. */
static bool compare_rule(void *context, const struct policy_rule *rule)
{
	struct rules_diff *diff = context;
	const struct side *other =
		diff->here == diff->old ? diff->new : diff->old;
	struct policy_rule_info info;
	struct search search = {0};

	policy_rule_info(rule, &info);
	search.text = info.text;
	policy_rules(other->policy, same_rule, &search);
	if (search.found &&
	    (diff->here == diff->old || info.layer <= POLICY_LAYER_PROFILE))
		return true;
	size_t before = diff->text->length;

	put_line(diff, search.found ? '=' : diff->mark, info.text, info.file,
		 info.line);
	try_patterns(diff, &info);
	if (!search.found || diff->examples)
		end_line(diff);
	else if (!diff->text->failed)
		diff->text->data[diff->text->length = before] = '\0';
	return true;
}

static bool same_line(void *context, const char *kind,
		      const struct policy_line *line)
{
	struct search *search = context;

	(void)kind;
	search->found |= strcmp(line->text, search->text) == 0;
	return !search->found;
}

/* A secret, a limit and their kind: of those there are no examples. */
static bool compare_line(void *context, const char *kind,
			 const struct policy_line *line)
{
	struct rules_diff *diff = context;
	const struct side *other =
		diff->here == diff->old ? diff->new : diff->old;
	struct search search = {.text = line->text};

	(void)kind;
	policy_other_lines(other->policy, same_line, &search);
	if (search.found)
		return true;
	put_line(diff, diff->mark, line->text, line->file, line->line);
	end_line(diff);
	return true;
}

static int print_rules(const struct side *old, const struct side *new,
		       bool json)
{
	struct text text = {0};
	auto_free char *string = NULL;
	struct rules_diff diff = {
		.here = old,
		.old = old,
		.new = new,
		.input = layers_input(new->layers),
		.mark = '-',
		.json = json,
		.text = &text,
	};

	policy_rules(old->policy, compare_rule, &diff);
	policy_other_lines(old->policy, compare_line, &diff);
	diff.here = new;
	diff.mark = '+';
	policy_rules(new->policy, compare_rule, &diff);
	policy_other_lines(new->policy, compare_line, &diff);
	if (!diff.rules && !json)
		text_add_string(&text, "both have the same rules\n");
	text_add_string(&text, "");
	int error = text_finish(&text, &string);

	if (!error)
		fputs(string, stdout);
	return error;
}

/* Examples: what the project's sessions did. */
static int diff_sessions(const struct side *old, const struct side *new,
			 bool json)
{
	struct history *history = history_new();
	struct session_entry *entries = NULL;
	struct changes changes = {.input = layers_input(new->layers)};
	const char *project = layers_variable(new->layers, "project");
	size_t count = 0, used = 0;
	int error = history ? sessions_list(&entries, &count) : -ENOMEM;

	for (size_t i = 0; i < count && used < DIFF_SESSIONS && !error; i++) {
		if (!entries[i].info.project ||
		    strcmp(entries[i].info.project, project) != 0)
			continue;
		error = recorded_read(history, &entries[i]);
		used++;
	}
	sessions_free(entries, count);
	if (!error)
		error = changes_decide(&changes, history, old->policy,
				       new->policy);
	if (!error)
		error = changes_print(&changes, json);
	free(changes.items);
	history_free(history);
	return error;
}

int command_policy_diff(int argc, char **argv)
{
	static const char usage[] = "policy diff [OPTION...] OLD NEW";
	struct side old = {0}, new = {0};
	struct layered layered;
	int status = recorded_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count != 2) {
		say("usage: interpose %s", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	error = side_open(&layered, layered.words[0], &old);
	if (!error)
		error = side_open(&layered, layered.words[1], &new);
	if (!error)
		error = print_rules(&old, &new, layered.json);
	if (!error)
		error = diff_sessions(&old, &new, layered.json);
	side_close(&old);
	side_close(&new);
	layered_free(&layered);
	return error ? 1 : 0;
}
