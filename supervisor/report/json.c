/* A report as one JSON object: the same numbers, in full. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/report/report.h"

static void name(struct text *text, const char *field)
{
	char last = text->length ? text->data[text->length - 1] : '{';

	if (last != '{' && last != '[')
		text_add_byte(text, ',');
	text_format(text, "\"%s\":", field);
}

static void string(struct text *text, const char *field, const char *value)
{
	if (!value)
		return;
	name(text, field);
	text_add_json(text, value, strlen(value));
}

static void number(struct text *text, const char *field, uint64_t value)
{
	name(text, field);
	text_format(text, "%" PRIu64, value);
}

static void begin(struct text *text)
{
	if (text->length && text->data[text->length - 1] != '[')
		text_add_byte(text, ',');
	text_add_byte(text, '{');
}

static void programs(const struct report *report, struct text *text)
{
	name(text, "programs");
	text_add_byte(text, '[');
	for (size_t i = 1; i < report->program_count; i++) {
		const struct report_program *program = &report->programs[i];

		begin(text);
		number(text, "id", i);
		number(text, "parent", program->parent);
		number(text, "pid", (uint64_t)program->pid);
		string(text, "exe", program->exe);
		string(text, "words", program->words);
		number(text, "start", (uint64_t)program->start);
		number(text, "end", (uint64_t)program->end);
		if (program->ended) {
			name(text, "ended");
			text_add_string(text, "true");
		}
		if (program->status >= 0)
			number(text, "status", (uint64_t)program->status);
		if (program->cpu >= 0)
			number(text, "cpu_ms", (uint64_t)program->cpu);
		number(text, "refused", program->refused);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void hosts(const struct report *report, struct text *text)
{
	name(text, "hosts");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->host_count; i++) {
		const struct report_host *host = &report->hosts[i];

		begin(text);
		string(text, "action", host->action);
		string(text, "name", host->name);
		string(text, "program", host->program);
		number(text, "allowed", host->allowed);
		number(text, "refused", host->refused);
		number(text, "requests", host->requests);
		if (host->measured) {
			number(text, "bytes_out", host->bytes_out);
			number(text, "bytes_in", host->bytes_in);
		}
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void files(const struct report *report, struct text *text)
{
	name(text, "files");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->file_count; i++) {
		const struct report_file *file = &report->files[i];

		begin(text);
		string(text, "path", file->path);
		number(text, "reads", file->reads);
		number(text, "writes", file->writes);
		number(text, "refused", file->refused);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void things(struct text *text, const char *field,
		   const struct report_refusal *list, size_t count, bool allow)
{
	name(text, field);
	text_add_byte(text, '[');
	for (size_t i = 0; i < count; i++) {
		const struct report_refusal *thing = &list[i];
		auto_free char *line = allow ? report_allow(thing) : NULL;

		begin(text);
		string(text, "verdict", thing->verdict);
		string(text, "action", thing->action);
		string(text, "subject", thing->subject);
		string(text, "program", thing->program);
		string(text, "by", thing->by);
		string(text, "file", thing->rule_file);
		if (thing->rule_line)
			number(text, "line", thing->rule_line);
		string(text, "rule", thing->rule);
		string(text, "fake", thing->fake);
		string(text, "why", thing->why);
		number(text, "count", thing->count);
		string(text, "allow", line);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void uses(const struct report *report, struct text *text)
{
	name(text, "uses");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->use_count; i++) {
		const struct report_use *use = &report->uses[i];

		begin(text);
		string(text, "secret", use->secret);
		string(text, "subject", use->subject);
		string(text, "program", use->program);
		number(text, "count", use->count);
		number(text, "first", (uint64_t)use->first);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void questions(const struct report *report, struct text *text)
{
	name(text, "questions");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->question_count; i++) {
		const struct report_question *asked = &report->questions[i];

		begin(text);
		string(text, "action", asked->action);
		string(text, "subject", asked->subject);
		string(text, "verdict", asked->verdict);
		string(text, "by", asked->by);
		string(text, "rule", asked->rule);
		string(text, "message", asked->message);
		number(text, "at", (uint64_t)asked->at);
		if (asked->waited >= 0)
			number(text, "ms", (uint64_t)asked->waited);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

static void notes(const struct report *report, struct text *text)
{
	name(text, "alerts");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->note_count; i++) {
		const struct report_note *note = &report->notes[i];

		begin(text);
		string(text, "event", note->event);
		string(text, "message", note->message);
		string(text, "program", note->program);
		number(text, "count", note->count);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}

void report_json(const struct report *report, struct text *text)
{
	const struct session_info *info = &report->session->info;

	text_add_byte(text, '{');
	string(text, "session", report->session->id);
	string(text, "program", info->program);
	string(text, "project", info->project);
	string(text, "started", info->started);
	number(text, "ms", (uint64_t)report->duration);
	if (report->status >= 0)
		number(text, "status", (uint64_t)report->status);
	number(text, "events", report->events);
	number(text, "refused", report->refused);
	number(text, "faked", report->faked);
	number(text, "asked", report->asked);
	number(text, "left_out", report->left_out);
	number(text, "broken_lines", report->broken);
	name(text, "dry_run");
	text_add_string(text, report->dry_run ? "true" : "false");
	notes(report, text);
	things(text, "refusals", report->refusals, report->refusal_count, true);
	questions(report, text);
	uses(report, text);
	things(text, "stand_ins", report->stand_ins, report->stand_in_count,
	       false);
	name(text, "secrets");
	text_add_byte(text, '[');
	for (size_t i = 0; i < report->secret_count; i++) {
		text_add_string(text, i ? "," : "");
		text_add_json(text, report->secrets[i],
			      strlen(report->secrets[i]));
	}
	text_add_byte(text, ']');
	programs(report, text);
	hosts(report, text);
	files(report, text);
	text_add_string(text, "}\n");
}
