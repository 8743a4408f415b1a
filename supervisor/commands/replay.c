#include "supervisor/commands/propose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/arena.h"
#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/say.h"

enum {
	EXAMPLES = 3,
	DIFF_SESSIONS = 50, /* the newest, for examples */
};

/* What changes in the same way, by the same rule. */
struct change {
	enum verdict before, after;
	enum action action;
	const struct policy_rule *rule; /* that decides now, or NULL */
	uint64_t events;
	size_t kinds;
	const struct observation *examples[EXAMPLES];
};

struct changes {
	const struct policy_input *input;
	struct change *items;
	size_t count, capacity;
	uint64_t events, changed;
	size_t kinds, unreadable;
};

static struct change *change_find(struct changes *changes,
				  const struct change *like)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->items[i];

		if (change->before == like->before &&
		    change->after == like->after &&
		    change->action == like->action &&
		    change->rule == like->rule)
			return change;
	}
	if (array_add(changes->items, changes->count, changes->capacity, *like))
		return NULL;
	return &changes->items[changes->count - 1];
}

static int change_add(struct changes *changes, const struct observation *seen,
		      enum verdict before, const struct policy_decision *after)
{
	const struct change like = {
		.before = before,
		.after = after->verdict,
		.action = seen->action,
		.rule = after->rule,
	};
	struct change *change;

	if (before == after->verdict)
		return 0;
	change = change_find(changes, &like);
	if (!change)
		return -ENOMEM;
	change->events += seen->count;
	if (change->kinds < EXAMPLES)
		change->examples[change->kinds] = seen;
	change->kinds++;
	changes->changed += seen->count;
	return 0;
}

/* Decide all of a history again; `before` NULL: compare with the record. */
static int decide_again(struct changes *changes, const struct history *history,
			const struct policy *before, const struct policy *after)
{
	int error = 0;

	changes->events += history_events(history);
	for (size_t i = 0; i < history_count(history) && !error; i++) {
		const struct observation *seen = history_at(history, i);
		struct policy_decision old = {.verdict = seen->verdict}, now;
		struct question question;

		error = question_of(changes->input, seen, &question);
		if (error == -EINVAL) {
			changes->unreadable++;
			error = 0;
			continue;
		}
		if (error)
			return error;
		if (before)
			policy_decide(before, &question.query, &old);
		policy_decide(after, &question.query, &now);
		question_clear(&question);
		changes->kinds++;
		error = change_add(changes, seen, old.verdict, &now);
	}
	return error;
}

/* ---------------------------------------------------------------- output -- */

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	struct policy_rule_info rule_a = {0}, rule_b = {0};

	if (a->events != b->events)
		return a->events < b->events ? 1 : -1;
	if (a->rule)
		policy_rule_info(a->rule, &rule_a);
	if (b->rule)
		policy_rule_info(b->rule, &rule_b);
	if (rule_a.line != rule_b.line)
		return rule_a.line < rule_b.line ? -1 : 1;
	if (a->action != b->action)
		return a->action < b->action ? -1 : 1;
	return (int)a->before - (int)b->before;
}

static void add_example(struct text *text, const struct observation *seen)
{
	const char *name = seen->exe ? strrchr(seen->exe, '/') : NULL;

	text_add_string(text, "      ");
	text_add_shown(text, seen->subject, strlen(seen->subject));
	for (size_t i = 1; i < seen->argc && i < 8; i++) {
		text_add_byte(text, ' ');
		text_add_shown(text, seen->argv[i], strlen(seen->argv[i]));
	}
	if (name) {
		text_add_string(text, "  by ");
		text_add_shown(text, name + 1, strlen(name + 1));
	}
	text_format(text, "  %llu time%s\n", (unsigned long long)seen->count,
		    seen->count == 1 ? "" : "s");
}

static void add_change(struct text *text, const struct change *change)
{
	struct policy_rule_info info;

	text_format(text, "%s %s -> %s: %llu event%s, by ",
		    action_name(change->action), verdict_name(change->before),
		    verdict_name(change->after),
		    (unsigned long long)change->events,
		    change->events == 1 ? "" : "s");
	if (change->rule) {
		policy_rule_info(change->rule, &info);
		text_add_shown(text, info.text, strlen(info.text));
		text_format(text, " (%s:%u)\n", info.file, info.line);
	} else {
		text_add_string(text, "no rule, so it is asked\n");
	}
	for (size_t i = 0; i < change->kinds && i < EXAMPLES; i++)
		add_example(text, change->examples[i]);
	if (change->kinds > EXAMPLES)
		text_format(text, "      and %zu more like these\n",
			    change->kinds - EXAMPLES);
}

static void add_change_json(struct text *text, const struct change *change)
{
	struct policy_rule_info info;

	text_format(text,
		    "{\"action\":\"%s\",\"before\":\"%s\",\"after\":\"%s\","
		    "\"events\":%llu",
		    action_name(change->action), verdict_name(change->before),
		    verdict_name(change->after),
		    (unsigned long long)change->events);
	if (change->rule) {
		policy_rule_info(change->rule, &info);
		text_add_string(text, ",\"rule\":{\"file\":");
		text_add_json(text, info.file, strlen(info.file));
		text_format(text, ",\"line\":%u,\"text\":", info.line);
		text_add_json(text, info.text, strlen(info.text));
		text_add_byte(text, '}');
	}
	text_add_string(text, ",\"examples\":[");
	for (size_t i = 0; i < change->kinds && i < EXAMPLES; i++) {
		const char *subject = change->examples[i]->subject;

		text_add_string(text, i ? "," : "");
		text_add_json(text, subject, strlen(subject));
	}
	text_add_string(text, "]}\n");
}

static int print_changes(struct changes *changes, bool json)
{
	struct text text = {0};
	auto_free char *string = NULL;

	if (changes->count)
		qsort(changes->items, changes->count, sizeof(*changes->items),
		      compare_changes);
	for (size_t i = 0; i < changes->count; i++) {
		if (json)
			add_change_json(&text, &changes->items[i]);
		else
			add_change(&text, &changes->items[i]);
	}
	if (!json)
		text_format(&text,
			    "%llu of %llu recorded events would be decided "
			    "otherwise\n",
			    (unsigned long long)changes->changed,
			    (unsigned long long)changes->events);
	int error = text_finish(&text, &string);

	if (!error)
		fputs(string, stdout);
	if (changes->unreadable)
		say("%zu kinds of events could not be decided again",
		    changes->unreadable);
	return !error && fflush(stdout) ? -errno : error;
}

/* ---------------------------------------------------------------- replay -- */

static int replay(struct layered *layered, struct session_entry *session)
{
	struct history *history = history_new();
	struct layers *layers = NULL;
	struct policy *policy = NULL;
	struct changes changes = {0};
	int error = history ? recorded_read(history, session) : -ENOMEM;

	if (!layered->layers.project) {
		layered->layers.project = session->info.project;
		layered->layers.recorded = true;
	}
	if (!layered->layers.program)
		layered->layers.program = session->info.program;
	if (!error)
		error = layers_load(&layered->layers, stderr, &layers);
	if (!error)
		error = layers_policy(layers, false, stderr, &policy);
	if (!error) {
		changes.input = layers_input(layers);
		error = decide_again(&changes, history, NULL, policy);
	}
	if (!error)
		error = print_changes(&changes, layered->json);
	if (!error && history_malformed(history))
		say("%llu lines could not be read: interpose log verify %s",
		    (unsigned long long)history_malformed(history),
		    session->id);
	free(changes.items);
	policy_free(policy);
	layers_free(layers);
	history_free(history);
	return error ? 1 : 0;
}

int command_replay(int argc, char **argv)
{
	static const char usage[] = "replay [SESSION] [-p POLICY] [OPTION...]";
	struct session_entry session;
	struct layered layered;
	int status = recorded_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count > 1) {
		say("usage: interpose %s", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	const char *name = layered.word_count ? layered.words[0] : NULL;

	error = sessions_find(name, &session);
	if (error) {
		recorded_not_found(name, error);
		layered_free(&layered);
		return 1;
	}
	status = replay(&layered, &session);
	session_entry_clear(&session);
	layered_free(&layered);
	return status;
}

/* ------------------------------------------------------------------ diff -- */

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
	char mark;
	size_t rules;
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
	if (before.verdict != after.verdict) {
		text_format(diff->text, "      %s ", action_name(action));
		text_add_shown(diff->text, subject, strlen(subject));
		text_format(diff->text, ": %s -> %s\n",
			    verdict_name(before.verdict),
			    verdict_name(after.verdict));
	}
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

static void put_line(struct rules_diff *diff, char mark, const char *rule,
		     const char *file, unsigned line)
{
	text_format(diff->text, "%c ", mark);
	text_add_shown(diff->text, rule, strlen(rule));
	text_format(diff->text, "  (%s:%u)\n", file, line);
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
	size_t before = diff->text->length, headed;

	put_line(diff, search.found ? '=' : diff->mark, info.text, info.file,
		 info.line);
	headed = diff->text->length;
	try_patterns(diff, &info);
	if (!search.found || diff->text->length != headed)
		diff->rules++;
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
	diff->rules++;
	put_line(diff, diff->mark, line->text, line->file, line->line);
	return true;
}

static int print_rules(const struct side *old, const struct side *new)
{
	struct text text = {0};
	auto_free char *string = NULL;
	struct rules_diff diff = {
		.here = old,
		.old = old,
		.new = new,
		.input = layers_input(new->layers),
		.mark = '-',
		.text = &text,
	};

	policy_rules(old->policy, compare_rule, &diff);
	policy_other_lines(old->policy, compare_line, &diff);
	diff.here = new;
	diff.mark = '+';
	policy_rules(new->policy, compare_rule, &diff);
	policy_other_lines(new->policy, compare_line, &diff);
	if (!diff.rules)
		text_add_string(&text, "both have the same rules\n");
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
		error = decide_again(&changes, history, old->policy,
				     new->policy);
	if (!error)
		error = print_changes(&changes, json);
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
	if (!error && !layered.json)
		error = print_rules(&old, &new);
	if (!error)
		error = diff_sessions(&old, &new, layered.json);
	side_close(&old);
	side_close(&new);
	layered_free(&layered);
	return error ? 1 : 0;
}
