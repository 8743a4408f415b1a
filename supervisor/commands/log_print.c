#include "supervisor/commands/log_print.h"

#include "supervisor/visible.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Arguments are cut in the line for a person after so many bytes. */
enum { ARGV_SHOWN = 240 };

bool log_colour(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no_color && no_color[0]) && term &&
	       strcmp(term, "dumb") != 0;
}

static const char *colour_of(const char *word)
{
	static const char *const colours[][2] = {
		{"deny", "\033[31m"},	 {"ask", "\033[33m"},
		{"hide", "\033[35m"},	 {"fake", "\033[35m"},
		{"allow", "\033[32m"},	 {"alert", "\033[1;31m"},
		{"error", "\033[1;31m"},
	};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (!strcmp(word, colours[i][0]))
			return colours[i][1];
	return "";
}

static void print_time(FILE *out, const struct timespec *time)
{
	char text[32];
	struct tm tm;

	if (!localtime_r(&time->tv_sec, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, sizeof(text), "?");
	fprintf(out, "%s.%03ld  ", text, time->tv_nsec / 1000000);
}

void log_print_argument(FILE *out, const char *argument, size_t length)
{
	size_t plain = strspn(argument, "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789-_=+,./:@%^");

	if (length && plain >= length) {
		visible_put(out, argument, length);
		return;
	}
	fputc('\'', out);
	while (length) {
		const char *quote = memchr(argument, '\'', length);
		size_t piece = quote ? (size_t)(quote - argument) : length;

		visible_put(out, argument, piece);
		if (quote) {
			fputs("'\\''", out);
			piece++;
		}
		argument += piece;
		length -= piece;
	}
	fputc('\'', out);
}

/* A name in which a bracket follows a blank could be taken for one with the
 * details that stand behind it: it is quoted. */
static void print_subject(FILE *out, const char *subject)
{
	if (strstr(subject, " ("))
		log_print_argument(out, subject, strlen(subject));
	else
		visible_puts(out, subject);
}

/* The arguments after the program's name. */
static void print_argv(FILE *out, const struct audit_record *record)
{
	const char *at = record->argv, *end;
	size_t room = ARGV_SHOWN;

	if (!at)
		return;
	end = at + record->argv_length;
	at += strnlen(at, (size_t)(end - at)) + 1;
	while (at < end) {
		size_t length = strnlen(at, (size_t)(end - at));

		fputc(' ', out);
		if (length > room) {
			fputs("...", out);
			return;
		}
		log_print_argument(out, at, length);
		room -= length;
		at += length + 1;
	}
	if (record->argv_more)
		fputs(" ...", out);
}

/* Details in brackets: a comma between them. */
struct details {
	FILE *out;
	bool any;
};

static void next(struct details *details)
{
	fputs(details->any ? ", " : "  (", details->out);
	details->any = true;
}

static void print_text(struct details *details, const char *before,
		       const char *text)
{
	if (!text)
		return;
	next(details);
	fputs(before, details->out);
	visible_puts(details->out, text);
}

static void print_program(struct details *details,
			  const struct audit_record *record)
{
	const char *slash = record->exe ? strrchr(record->exe, '/') : NULL;
	const char *name = slash ? slash + 1 : record->exe;

	/* One that could be taken for several details is quoted. */
	if (name && strpbrk(name, " ,()[]")) {
		next(details);
		log_print_argument(details->out, name, strlen(name));
	} else {
		print_text(details, "", name);
	}
	if (!record->pid)
		return;
	if (record->exe)
		fprintf(details->out, "[%d]", (int)record->pid);
	else {
		next(details);
		fprintf(details->out, "pid %d", (int)record->pid);
	}
}

static void print_rule(struct details *details,
		       const struct audit_record *record)
{
	print_text(details, "by ", audit_by_name(record->by));
	if (!record->rule_file) {
		print_text(details, "rule ", record->rule_text);
		return;
	}
	print_text(details, "rule ", record->rule_file);
	if (record->rule_line)
		fprintf(details->out, ":%u", record->rule_line);
}

static void print_result(struct details *details,
			 const struct audit_record *record)
{
	print_text(details, "secret ", record->secret);
	if (record->count > 0) {
		next(details);
		fprintf(details->out, "%" PRId64 " times more", record->count);
	}
	print_text(details, "got ", record->served_errno);
	print_text(details, "got stand-in ", record->served_fake);
	print_text(details, "connected to ", record->served_address);
	if (record->bytes_out >= 0) {
		next(details);
		fprintf(details->out, "%" PRId64 " bytes out",
			record->bytes_out);
	}
	if (record->bytes_in >= 0) {
		next(details);
		fprintf(details->out, "%" PRId64 " bytes in", record->bytes_in);
	}
	if (record->ms >= 0) {
		next(details);
		fprintf(details->out, "%" PRId64 ".%03" PRId64 " s",
			record->ms / 1000, record->ms % 1000);
	}
	if (record->cpu_ms >= 0) {
		next(details);
		fprintf(details->out, "%" PRId64 ".%03" PRId64 " s of CPU",
			record->cpu_ms / 1000, record->cpu_ms % 1000);
	}
	if (record->status >= 0) {
		next(details);
		fprintf(details->out, "status %d", record->status);
	}
}

/* One frame a line, below the event. */
static void print_stack(FILE *out, const struct audit_record *record)
{
	const char *at = record->stack, *end = at + record->stack_length;

	for (unsigned i = 0; at && at < end; i++) {
		size_t length = strnlen(at, (size_t)(end - at));

		fprintf(out, "%6u  ", i);
		visible_put(out, at, length);
		fputc('\n', out);
		at += length + 1;
	}
}

void log_print(FILE *out, const struct audit_entry *entry, bool colour)
{
	const struct audit_record *r = &entry->record;
	const char *event = audit_event_name(r->event);
	const char *word = r->verdict ? r->verdict : event;
	const char *start = colour ? colour_of(word) : "";
	const char *action = r->action ? r->action : "";
	struct details details = {.out = out};

	/* A question's verdict is what a person said to it. */
	if (r->verdict && !r->action)
		action = event;
	print_time(out, &entry->time);
	fputs(start, out);
	visible_puts(out, word);
	fputs(start[0] ? "\033[0m" : "", out);
	fprintf(out, "%*s", (int)(strlen(word) < 7 ? 7 - strlen(word) : 1), "");
	visible_puts(out, action);
	fprintf(out, "%*s", (int)(strlen(action) < 8 ? 8 - strlen(action) : 1),
		"");
	if (r->subject)
		print_subject(out, r->subject);
	print_argv(out, r);
	if (r->message) {
		fputs(r->subject || r->argv ? ": " : "", out);
		visible_puts(out, r->message);
	}
	print_program(&details, r);
	print_rule(&details, r);
	print_result(&details, r);
	fputs(details.any ? ")\n" : "\n", out);
	print_stack(out, r);
}
