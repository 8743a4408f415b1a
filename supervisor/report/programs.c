/*
 * The programs of a session: which process ran what, whose child each is, how
 * long it lasted. A process that ran nothing of its own counts as the program
 * that forked it.
 */
#include "supervisor/report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "supervisor/audit_read.h"
#include "supervisor/commands/log_print.h"
#include "supervisor/report/memory.h"
#include "supervisor/report/table.h"

/* Beyond so many the rest is only counted: a page has to be read. */
enum {
	MOST_PROGRAMS = 200000,
	WORDS_SHOWN = 400,
	FORKS = 16, /* generations that did not run a program of their own */
};

/* A process that was heard of. */
struct process {
	pid_t pid, parent;
	size_t program; /* the one it runs, or was forked by */
	bool gone;	/* it ended: who has its number now is another */
};

/* The arguments as a shell would take them, cut where they are many. */
static const char *words_of(struct report *report,
			    const struct audit_record *record)
{
	char *words = NULL;
	size_t length = 0, used = 0;
	FILE *out = record->argv ? open_memstream(&words, &length) : NULL;
	const char *at = record->argv;
	const char *end = at ? at + record->argv_length : NULL;
	const char *kept;

	if (!out)
		return report_keep(
			report, record->exe ? report_base(record->exe) : "?");
	while (at < end) {
		size_t size = strnlen(at, (size_t)(end - at));
		size_t shown =
			size < WORDS_SHOWN - used ? size : WORDS_SHOWN - used;

		if (used)
			fputc(' ', out);
		log_print_argument(out, at, shown);
		used += shown + 1;
		at += size + 1;
		if (shown < size || used >= WORDS_SHOWN) {
			if (shown < size || at < end)
				fputs(" ...", out);
			break;
		}
	}
	if (fclose(out))
		kept = NULL;
	else
		kept = report_keep(report, words);
	free(words);
	return kept;
}

static struct process *process_of(struct report *report, pid_t pid, pid_t ppid)
{
	struct report_memory *memory = report->memory;
	bool made;
	struct table_entry *entry = table_get(
		&memory->processes, &memory->arena, &pid, sizeof(pid), &made);
	struct process process = {.pid = pid, .parent = ppid};

	if (!entry)
		return NULL;
	if (made) {
		if (array_add(memory->list, memory->process_count,
			      memory->process_capacity, process))
			return NULL;
		entry->index = memory->process_count - 1;
	}
	return &memory->list[entry->index];
}

/* The program that a process runs, or that forked it. */
static size_t program_of(struct report *report, pid_t pid)
{
	struct report_memory *memory = report->memory;

	for (int i = 0; i < FORKS && pid > 0; i++) {
		struct table_entry *entry =
			table_find(&memory->processes, &pid, sizeof(pid));

		if (!entry)
			return 0;
		if (memory->list[entry->index].program)
			return memory->list[entry->index].program;
		pid = memory->list[entry->index].parent;
	}
	return 0;
}

static void adopt(struct report *report, size_t parent, size_t child)
{
	struct report_program *above = &report->programs[parent];

	report->programs[child].parent = parent;
	if (above->last)
		report->programs[above->last].next = child;
	else
		above->child = child;
	above->last = child;
}

int report_add_program(struct report *report, const struct audit_record *record,
		       int64_t at)
{
	struct process *process = process_of(report, record->pid, record->ppid);
	struct report_program program = {
		.exe = report_keep(report, record->exe ?: record->subject),
		.words = words_of(report, record),
		.pid = record->pid,
		.start = at,
		.end = at,
		.status = -1,
		.cpu = -1,
	};
	size_t parent;

	if (!process || !program.words)
		return -ENOMEM;
	if (report->program_count >= MOST_PROGRAMS) {
		report->left_out++;
		return 0;
	}
	/* The same process runs another program, or another has its number. */
	if (process->program && !process->gone &&
	    (process->parent == record->ppid || !record->ppid))
		parent = process->program;
	else
		parent = program_of(report, record->ppid);
	if (array_add(report->programs, report->program_count,
		      report->memory->programs, program))
		return -ENOMEM;
	adopt(report, parent, report->program_count - 1);
	process->parent = record->ppid;
	process->program = report->program_count - 1;
	process->gone = false;
	return 0;
}

void report_end_program(struct report *report,
			const struct audit_record *record, int64_t at)
{
	struct report_memory *memory = report->memory;
	struct table_entry *entry =
		table_find(&memory->processes, &record->pid, sizeof(pid_t));
	struct process *process = entry ? &memory->list[entry->index] : NULL;

	if (!process || !process->program || process->gone)
		return;
	struct report_program *program = &report->programs[process->program];

	process->gone = true;
	program->ended = true;
	program->end = at;
	program->status = record->status;
	program->cpu = record->cpu_ms;
}

void report_touch(struct report *report, const struct audit_record *record,
		  int64_t at, bool refused)
{
	struct report_program *program;

	if (!record->pid || !report->program_count ||
	    !process_of(report, record->pid, record->ppid))
		return;
	program = &report->programs[program_of(report, record->pid)];
	program->events++;
	program->refused += refused;
	if (program->end < at)
		program->end = at;
}

/* Who was started stands behind who started it. */
void report_close_programs(struct report *report)
{
	for (size_t i = 0; i < report->program_count; i++)
		report->programs[i].refused_all = report->programs[i].refused;
	for (size_t i = report->program_count; i-- > 1;) {
		struct report_program *program = &report->programs[i];
		struct report_program *above =
			&report->programs[program->parent];

		above->refused_all += program->refused_all;
		if (!above->ended && above->end < program->end)
			above->end = program->end;
	}
}
