/*
 * The reading of a session's log into a report: event by event, each to what it
 * tells of (programs.c, things.c).
 */
#include "supervisor/report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "policy/arena.h"
#include "policy/scope.h"
#include "supervisor/audit_read.h"
#include "supervisor/report/memory.h"
#include "supervisor/report/table.h"

const char *report_keep(struct report *report, const char *string)
{
	struct report_memory *memory = report->memory;
	bool made;

	if (!string)
		return NULL;
	struct table_entry *entry = table_get(&memory->strings, &memory->arena,
					      string, strlen(string), &made);

	return entry ? entry->key : NULL;
}

const char *report_base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static int64_t since_start(struct report *report, const struct timespec *time)
{
	struct report_memory *memory = report->memory;
	int64_t ms;

	if (!memory->started) {
		memory->started = true;
		memory->start = *time;
	}
	ms = (time->tv_sec - memory->start.tv_sec) * 1000 +
	     (time->tv_nsec - memory->start.tv_nsec) / 1000000;
	return ms < 0 ? 0 : ms;
}

/* The strip of what happened when: buckets grow as the session does. */
static void add_to_strip(struct report *report, int64_t at, bool refused)
{
	struct report_bucket *buckets = report->buckets;

	while (at / report->bucket_ms >= REPORT_BUCKETS) {
		for (size_t i = 0; i < REPORT_BUCKETS / 2; i++) {
			buckets[i].events = buckets[2 * i].events +
					    buckets[2 * i + 1].events;
			buckets[i].refused = buckets[2 * i].refused +
					     buckets[2 * i + 1].refused;
		}
		memset(buckets + REPORT_BUCKETS / 2, 0,
		       REPORT_BUCKETS / 2 * sizeof(*buckets));
		report->bucket_ms *= 2;
	}
	buckets[at / report->bucket_ms].events++;
	buckets[at / report->bucket_ms].refused += refused;
}

static int add_event(struct report *report, const struct audit_entry *entry)
{
	const struct audit_record *record = &entry->record;
	int64_t at = since_start(report, &entry->time);
	bool refused = (record->event == AUDIT_DECISION ||
			record->event == AUDIT_EXEC) &&
		       report_refuses(record);
	int error = 0;

	report->events++;
	if (report->duration < at)
		report->duration = at;
	add_to_strip(report, at, refused);
	switch (record->event) {
	case AUDIT_START:
	case AUDIT_EXEC:
		if (record->event == AUDIT_EXEC && refused)
			error = report_add_decision(report, record, at);
		else
			error = report_add_program(report, record, at);
		report->dry_run |= record->by == AUDIT_BY_DRY_RUN;
		break;
	case AUDIT_DECISION:
		error = report_add_decision(report, record, at);
		break;
	case AUDIT_CLOSE:
		if (record->subject)
			error = report_add_host(report, record, false);
		break;
	case AUDIT_ASK:
		error = report_add_question(report, record, at);
		break;
	case AUDIT_SECRET:
		/* A message says why there is none. */
		error = record->message ? report_add_absent(report, record)
					: report_add_use(report, record, at);
		break;
	case AUDIT_EXIT:
		report_end_program(report, record, at);
		return 0;
	case AUDIT_ALERT:
	case AUDIT_ERROR:
		error = report_add_note(report, record, at);
		break;
	case AUDIT_END:
		report->ended = true;
		report->status = record->status;
		break;
	default:
		break;
	}
	report_touch(report, record, at, refused);
	return error;
}

static int read_events(struct report *report)
{
	auto_fd fd = session_open(report->session, "events.jsonl");
	struct audit_reader *reader = NULL;
	struct audit_entry entry;
	int error = fd < 0 ? fd : audit_reader_new(fd, &reader);

	while (!error && !(error = audit_reader_next(reader, &entry)) &&
	       entry.result != AUDIT_READ_END) {
		report->broken += entry.result == AUDIT_READ_BROKEN;
		if (entry.readable)
			error = add_event(report, &entry);
	}
	audit_reader_free(reader);
	return error;
}

/* `FILE:LINE secret NAME …` of the policy as it was in force, where the secret
 * was there. */
static int read_secrets(struct report *report)
{
	auto_fd fd = session_open(report->session, "policy");
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int error = 0;

	if (!file)
		return 0; /* of a version that did not keep it, or gone */
	(void)take_fd(&fd);
	while (!error && (length = getline(&line, &size, file)) > 0) {
		const char *at = line + strcspn(line, " ");

		at += strspn(at, " ");
		if (strncmp(at, "secret ", 7) != 0)
			continue;
		line[length - 1] =
			line[length - 1] == '\n' ? '\0' : line[length - 1];
		if (report_is_absent(report, at))
			continue;
		const char *kept = report_keep(report, at);

		error = !kept ? -ENOMEM
			      : array_add(report->secrets, report->secret_count,
					  report->memory->secrets, kept);
	}
	fclose(file);
	return error;
}

int report_read(const struct session_entry *session, struct report *report)
{
	uint64_t seed = 0;
	int error;

	*report = (struct report){
		.session = session,
		.status = -1,
		.bucket_ms = 10,
		.memory = calloc(1, sizeof(*report->memory)),
	};
	if (!report->memory)
		return -ENOMEM;
	/* Programs chose the names: they must not choose where they go. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)(uintptr_t)report->memory;
	table_seed(seed);
	error = read_events(report);
	if (!error)
		error = read_secrets(report);
	if (error) {
		report_clear(report);
		return error;
	}
	report_close_programs(report);
	report_sort(report);
	return 0;
}

void report_clear(struct report *report)
{
	struct report_memory *memory = report->memory;

	free(report->programs);
	free(report->hosts);
	free(report->files);
	free(report->refusals);
	free(report->stand_ins);
	free(report->questions);
	free(report->notes);
	free(report->uses);
	free(report->secrets);
	if (memory) {
		table_clear(&memory->strings);
		table_clear(&memory->processes);
		table_clear(&memory->hosts);
		table_clear(&memory->files);
		table_clear(&memory->things[REFUSED]);
		table_clear(&memory->things[STAND_IN]);
		table_clear(&memory->notes);
		table_clear(&memory->uses);
		arena_clear(&memory->arena);
		free(memory->list);
		free(memory->absent);
		free(memory);
	}
	*report = (struct report){0};
}
