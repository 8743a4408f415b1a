/*
 * What a report holds while it is read, and the parts of its reading: report.c
 * (events), programs.c and things.c. Theirs alone.
 */
#ifndef SUPERVISOR_REPORT_MEMORY_H
#define SUPERVISOR_REPORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "policy/arena.h"
#include "supervisor/report/report.h"
#include "supervisor/report/table.h"

struct audit_record;
struct process;

enum { REFUSED, STAND_IN, KINDS };

struct report_memory {
	struct arena arena;
	struct table strings, processes, hosts, files, things[KINDS], notes,
		uses;
	struct process *list;
	size_t process_count, process_capacity;
	const char **absent; /* `secret` lines without one */
	size_t absent_count, absent_room;
	size_t programs, hosts_room, files_room, room[KINDS], questions,
		notes_room, uses_room, secrets;
	struct timespec start;
	bool started;
};

/** The report's copy of a string, for as long as it; NULL of NULL, or where
 * there is no memory. */
const char *report_keep(struct report *report, const char *string);

/*
 * All of these take the time `at` in milliseconds since the session's start,
 * and return 0 or -ENOMEM. What there is no room for is counted in `left_out`.
 */

/** A program was started. */
int report_add_program(struct report *report, const struct audit_record *record,
		       int64_t at);

/** The process ended, and with it the last program that it ran. */
void report_end_program(struct report *report,
			const struct audit_record *record, int64_t at);

/** Something happened in a process: its program lives. */
void report_touch(struct report *report, const struct audit_record *record,
		  int64_t at, bool refused);

/** All were added. A program of which no end is recorded (it became another
 * one, or the log is an older version's) lasts as long as what it started, as
 * far as is known; and what was refused below it is to be seen at it. */
void report_close_programs(struct report *report);

/** Does that decision refuse something? */
bool report_refuses(const struct audit_record *record);

/** Something was decided. */
int report_add_decision(struct report *report,
			const struct audit_record *record, int64_t at);

/** A host was asked for (`refused` or not), or a connection ended. */
int report_add_host(struct report *report, const struct audit_record *record,
		    bool refused);

/** A secret was used. The first time has an event, the others have a count. */
int report_add_use(struct report *report, const struct audit_record *record,
		   int64_t at);

/** The secret of a line was not there. */
int report_add_absent(struct report *report, const struct audit_record *record);

/** Was it? Of the line, as the policy has it. */
bool report_is_absent(const struct report *report, const char *line);

/** Somebody was asked. */
int report_add_question(struct report *report,
			const struct audit_record *record, int64_t at);

/** An alert or an error. */
int report_add_note(struct report *report, const struct audit_record *record,
		    int64_t at);

/** All were added: into the order that they are shown in. */
void report_sort(struct report *report);

#endif
