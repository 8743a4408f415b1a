#include "supervisor/commands/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/scope.h"
#include "supervisor/say.h"

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
	if (change->kinds < CHANGES_EXAMPLES)
		change->examples[change->kinds] = seen;
	change->kinds++;
	changes->changed += seen->count;
	return 0;
}

int changes_decide(struct changes *changes, const struct history *history,
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
	for (size_t i = 0; i < change->kinds && i < CHANGES_EXAMPLES; i++)
		add_example(text, change->examples[i]);
	if (change->kinds > CHANGES_EXAMPLES)
		text_format(text, "      and %zu more like these\n",
			    change->kinds - CHANGES_EXAMPLES);
}

void changes_add_rule(struct text *text, const char *rule, const char *file,
		      unsigned line)
{
	text_add_string(text, "\"rule\":{\"file\":");
	text_add_json(text, file, strlen(file));
	text_format(text, ",\"line\":%u,\"text\":", line);
	text_add_json(text, rule, strlen(rule));
	text_add_byte(text, '}');
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
		text_add_byte(text, ',');
		changes_add_rule(text, info.text, info.file, info.line);
	}
	text_add_string(text, ",\"examples\":[");
	for (size_t i = 0; i < change->kinds && i < CHANGES_EXAMPLES; i++) {
		const char *subject = change->examples[i]->subject;

		text_add_string(text, i ? "," : "");
		text_add_json(text, subject, strlen(subject));
	}
	text_add_string(text, "]}\n");
}

int changes_print(struct changes *changes, bool json)
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
	text_format(&text,
		    json ? "{\"changed\":%llu,\"of\":%llu}\n"
			 : "%llu of %llu recorded events would be decided "
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
