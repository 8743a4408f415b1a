/* A report for a terminal: what matters first, and little of the rest. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/report/report.h"
#include "supervisor/utf8.h"
#include "supervisor/visible.h"

enum {
	RULES_SHOWN = 20,
	THINGS_SHOWN = 5, /* of one rule */
	PROGRAMS_SHOWN = 60,
	TWINS_SHOWN = 4, /* of the same program side by side */
	DEEPEST = 24,
	HOSTS_SHOWN = 30,
	FILES_SHOWN = 60,
	FILES_IN_ONE = 12,
	QUESTIONS_SHOWN = 20,
	USES_SHOWN = 20,
	NOTES_SHOWN = 20,
	WIDTH = 100, /* of what a program said */
};

static void shown(struct text *text, const char *string)
{
	visible_text(text, string, strlen(string));
}

static void cut(struct text *text, const char *string, size_t most)
{
	size_t length = strlen(string);

	visible_text(text, string, length < most ? length : most);
	if (length > most)
		text_add_string(text, "...");
}

static void times(struct text *text, uint64_t count)
{
	report_add_number(text, count);
	text_add_string(text, count == 1 ? " time" : " times");
}

static void more(struct text *text, const char *indent, size_t count,
		 const char *of)
{
	if (!count)
		return;
	text_add_string(text, indent);
	text_add_string(text, "and ");
	report_add_number(text, count);
	text_format(text, " more %s\n", of);
}

static void head(const struct report *report, struct text *text)
{
	const struct session_info *info = &report->session->info;

	shown(text, info->program ? report_base(info->program) : "session");
	if (info->project) {
		text_add_string(text, " in ");
		shown(text, info->project);
	}
	text_format(text, "\n%s, ", report->session->id);
	report_add_time(text, report->duration);
	if (report->session->live)
		text_add_string(text, ", still running");
	else if (!report->ended)
		text_add_string(text, ", killed");
	else if (report->status >= 0)
		text_format(text, ", status %d", report->status);
	text_add_byte(text, '\n');
	report_add_number(text, report->events);
	text_add_string(text, " events, ");
	report_add_number(
		text, report->program_count ? report->program_count - 1 : 0);
	text_add_string(text, " programs, ");
	report_add_number(text, report->refused);
	text_add_string(text, report->dry_run ? " would have been refused, "
					      : " refused, ");
	report_add_number(text, report->faked);
	text_add_string(text, report->dry_run ? " would have got a stand-in, "
					      : " served a stand-in, ");
	report_add_number(text, report->asked);
	text_add_string(text,
			report->asked == 1 ? " question\n" : " questions\n");
	if (report->broken) {
		report_add_number(text, report->broken);
		text_format(text,
			    " lines of the log do not fit: interpose log "
			    "verify %s\n",
			    report->session->id);
	}
}

static void notes(const struct report *report, struct text *text)
{
	if (!report->note_count)
		return;
	text_add_string(text, "\nALERTS\n");
	for (size_t i = 0; i < report->note_count && i < NOTES_SHOWN; i++) {
		const struct report_note *note = &report->notes[i];

		text_format(text, "  %s  ", note->event);
		cut(text, note->message, 2 * WIDTH);
		if (note->program) {
			text_add_string(text, "  by ");
			shown(text, report_base(note->program));
		}
		if (note->count > 1) {
			text_add_string(text, ", ");
			times(text, note->count);
		}
		text_add_byte(text, '\n');
	}
	if (report->note_count > NOTES_SHOWN)
		more(text, "  ", report->note_count - NOTES_SHOWN, "of them");
}

static void rule_line(struct text *text, const struct report_refusal *thing)
{
	text_add_string(text, "  ");
	if (thing->rule)
		cut(text, thing->rule, WIDTH);
	else
		text_add_string(text, "no rule, so it is asked");
	if (thing->rule_file) {
		text_add_string(text, "  (");
		shown(text, thing->rule_file);
		text_format(text, ":%u)", thing->rule_line);
	}
	text_add_byte(text, '\n');
}

static void thing_line(struct text *text, const struct report_refusal *thing,
		       bool refused)
{
	text_format(text, "    %-4s %-7s ", thing->verdict,
		    thing->action ?: "");
	cut(text, thing->subject ?: "", 2 * WIDTH);
	if (thing->program) {
		text_add_string(text, "  by ");
		shown(text, report_base(thing->program));
	}
	text_add_string(text, ", ");
	times(text, thing->count);
	if (thing->why) {
		text_add_string(text, ": ");
		cut(text, thing->why, WIDTH);
	}
	text_add_byte(text, '\n');
	auto_free char *allow = refused ? report_allow(thing) : NULL;

	if (allow) {
		text_add_string(text, "         to allow it: ");
		shown(text, allow);
		text_add_byte(text, '\n');
	}
}

static void things(struct text *text, const struct report_refusal *list,
		   size_t count, bool refused)
{
	size_t rules = 0, of_rule = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == 0 || list[i].group != list[i - 1].group) {
			more(text, "    ", left, "by this rule");
			left = of_rule = 0;
			if (rules++ == RULES_SHOWN) {
				more(text, "  ",
				     list[count - 1].group - list[i].group + 1,
				     "rules");
				return;
			}
			rule_line(text, &list[i]);
		}
		if (of_rule++ < THINGS_SHOWN)
			thing_line(text, &list[i], refused);
		else
			left++;
	}
	more(text, "    ", left, "by this rule");
}

static void questions(const struct report *report, struct text *text)
{
	if (!report->question_count)
		return;
	text_add_string(text, "\nQUESTIONS\n");
	for (size_t i = 0; i < report->question_count && i < QUESTIONS_SHOWN;
	     i++) {
		const struct report_question *asked = &report->questions[i];

		text_format(text, "  %-5s %-7s ", asked->verdict ?: "",
			    asked->action ?: "");
		cut(text, asked->subject ?: "", 2 * WIDTH);
		text_format(text, "  %s", asked->by ?: "");
		if (asked->waited >= 0) {
			text_add_string(text, ", after ");
			report_add_time(text, asked->waited);
		}
		if (asked->message) {
			text_add_string(text, ": ");
			cut(text, asked->message, WIDTH);
		}
		text_add_byte(text, '\n');
	}
	if (report->question_count > QUESTIONS_SHOWN)
		more(text, "  ", report->question_count - QUESTIONS_SHOWN,
		     "questions");
}

static void uses(const struct report *report, struct text *text)
{
	for (size_t i = 0; i < report->use_count && i < USES_SHOWN; i++) {
		const struct report_use *use = &report->uses[i];

		text_add_string(text, i ? "" : "  where they were used\n");
		text_add_string(text, "    ");
		cut(text, use->secret, WIDTH);
		text_add_string(text, "  ");
		cut(text, use->subject ?: "other requests", 2 * WIDTH);
		if (use->program) {
			text_add_string(text, "  by ");
			shown(text, report_base(use->program));
		}
		text_add_string(text, ", ");
		times(text, use->count);
		text_add_byte(text, '\n');
	}
	if (report->use_count > USES_SHOWN)
		more(text, "    ", report->use_count - USES_SHOWN, "places");
}

static void secrets(const struct report *report, struct text *text)
{
	if (!report->secret_count && !report->stand_in_count &&
	    !report->use_count)
		return;
	text_add_string(text, report->dry_run ? "\nSECRETS THE POLICY WOULD "
						"HAVE KEPT\n"
					      : "\nSECRETS KEPT\n");
	for (size_t i = 0; i < report->secret_count; i++) {
		text_add_string(text, "  ");
		cut(text, report->secrets[i], 2 * WIDTH);
		text_add_byte(text, '\n');
	}
	uses(report, text);
	things(text, report->stand_ins, report->stand_in_count, false);
}

/* -------------------------------------------------------------- programs -- */

static void program_line(struct text *text,
			 const struct report_program *program, unsigned depth)
{
	text_format(text, "  %*s", (int)(2 * depth), "");
	cut(text, program->words, WIDTH);
	text_add_string(text, "  ");
	report_add_time(text, program->end - program->start);
	report_add_outcome(text, program);
	if (program->refused) {
		text_add_string(text, ", ");
		report_add_number(text, program->refused);
		text_add_string(text, " refused");
	}
	text_add_byte(text, '\n');
}

/* Those of the same program that started nothing, further on in the row. */
static size_t twins(const struct report *report, size_t first)
{
	const struct report_program *all = report->programs;
	size_t count = 0;

	for (size_t at = first; at; at = all[at].next) {
		if (all[at].child || all[at].exe != all[first].exe)
			break;
		count++;
	}
	return count;
}

static void program_row(const struct report *report, struct text *text,
			size_t first, unsigned depth, size_t *left)
{
	const struct report_program *all = report->programs;

	for (size_t at = first; at && *left; at = all[at].next) {
		size_t same = twins(report, at);

		if (same > TWINS_SHOWN) {
			text_format(text, "  %*s", (int)(2 * depth), "");
			shown(text, report_base(all[at].exe));
			text_add_string(text, ", ");
			times(text, same);
			text_add_byte(text, '\n');
			while (--same)
				at = all[at].next;
			(*left)--;
			continue;
		}
		program_line(text, &all[at], depth);
		(*left)--;
		if (depth < DEEPEST)
			program_row(report, text, all[at].child, depth + 1,
				    left);
	}
}

static void programs(const struct report *report, struct text *text)
{
	size_t left = PROGRAMS_SHOWN;

	if (report->program_count < 2)
		return;
	text_add_string(text, "\nPROGRAMS\n");
	program_row(report, text, report->programs[0].child, 0, &left);
	if (!left)
		text_add_string(text, "  and more: --html shows all\n");
}

/* ----------------------------------------------------------- hosts, files --
 */

static void host_line(struct text *text, const struct report_host *host)
{
	text_format(text, "  %-7s ", host->action);
	cut(text, host->name, WIDTH);
	text_add_string(text, "  ");
	report_add_number(text, host->allowed);
	text_add_string(text, " allowed");
	if (host->refused) {
		text_add_string(text, ", ");
		report_add_number(text, host->refused);
		text_add_string(text, " refused");
	}
	if (host->requests) {
		text_add_string(text, ", ");
		report_add_number(text, host->requests);
		text_add_string(text, " requests");
	}
	if (host->measured) {
		text_add_string(text, ", ");
		report_add_bytes(text, host->bytes_out);
		text_add_string(text, " out, ");
		report_add_bytes(text, host->bytes_in);
		text_add_string(text, " in");
	}
	if (host->program) {
		text_add_string(text, "  by ");
		shown(text, report_base(host->program));
		text_add_string(text, host->programs ? " and others" : "");
	}
	text_add_byte(text, '\n');
}

static void hosts(const struct report *report, struct text *text)
{
	if (!report->host_count)
		return;
	text_add_string(text, "\nNETWORK\n");
	for (size_t i = 0; i < report->host_count && i < HOSTS_SHOWN; i++)
		host_line(text, &report->hosts[i]);
	if (report->host_count > HOSTS_SHOWN)
		more(text, "  ", report->host_count - HOSTS_SHOWN, "hosts");
}

static void file_line(void *context, const struct report_branch *branch)
{
	struct text *text = context;
	const char *comma = "";

	text_format(text, "  %*s", (int)(2 * branch->depth), "");
	if (branch->more) {
		text_add_string(text, "and ");
		report_add_number(text, branch->more);
		text_add_string(text, " more");
	} else {
		visible_text(text, branch->name,
			     branch->length < WIDTH ? branch->length : WIDTH);
		text_add_string(text, branch->directory ? "/" : "");
	}
	text_add_string(text, "  ");
	if (branch->reads) {
		report_add_number(text, branch->reads);
		text_add_string(text, " read");
		comma = ", ";
	}
	if (branch->writes) {
		text_add_string(text, comma);
		report_add_number(text, branch->writes);
		text_add_string(text, " written");
		comma = ", ";
	}
	if (branch->refused) {
		text_add_string(text, comma);
		report_add_number(text, branch->refused);
		text_add_string(text, " refused");
	}
	text_add_byte(text, '\n');
}

static void nothing(void *context)
{
	(void)context;
}

void report_plain(const struct report *report, struct text *text)
{
	head(report, text);
	notes(report, text);
	if (report->refusal_count) {
		text_add_string(text, report->dry_run
					      ? "\nWOULD HAVE BEEN REFUSED\n"
					      : "\nREFUSED\n");
		things(text, report->refusals, report->refusal_count, true);
	}
	questions(report, text);
	secrets(report, text);
	programs(report, text);
	hosts(report, text);
	if (report->file_count) {
		const struct report_limits limits = {FILES_SHOWN, FILES_IN_ONE,
						     1};

		text_add_string(text, "\nFILES\n");
		report_files(report, &limits, file_line, nothing, text);
	}
}
