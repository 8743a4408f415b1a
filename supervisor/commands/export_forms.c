/* The forms in which events leave. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/commands/export.h"
#include "supervisor/visible.h"

/* Bytes that are not UTF-8 have no place in what others parse. */
static void add_string(struct text *text, const char *bytes, size_t length)
{
	struct text plain = {0};

	text_add(&plain, "", 0);
	visible_text(&plain, bytes, length);
	if (plain.data)
		text_add_json(text, plain.data, plain.length);
	text->failed |= plain.failed;
	text_free(&plain);
}

/* ------------------------------------------------------------ JSON lines -- */

static void add_field(struct text *text, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	text_format(text, "\"%s\":", name);
	text_add_json(text, value, strlen(value));
	text_add_byte(text, ',');
}

void export_json(struct text *text, const struct export_source *source,
		 const struct audit_entry *entry)
{
	const struct session_info *info = &source->session->info;

	text_add_byte(text, '{');
	add_field(text, "session", source->session->id);
	add_field(text, "program", info->program);
	add_field(text, "project", info->project);
	add_field(text, "host", source->host);
	text_add(text, entry->text + 1, entry->length - 1);
}

/* ------------------------------------------------------------------ words --
 */

static bool is(const char *string, const char *other)
{
	return string && strcmp(string, other) == 0;
}

enum weight { WEIGHT_INFO = 0, WEIGHT_REFUSED, WEIGHT_ERROR, WEIGHT_ALERT };

static enum weight weight_of(const struct audit_record *record)
{
	if (record->event == AUDIT_ALERT)
		return WEIGHT_ALERT;
	if (record->event == AUDIT_ERROR)
		return WEIGHT_ERROR;
	if (is(record->verdict, "deny") || is(record->verdict, "hide") ||
	    (is(record->verdict, "ask") && record->by != AUDIT_BY_PERSON))
		return WEIGHT_REFUSED;
	return WEIGHT_INFO;
}

/* The event in a few words. */
static void add_words(struct text *text, const struct audit_record *record)
{
	const char *parts[] = {record->verdict, record->action, record->subject,
			       record->message};
	bool any = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i] || !parts[i][0])
			continue;
		text_add_string(text, any ? " " : "");
		visible_text(text, parts[i], strlen(parts[i]));
		any = true;
	}
	if (!any)
		text_add_string(text, audit_event_name(record->event));
}

/* ----------------------------------------------------------------- syslog --
 */

/* A header's field: printable ASCII without spaces, not empty. */
static void add_header(struct text *text, const char *value, size_t most)
{
	size_t length = strlen(value);

	if (length > most)
		length = most;
	if (!length)
		text_add_byte(text, '-');
	for (size_t i = 0; i < length; i++)
		text_add_byte(text, value[i] > 0x20 && value[i] < 0x7f
					    ? value[i]
					    : '_');
}

static void add_parameter(struct text *text, const char *name,
			  const char *value)
{
	struct text plain = {0};

	if (!value)
		return;
	visible_text(&plain, value, strlen(value));
	text_format(text, " %s=\"", name);
	for (size_t i = 0; i < plain.length; i++) {
		if (strchr("\"\\]", plain.data[i]))
			text_add_byte(text, '\\');
		text_add_byte(text, plain.data[i]);
	}
	text_add_byte(text, '"');
	text->failed |= plain.failed;
	text_free(&plain);
}

void export_syslog(struct text *text, const struct export_source *source,
		   const struct audit_entry *entry)
{
	/* Of the facility for security, 10. */
	static const int severities[] = {[WEIGHT_INFO] = 6,
					 [WEIGHT_REFUSED] = 4,
					 [WEIGHT_ERROR] = 3,
					 [WEIGHT_ALERT] = 2};
	const struct audit_record *record = &entry->record;
	char when[40], number[32];
	struct tm tm;

	if (!gmtime_r(&entry->time.tv_sec, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(when, sizeof(when), "1970-01-01T00:00:00");
	text_format(text, "<%d>1 %s.%06ldZ ",
		    10 * 8 + severities[weight_of(record)], when,
		    entry->time.tv_nsec / 1000);
	add_header(text, source->host, 255);
	text_format(text, " interpose %d %s [interpose@32473", (int)record->pid,
		    audit_event_name(record->event));
	add_parameter(text, "session", source->session->id);
	snprintf(number, sizeof(number), "%" PRIu64, entry->seq);
	add_parameter(text, "seq", number);
	add_parameter(text, "exe", record->exe);
	add_parameter(text, "action", record->action);
	add_parameter(text, "verdict", record->verdict);
	add_parameter(text, "by", audit_by_name(record->by));
	add_parameter(text, "rule", record->rule_text);
	add_parameter(text, "file", record->rule_file);
	text_add_string(text, "] ");
	add_words(text, record);
}

/* ------------------------------------------------------------------- OTLP --
 */

static void attribute(struct text *text, const char *name, const char *value)
{
	if (!value)
		return;
	if (text->length && text->data[text->length - 1] == '}')
		text_add_byte(text, ',');
	text_format(text, "{\"key\":\"%s\",\"value\":{\"stringValue\":", name);
	add_string(text, value, strlen(value));
	text_add_string(text, "}}");
}

static void attribute_number(struct text *text, const char *name, int64_t value)
{
	if (value < 0)
		return;
	if (text->length && text->data[text->length - 1] == '}')
		text_add_byte(text, ',');
	text_format(text,
		    "{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRId64 "\"}}",
		    name, value);
}

static void attribute_argv(struct text *text, const struct audit_record *record)
{
	const char *at = record->argv;
	const char *end = at ? at + record->argv_length : NULL;

	if (!at || at == end)
		return;
	if (text->length && text->data[text->length - 1] == '}')
		text_add_byte(text, ',');
	text_add_string(text, "{\"key\":\"process.command_args\",\"value\":{"
			      "\"arrayValue\":{\"values\":[");
	for (bool more = false; at < end; more = true) {
		size_t length = strnlen(at, (size_t)(end - at));

		text_add_string(text, more ? ",{\"stringValue\":"
					   : "{\"stringValue\":");
		add_string(text, at, length);
		text_add_byte(text, '}');
		at += length + 1;
	}
	text_add_string(text, "]}}}");
}

void export_otlp_start(struct text *text, const struct export_source *source)
{
	const struct session_info *info = &source->session->info;

	text_add_string(text, "{\"resourceLogs\":[{\"resource\":{"
			      "\"attributes\":[");
	attribute(text, "service.name", "interpose");
	attribute(text, "service.version", PACKAGE_VERSION);
	attribute(text, "host.name", source->host);
	attribute(text, "interpose.session", source->session->id);
	attribute(text, "interpose.program", info->program);
	attribute(text, "interpose.project", info->project);
	text_add_string(text, "]},\"scopeLogs\":[{\"scope\":{\"name\":"
			      "\"interpose\"},\"logRecords\":[");
}

void export_otlp(struct text *text, const struct audit_entry *entry, bool more)
{
	static const struct {
		int number;
		const char *text;
	} severities[] = {
		[WEIGHT_INFO] = {9, "INFO"},
		[WEIGHT_REFUSED] = {13, "WARN"},
		[WEIGHT_ERROR] = {17, "ERROR"},
		[WEIGHT_ALERT] = {18, "ERROR2"},
	};
	const struct audit_record *record = &entry->record;
	enum weight weight = weight_of(record);
	struct text words = {0};

	text_format(text,
		    "%s{\"timeUnixNano\":\"%" PRId64 "%09ld\","
		    "\"severityNumber\":%d,\"severityText\":\"%s\",\"body\":{"
		    "\"stringValue\":",
		    more ? "," : "", (int64_t)entry->time.tv_sec,
		    entry->time.tv_nsec, severities[weight].number,
		    severities[weight].text);
	add_words(&words, record);
	if (words.data)
		text_add_json(text, words.data, words.length);
	text->failed |= words.failed;
	text_free(&words);
	text_add_string(text, "},\"attributes\":[");
	attribute(text, "interpose.event", audit_event_name(record->event));
	attribute_number(text, "interpose.seq", (int64_t)entry->seq);
	attribute_number(text, "process.pid", record->pid ? record->pid : -1);
	attribute_number(text, "process.parent_pid",
			 record->ppid ? record->ppid : -1);
	attribute(text, "process.executable.path", record->exe);
	attribute(text, "process.working_directory", record->cwd);
	attribute_argv(text, record);
	attribute(text, "interpose.call", record->call);
	attribute(text, "interpose.action", record->action);
	attribute(text, "interpose.subject", record->subject);
	attribute(text, "interpose.verdict", record->verdict);
	attribute(text, "interpose.by", audit_by_name(record->by));
	attribute(text, "interpose.rule", record->rule_text);
	attribute(text, "interpose.rule.file", record->rule_file);
	attribute_number(text, "interpose.rule.line",
			 record->rule_line ? (int64_t)record->rule_line : -1);
	attribute(text, "interpose.served.errno", record->served_errno);
	attribute(text, "interpose.served.fake", record->served_fake);
	attribute(text, "interpose.secret", record->secret);
	attribute_number(text, "interpose.count",
			 record->count > 0 ? record->count : -1);
	attribute_number(text, "interpose.bytes_out", record->bytes_out);
	attribute_number(text, "interpose.bytes_in", record->bytes_in);
	attribute_number(text, "interpose.ms", record->ms);
	attribute_number(text, "interpose.cpu_ms", record->cpu_ms);
	attribute_number(text, "interpose.status", record->status);
	attribute(text, "interpose.message", record->message);
	text_add_string(text, "]}");
}

void export_otlp_end(struct text *text)
{
	text_add_string(text, "]}]}]}");
}
