/*
 * The effective list, for people and for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/rules.h"
#include "policy/scope.h"
#include "policy/text.h"

enum { WIDEST_PLACE = 40 };

static size_t number_width(unsigned number)
{
	size_t width = 1;

	for (; number >= 10; number /= 10)
		width++;
	return width;
}

static void show_line(struct text *text, size_t width, const char *file,
		      unsigned line, const char *rule)
{
	size_t columns = text_add_shown(text, file, strlen(file));

	text_format(text, ":%u", line);
	columns += 1 + number_width(line);
	for (; columns < width; columns++)
		text_add_byte(text, ' ');
	text_add_string(text, "  ");
	text_add_shown(text, rule, strlen(rule));
	text_add_byte(text, '\n');
}

/* A line about both reading and writing is shown once. */
static bool shown_clipboard(const struct policy *policy, size_t how)
{
	const struct policy_line *line = &policy->clipboard_lines[how];

	return line->text &&
	       (how == 0 || line->text != policy->clipboard_lines[0].text);
}

void policy_other_lines(const struct policy *policy,
			bool (*visit)(void *context, const char *kind,
				      const struct policy_line *),
			void *context)
{
	bool more = true;

	for (size_t i = 0; i < policy->secret_count && more; i++)
		more = visit(context, "secret", &policy->secrets[i].line);
	for (size_t i = 0; i < policy->agent_count && more; i++)
		more = visit(context, "ssh-agent", &policy->agents[i].line);
	for (size_t i = 0; i < LIMIT_COUNT && more; i++)
		if (policy->limits[i] >= 0)
			more = visit(context, "limit", &policy->limit_lines[i]);
	if (policy->tracing_line.text && more)
		more = visit(context, "ptrace", &policy->tracing_line);
	for (size_t i = 0; i < POLICY_CLIPBOARD_COUNT && more; i++)
		if (shown_clipboard(policy, i))
			more = visit(context, "clipboard",
				     &policy->clipboard_lines[i]);
}

struct showing {
	struct text *text;
	size_t width;
};

static bool show_other(void *context, const char *kind,
		       const struct policy_line *line)
{
	struct showing *showing = context;

	(void)kind;
	show_line(showing->text, showing->width, line->file, line->line,
		  line->text);
	return true;
}

static void show_text(const struct policy *policy, struct text *text)
{
	size_t width = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct place *place = &policy->rules[i].place;
		size_t columns =
			strlen(place->file) + 1 + number_width(place->line);

		if (columns > width && columns <= WIDEST_PLACE)
			width = columns;
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		show_line(text, width, policy->rules[i].place.file,
			  policy->rules[i].place.line, policy->rules[i].text);
	policy_other_lines(policy, show_other, &(struct showing){text, width});
}

static void json_line(struct text *text, const char *kind, const char *file,
		      unsigned line, const char *rule)
{
	text_add_string(text,
			text->length > 2 ? ",\n {\"kind\":" : " {\"kind\":");
	text_add_json(text, kind, strlen(kind));
	text_add_string(text, ",\"file\":");
	text_add_json(text, file, strlen(file));
	text_format(text, ",\"line\":%u,\"text\":", line);
	text_add_json(text, rule, strlen(rule));
}

static void json_rule(struct text *text, const struct policy_rule *rule)
{
	const char *comma = "";

	json_line(text, "rule", rule->place.file, rule->place.line, rule->text);
	text_format(text, ",\"verdict\":\"%s\",\"final\":%s,\"actions\":[",
		    verdict_name(rule->verdict),
		    rule->final ? "true" : "false");
	for (int action = 0; action < ACTION_COUNT; action++) {
		if (!(rule->actions & 1u << action))
			continue;
		text_format(text, "%s\"%s\"", comma,
			    action_name((enum action)action));
		comma = ",";
	}
	text_add_string(text, "]");
	if (rule->because) {
		text_add_string(text, ",\"because\":");
		text_add_json(text, rule->because, strlen(rule->because));
	}
	text_add_string(text, "}");
}

static bool json_other(void *context, const char *kind,
		       const struct policy_line *line)
{
	struct text *text = context;

	json_line(text, kind, line->file, line->line, line->text);
	text_add_string(text, "}");
	return true;
}

static void show_json(const struct policy *policy, struct text *text)
{
	text_add_string(text, "[\n");
	for (size_t i = 0; i < policy->rule_count; i++)
		json_rule(text, &policy->rules[i]);
	policy_other_lines(policy, json_other, text);
	text_add_string(text, "\n]\n");
}

void policy_show(const struct policy *policy, FILE *out, bool json)
{
	auto_free char *string = NULL;
	struct text text = {0};

	if (json)
		show_json(policy, &text);
	else
		show_text(policy, &text);
	if (text_finish(&text, &string) == 0)
		fputs(string, out);
}
