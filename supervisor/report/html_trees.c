/* The two trees of a page: programs over time, and files. */
#include <inttypes.h>
#include <string.h>

#include "supervisor/report/html.h"

enum {
	MOST_ROWS = 2500,  /* of programs */
	MOST_FILES = 2500, /* of files */
	MOST_IN_ROW = 200, /* children of one program */
	TWINS = 6,	   /* side by side, they are one row that opens */
	TWINS_SHOWN = 50,
	OPEN_DEPTH = 2, /* open from the start */
	DEEPEST = 200,
	FILES_IN_ONE = 60,
	WORDS = 300,
	BAR = 160,
};

/* -------------------------------------------------------------- programs -- */

struct rows {
	const struct report *report;
	struct text *text;
	size_t left;
};

/* When it ran, within the session. The text beside it says the same. */
static void bar(struct text *text, const struct report *report, int64_t start,
		int64_t end)
{
	int64_t whole = report->duration > 0 ? report->duration : 1;
	int64_t from = start * BAR / whole, to = end * BAR / whole;

	if (to <= from)
		to = from + 1;
	text_format(text,
		    "<svg width=\"%d\" height=\"10\" aria-hidden=\"true\">"
		    "<rect class=\"b\" y=\"4\" width=\"%d\" height=\"2\"/>"
		    "<rect x=\"%" PRId64 "\" width=\"%" PRId64
		    "\" height=\"10\"/></svg>",
		    BAR, BAR, from, to - from);
}

/* `one`: the program that it is about, or NULL: of several. */
static void when(struct text *text, int64_t start, int64_t end,
		 const struct report_program *one)
{
	text_add_string(text, "<span class=\"t\">at ");
	report_add_time(text, start);
	text_add_string(text, ", ");
	report_add_time(text, end - start);
	if (one)
		report_add_outcome(text, one);
	text_add_string(text, "</span>");
}

static void refused(struct text *text, uint64_t own, uint64_t all)
{
	if (!all)
		return;
	text_add_string(text, " <span class=\"bad\">");
	report_add_number(text, own ? own : all);
	text_add_string(text, own ? " refused" : " refused below");
	text_add_string(text, "</span>");
}

static void program(struct rows *rows, const struct report_program *one)
{
	struct text *text = rows->text;

	text_add_string(text, "<span class=\"row\">");
	html_code(text, one->words, WORDS);
	refused(text, one->refused, one->refused_all);
	when(text, one->start, one->end, one);
	bar(text, rows->report, one->start, one->end);
	text_add_string(text, "</span>");
}

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

static void program_leaf(struct rows *rows, const struct report_program *one)
{
	text_add_string(rows->text, "<li class=\"leaf\">");
	program(rows, one);
	text_add_string(rows->text, "</li>\n");
	rows->left -= rows->left > 0;
}

static void and_more(struct text *text, size_t count, const char *what)
{
	text_add_string(text, "<li class=\"leaf soft\">and ");
	report_add_number(text, count);
	text_format(text, " more%s</li>\n", what);
}

/* The same program many times over: one row, which opens. Returns the last. */
static size_t program_twins(struct rows *rows, size_t first, size_t count)
{
	const struct report_program *all = rows->report->programs;
	struct text *text = rows->text;
	size_t at = first, last = first;
	uint64_t bad = 0;

	for (size_t i = 0; i < count;
	     i++, last = i < count ? all[last].next : last)
		bad += all[last].refused;
	text_add_string(text, "<li><details><summary><span class=\"row\">");
	html_code(text, report_base(all[first].exe) ?: "?", WORDS);
	text_add_string(text, " <span class=\"soft\">");
	report_add_number(text, count);
	text_add_string(text, " times</span>");
	refused(text, bad, bad);
	when(text, all[first].start, all[last].end, NULL);
	bar(text, rows->report, all[first].start, all[last].end);
	text_add_string(text, "</span></summary><ul>\n");
	for (size_t i = 0; i < count && i < TWINS_SHOWN; i++) {
		program_leaf(rows, &all[at]);
		at = all[at].next;
	}
	if (count > TWINS_SHOWN)
		and_more(text, count - TWINS_SHOWN, "");
	text_add_string(text, "</ul></details></li>\n");
	return last;
}

static size_t rest_of(const struct report *report, size_t at)
{
	size_t count = 0;

	for (; at; at = report->programs[at].next)
		count++;
	return count;
}

static void program_row(struct rows *rows, size_t first, unsigned depth)
{
	const struct report_program *all = rows->report->programs;
	struct text *text = rows->text;
	size_t shown = 0;

	for (size_t at = first; at; at = all[at].next) {
		size_t same = twins(rows->report, at);

		if (!rows->left || shown++ >= MOST_IN_ROW) {
			and_more(text, rest_of(rows->report, at),
				 ", with what they started");
			return;
		}
		if (same >= TWINS) {
			at = program_twins(rows, at, same);
			continue;
		}
		if (!all[at].child || depth >= DEEPEST) {
			program_leaf(rows, &all[at]);
			continue;
		}
		rows->left--;
		text_format(text, "<li><details%s><summary>",
			    depth < OPEN_DEPTH ? " open" : "");
		program(rows, &all[at]);
		text_add_string(text, "</summary><ul>\n");
		program_row(rows, all[at].child, depth + 1);
		text_add_string(text, "</ul></details></li>\n");
	}
}

static void fold_buttons(struct text *text)
{
	text_add_string(
		text, "<p><button type=\"button\" data-open=\"1\" hidden>Open "
		      "all</button> <button type=\"button\" data-open=\"0\" "
		      "hidden>Close all</button></p>\n");
}

void html_programs(const struct report *report, struct text *text)
{
	struct rows rows = {report, text, MOST_ROWS};

	html_section(text, "programs", "Programs");
	if (report->program_count < 2) {
		text_add_string(text, "<p>None ran.</p>\n");
	} else {
		text_add_string(text,
				"<p class=\"soft\">Each below the one that "
				"started it: when it started, and how long "
				"it, or what it started, was last heard of."
				"</p>\n");
		fold_buttons(text);
		text_add_string(text, "<ul class=\"tree\">\n");
		program_row(&rows, report->programs[0].child, 0);
		text_add_string(text, "</ul>\n");
	}
	html_section_end(text);
}

/* ----------------------------------------------------------------- files -- */

struct nest {
	struct text *text;
	bool leaf[DEEPEST + 8];
	unsigned depth;
};

static void counts(struct text *text, const struct report_branch *branch)
{
	const char *comma = " ";

	text_add_string(text, " <span class=\"soft\">");
	if (branch->reads) {
		report_add_number(text, branch->reads);
		text_add_string(text, " read");
		comma = ", ";
	}
	if (branch->writes) {
		text_add_string(text, comma);
		report_add_number(text, branch->writes);
		text_add_string(text, " written");
	}
	text_add_string(text, "</span>");
	refused(text, branch->refused, branch->refused);
}

static void enter(void *context, const struct report_branch *branch)
{
	struct nest *nest = context;
	struct text *text = nest->text;

	nest->leaf[nest->depth] = !branch->directory;
	if (branch->more) {
		text_add_string(text, "<li class=\"leaf soft\">and ");
		report_add_number(text, branch->more);
		text_add_string(text, " more");
	} else {
		text_add_string(text, !branch->directory ? "<li class=\"leaf\">"
				      : branch->depth
					      ? "<li><details><summary>"
					      : "<li><details open><summary>");
		text_add_string(text, "<code>");
		html_text(text, branch->name, branch->length);
		text_add_string(text,
				branch->directory ? "/</code>" : "</code>");
	}
	counts(text, branch);
	text_add_string(text, branch->directory ? "</summary><ul>\n" : "");
	nest->depth++;
}

static void leave(void *context)
{
	struct nest *nest = context;

	nest->depth--;
	text_add_string(nest->text, nest->leaf[nest->depth]
					    ? "</li>\n"
					    : "</ul></details></li>\n");
}

void html_files(const struct report *report, struct text *text)
{
	const struct report_limits limits = {MOST_FILES, FILES_IN_ONE, DEEPEST};
	struct nest nest = {.text = text};
	bool allowed = false;

	for (size_t i = 0; i < report->file_count; i++)
		allowed |= report->files[i].reads || report->files[i].writes;
	html_section(text, "files", "Files");
	if (!allowed)
		text_add_string(text,
				"<p class=\"soft\">Files that were allowed are "
				"not in this log; a session of "
				"<code>--log all</code> or a dry run has "
				"them.</p>\n");
	if (report->file_count) {
		fold_buttons(text);
		text_add_string(text, "<ul class=\"tree\">\n");
		report_files(report, &limits, enter, leave, &nest);
		text_add_string(text, "</ul>\n");
	}
	html_section_end(text);
}
