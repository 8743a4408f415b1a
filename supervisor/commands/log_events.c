#include "supervisor/commands/log_events.h"

#include "policy/arena.h"
#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/commands/log_print.h"
#include "supervisor/report/table.h"
#include "supervisor/visible.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { MOST_KINDS = 100000 }; /* what is beyond is printed as it comes */

/* What was printed before, to be counted: its line waits for the number. */
struct line {
	char *text;
	uint64_t times;
};

struct log {
	const struct session_entry *session;
	const struct log_options *options;
	bool headed;
	bool fold;
	struct arena arena;
	struct table seen;
	struct line *lines;
	size_t count, capacity;
};

/* Whose events these are, once there is one. */
static void head(struct log *log)
{
	const struct session_info *info = &log->session->info;

	if (!log->options->several || log->options->json || log->headed)
		return;
	log->headed = true;
	printf("== %s", log->session->id);
	if (info->project) {
		fputs("  ", stdout);
		visible_puts(stdout, info->project);
	}
	putchar('\n');
}

static void add_part(struct text *key, const char *part)
{
	text_add_string(key, part ? part : "");
	text_add_byte(key, '\0');
}

/* What makes two decisions the same for a reader. */
static void key_of(struct text *key, const struct audit_record *record)
{
	add_part(key, record->verdict);
	add_part(key, record->action);
	add_part(key, record->subject);
	add_part(key, record->exe);
	add_part(key, record->rule_file);
	add_part(key, audit_by_name(record->by));
	add_part(key, record->served_errno);
	add_part(key, record->message);
	text_format(key, "%u", record->rule_line);
	text_add(key, record->argv ? record->argv : "", record->argv_length);
}

static int keep_line(struct log *log, const struct audit_entry *entry,
		     struct table_entry *place)
{
	struct line line = {.times = 1};
	size_t length = 0;
	FILE *out = open_memstream(&line.text, &length);

	if (!out)
		return -ENOMEM;
	log_print(out, entry, log->options->colour);
	if (fclose(out) ||
	    array_add(log->lines, log->count, log->capacity, line)) {
		free(line.text);
		return -ENOMEM;
	}
	place->index = log->count - 1;
	return 0;
}

/* Count what was there before. Returns 1 where it is to be printed at once. */
static int fold(struct log *log, const struct audit_entry *entry)
{
	struct table_entry *place;
	struct text key = {0};
	bool made = false;

	if (entry->record.event != AUDIT_DECISION)
		return 1;
	key_of(&key, &entry->record);
	place = key.failed ? NULL
			   : table_find(&log->seen, key.data, key.length);
	if (!place && !key.failed && log->count < MOST_KINDS)
		place = table_get(&log->seen, &log->arena, key.data, key.length,
				  &made);
	text_free(&key);
	if (!place)
		return log->count < MOST_KINDS ? -ENOMEM : 1;
	if (made)
		return keep_line(log, entry, place);
	log->lines[place->index].times++;
	return 0;
}

static int show(void *context, const struct audit_entry *entry)
{
	struct log *log = context;
	int now = log->fold ? fold(log, entry) : 1;

	if (now <= 0)
		return now;
	head(log);
	if (log->options->json && log->options->several)
		printf("{\"session\":\"%s\",%s\n", log->session->id,
		       entry->text + 1);
	else if (log->options->json)
		printf("%s\n", entry->text);
	else
		log_print(stdout, entry, log->options->colour);
	return 0;
}

/* The lines that waited, in the order of their first event. */
static void show_lines(struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct line *line = &log->lines[i];
		size_t length = strcspn(line->text, "\n");

		head(log);
		if (line->times == 1)
			fputs(line->text, stdout);
		else
			printf("%.*s %" PRIu64 " times%s", (int)length,
			       line->text, line->times, line->text + length);
	}
}

static int flush(void *context)
{
	(void)context;
	return fflush(stdout) ? -errno : 0;
}

int log_events(const struct session_entry *session,
	       const struct log_options *options)
{
	struct log log = {
		.session = session,
		.options = options,
		.fold = options->filter.kinds && !options->each &&
			!options->json && !options->filter.follow,
	};
	bool broken = false;
	uint64_t seed = 0;
	int error;

	/* Programs chose the names: they must not choose where they go. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)(uintptr_t)&log;
	table_seed(seed);
	error = log_walk(session, &options->filter, show, flush, &log, &broken);
	show_lines(&log);
	if (fflush(stdout) && !error)
		error = -errno;
	for (size_t i = 0; i < log.count; i++)
		free(log.lines[i].text);
	free(log.lines);
	table_clear(&log.seen);
	arena_clear(&log.arena);
	return error || broken;
}
