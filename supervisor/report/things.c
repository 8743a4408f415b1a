/*
 * What a session's programs used and were refused: files, hosts, secrets,
 * questions and alerts. The same thing is one, however often it happened.
 */
#include "supervisor/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "supervisor/audit_read.h"
#include "supervisor/layers.h"
#include "supervisor/report/memory.h"
#include "supervisor/report/table.h"

/* Beyond so many of a kind the rest is only counted: a page has to be read. */
enum {
	MOST_THINGS = 100000,
	MOST_QUESTIONS = 5000,
	MOST_NOTES = 1000,
};

static bool is(const char *string, const char *other)
{
	return string && strcmp(string, other) == 0;
}

bool report_refuses(const struct audit_record *record)
{
	return is(record->verdict, "deny") || is(record->verdict, "hide") ||
	       (is(record->verdict, "ask") && record->by != AUDIT_BY_PERSON);
}

static int add_file(struct report *report, const struct audit_record *record,
		    bool refused)
{
	struct report_memory *memory = report->memory;
	struct report_file file = {0};
	bool made;
	struct table_entry *entry =
		table_get(&memory->files, &memory->arena, record->subject,
			  strlen(record->subject), &made);

	if (!entry)
		return -ENOMEM;
	if (made) {
		file.path = entry->key;
		entry->index = report->file_count;
		if (report->file_count < MOST_THINGS &&
		    array_add(report->files, report->file_count,
			      memory->files_room, file))
			return -ENOMEM;
	}
	if (entry->index >= report->file_count) {
		report->left_out++;
		return 0;
	}
	struct report_file *known = &report->files[entry->index];

	if (refused)
		known->refused++;
	else if (is(record->action, "write"))
		known->writes++;
	else
		known->reads++;
	return 0;
}

/* `METHOD HOST:PORT/PATH`: the part that is a host. */
static size_t host_of(const char *action, const char **subject)
{
	const char *space;

	if (!is(action, "http"))
		return strlen(*subject);
	space = strchr(*subject, ' ');
	if (space)
		*subject = space + 1;
	return strcspn(*subject, "/");
}

static struct report_host *host_at(struct report *report,
				   const struct audit_record *record)
{
	struct report_memory *memory = report->memory;
	const char *name = record->subject;
	size_t length = host_of(record->action, &name);
	bool listen = is(record->action, "listen"), made;
	struct text key = {0};
	struct table_entry *entry;

	text_add_string(&key, listen ? "listen" : "connect");
	text_add_byte(&key, ' ');
	text_add(&key, name, length);
	entry = key.failed ? NULL
			   : table_get(&memory->hosts, &memory->arena, key.data,
				       key.length, &made);
	text_free(&key);
	if (!entry)
		return NULL;
	if (made) {
		struct report_host host = {
			.action = listen ? "listen" : "connect",
			.name = entry->key + (listen ? 7 : 8),
			.program = report_keep(report, record->exe),
		};

		entry->index = report->host_count;
		if (report->host_count < MOST_THINGS &&
		    array_add(report->hosts, report->host_count,
			      memory->hosts_room, host))
			return NULL;
	}
	return entry->index < report->host_count ? &report->hosts[entry->index]
						 : NULL;
}

int report_add_host(struct report *report, const struct audit_record *record,
		    bool refused)
{
	struct report_host *host = host_at(report, record);

	if (!host) {
		report->left_out++;
		return 0;
	}
	if (record->exe &&
	    (!host->program || strcmp(host->program, record->exe)))
		host->programs = host->program != NULL;
	if (record->event == AUDIT_CLOSE) {
		host->measured = true;
		host->bytes_out +=
			record->bytes_out > 0 ? (uint64_t)record->bytes_out : 0;
		host->bytes_in +=
			record->bytes_in > 0 ? (uint64_t)record->bytes_in : 0;
		return 0;
	}
	if (refused)
		host->refused++;
	else if (is(record->action, "http"))
		host->requests++;
	else
		host->allowed++;
	return 0;
}

static void add_key(struct text *key, const char *part)
{
	text_add_string(key, part ?: "");
	text_add_byte(key, '\0');
}

/* What was refused, or served a stand-in: the same thing by the same rule is
 * one. */
static int add_thing(struct report *report, int kind,
		     const struct audit_record *record, int64_t at)
{
	struct report_memory *memory = report->memory;
	struct report_refusal **list =
		kind == STAND_IN ? &report->stand_ins : &report->refusals;
	size_t *count = kind == STAND_IN ? &report->stand_in_count
					 : &report->refusal_count;
	struct table_entry *entry;
	struct text key = {0};
	bool made;

	text_format(&key, "%u ", record->rule_line);
	add_key(&key, record->rule_file);
	add_key(&key, record->rule_text);
	add_key(&key, record->verdict);
	add_key(&key, record->action);
	add_key(&key, record->subject);
	add_key(&key, record->exe);
	entry = key.failed ? NULL
			   : table_get(&memory->things[kind], &memory->arena,
				       key.data, key.length, &made);
	text_free(&key);
	if (!entry)
		return -ENOMEM;
	if (made) {
		struct report_refusal thing = {
			.action = report_keep(report, record->action),
			.subject = report_keep(report, record->subject),
			.program = report_keep(report, record->exe),
			.verdict = report_keep(report, record->verdict),
			.by = audit_by_name(record->by),
			.rule_file = report_keep(report, record->rule_file),
			.rule = report_keep(report, record->rule_text),
			.rule_line = record->rule_line,
			.fake = report_keep(report, record->served_fake),
			.why = report_keep(report, record->message),
			.first = at,
		};

		entry->index = *count;
		if (*count < MOST_THINGS &&
		    array_add(*list, *count, memory->room[kind], thing))
			return -ENOMEM;
	}
	if (entry->index >= *count)
		report->left_out++;
	else
		(*list)[entry->index].count++;
	return 0;
}

int report_add_note(struct report *report, const struct audit_record *record,
		    int64_t at)
{
	struct report_memory *memory = report->memory;
	const char *event = audit_event_name(record->event);
	const char *message = record->message ?: "";
	struct text key = {0};
	struct table_entry *entry;
	bool made;

	add_key(&key, event);
	add_key(&key, message);
	entry = key.failed ? NULL
			   : table_get(&memory->notes, &memory->arena, key.data,
				       key.length, &made);
	text_free(&key);
	if (!entry)
		return -ENOMEM;
	if (made) {
		struct report_note note = {
			.event = event,
			.message = report_keep(report, message),
			.program = report_keep(report, record->exe),
			.first = at,
		};

		entry->index = report->note_count;
		if (report->note_count < MOST_NOTES &&
		    array_add(report->notes, report->note_count,
			      memory->notes_room, note))
			return -ENOMEM;
	}
	if (entry->index >= report->note_count)
		report->left_out++;
	else
		report->notes[entry->index].count++;
	return 0;
}

int report_add_use(struct report *report, const struct audit_record *record,
		   int64_t at)
{
	struct report_memory *memory = report->memory;
	struct table_entry *entry;
	struct text key = {0};
	bool made;

	add_key(&key, record->secret);
	add_key(&key, record->subject);
	add_key(&key, record->exe);
	entry = key.failed ? NULL
			   : table_get(&memory->uses, &memory->arena, key.data,
				       key.length, &made);
	text_free(&key);
	if (!entry)
		return -ENOMEM;
	if (made) {
		struct report_use use = {
			.secret = report_keep(report, record->secret ?: ""),
			.subject = report_keep(report, record->subject),
			.program = report_keep(report, record->exe),
			.first = at,
		};

		entry->index = report->use_count;
		if (report->use_count < MOST_THINGS &&
		    array_add(report->uses, report->use_count,
			      memory->uses_room, use))
			return -ENOMEM;
	}
	if (entry->index >= report->use_count)
		report->left_out++;
	else
		report->uses[entry->index].count +=
			record->count > 0 ? (uint64_t)record->count : 1;
	return 0;
}

int report_add_absent(struct report *report, const struct audit_record *record)
{
	struct report_memory *memory = report->memory;
	const char *line = report_keep(report, record->rule_text);

	if (!line || memory->absent_count >= MOST_NOTES)
		return 0;
	return array_add(memory->absent, memory->absent_count,
			 memory->absent_room, line);
}

bool report_is_absent(const struct report *report, const char *line)
{
	const struct report_memory *memory = report->memory;

	for (size_t i = 0; i < memory->absent_count; i++)
		if (strcmp(memory->absent[i], line) == 0)
			return true;
	return false;
}

int report_add_question(struct report *report,
			const struct audit_record *record, int64_t at)
{
	struct report_question question = {
		.action = report_keep(report, record->action),
		.subject = report_keep(report, record->subject),
		.verdict = report_keep(report, record->verdict),
		.by = audit_by_name(record->by),
		.rule = report_keep(report, record->rule_text),
		.message = report_keep(report, record->message),
		.at = at,
		.waited = record->ms,
	};

	report->asked++;
	if (report->question_count >= MOST_QUESTIONS) {
		report->left_out++;
		return 0;
	}
	return array_add(report->questions, report->question_count,
			 report->memory->questions, question);
}

int report_add_decision(struct report *report,
			const struct audit_record *record, int64_t at)
{
	bool refused = report_refuses(record),
	     faked = is(record->verdict, "fake") &&
		     !is(record->rule_file, LAYERS_CERTIFICATES);
	int error = 0;

	report->dry_run |= record->by == AUDIT_BY_DRY_RUN;
	report->refused += refused;
	report->faked += faked;
	if (refused)
		error = add_thing(report, REFUSED, record, at);
	if (faked && !error)
		error = add_thing(report, STAND_IN, record, at);
	if (error || !record->action || !record->subject)
		return error;
	if (is(record->action, "read") || is(record->action, "write"))
		return add_file(report, record, refused);
	if (is(record->action, "connect") || is(record->action, "listen") ||
	    is(record->action, "http"))
		return report_add_host(report, record, refused);
	return 0;
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ?: "", b ?: "");
}

static int compare_rules(const struct report_refusal *a,
			 const struct report_refusal *b)
{
	int order = compare_text(a->rule_file, b->rule_file);

	if (!order && a->rule_line != b->rule_line)
		order = a->rule_line < b->rule_line ? -1 : 1;
	if (!order)
		order = compare_text(a->rule, b->rule);
	return order ? order : compare_text(a->verdict, b->verdict);
}

static int compare_things(const void *left, const void *right)
{
	const struct report_refusal *a = left, *b = right;
	int order = compare_rules(a, b);

	if (!order && a->count != b->count)
		order = a->count > b->count ? -1 : 1;
	if (!order)
		order = compare_text(a->action, b->action);
	if (!order)
		order = compare_text(a->subject, b->subject);
	return order ? order : compare_text(a->program, b->program);
}

static void sort_things(struct report_refusal *things, size_t count)
{
	if (count)
		qsort(things, count, sizeof(*things), compare_things);
	for (size_t i = 1; i < count; i++)
		things[i].group =
			things[i - 1].group +
			(compare_rules(&things[i - 1], &things[i]) != 0);
}

static int compare_hosts(const void *left, const void *right)
{
	const struct report_host *a = left, *b = right;
	int order = strcmp(a->action, b->action);

	return order ? order : strcmp(a->name, b->name);
}

static int compare_uses(const void *left, const void *right)
{
	const struct report_use *a = left, *b = right;
	int order = strcmp(a->secret, b->secret);

	if (!order && a->count != b->count)
		order = a->count > b->count ? -1 : 1;
	if (!order)
		order = compare_text(a->subject, b->subject);
	return order ? order : compare_text(a->program, b->program);
}

/* `a/b` before `a-b`, so that what is below a directory stands together. */
static int compare_files(const void *left, const void *right)
{
	const unsigned char *a =
		(const void *)((const struct report_file *)left)->path;
	const unsigned char *b =
		(const void *)((const struct report_file *)right)->path;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	int x = *a == '/' ? 1 : *a ? *a + 1 : 0;
	int y = *b == '/' ? 1 : *b ? *b + 1 : 0;

	return x - y;
}

void report_sort(struct report *report)
{
	sort_things(report->refusals, report->refusal_count);
	sort_things(report->stand_ins, report->stand_in_count);
	if (report->host_count)
		qsort(report->hosts, report->host_count, sizeof(*report->hosts),
		      compare_hosts);
	if (report->use_count)
		qsort(report->uses, report->use_count, sizeof(*report->uses),
		      compare_uses);
	if (report->file_count)
		qsort(report->files, report->file_count, sizeof(*report->files),
		      compare_files);
}
