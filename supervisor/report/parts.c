/* What the three forms of a report have in common. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/ask/grants.h"
#include "supervisor/report/report.h"

enum { LEAST_CPU = 10 }; /* ms: less is nothing to tell */

void report_add_number(struct text *text, uint64_t number)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text_add_byte(text, ',');
		text_add_byte(text, digits[i]);
	}
}

void report_add_time(struct text *text, int64_t ms)
{
	if (ms < 10000)
		text_format(text, "%" PRId64 ".%02d s", ms / 1000,
			    (int)(ms % 1000 / 10));
	else if (ms < 120000)
		text_format(text, "%" PRId64 ".%d s", ms / 1000,
			    (int)(ms % 1000 / 100));
	else if (ms < 7200000)
		text_format(text, "%" PRId64 " min %d s", ms / 60000,
			    (int)(ms % 60000 / 1000));
	else
		text_format(text, "%" PRId64 " h %d min", ms / 3600000,
			    (int)(ms % 3600000 / 60000));
}

void report_add_outcome(struct text *text, const struct report_program *program)
{
	if (program->status > 128)
		text_format(text, ", signal %d", program->status - 128);
	else if (program->status > 0)
		text_format(text, ", status %d", program->status);
	if (program->cpu < LEAST_CPU)
		return;
	text_add_string(text, ", ");
	report_add_time(text, program->cpu);
	text_add_string(text, " of CPU");
}

void report_add_bytes(struct text *text, uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		text_format(text, "%" PRIu64 " B", bytes);
		return;
	}
	while (value >= 999.95 && unit < 3) {
		value /= 1000;
		unit++;
	}
	text_format(text, "%.1f %s", value, units[unit]);
}

/* A question to a name server, where no host may be reached: names that may be
 * are looked up by interpose. */
static bool is_lookup(const char *subject)
{
	size_t length = strlen(subject);

	return length > 3 && strcmp(subject + length - 3, ":53") == 0;
}

char *report_allow(const struct report_refusal *refusal)
{
	const struct grants_subject subject = {
		.subject = refusal->subject,
	};
	const char *action = refusal->action, *rule = refusal->rule;
	char *space, *line = NULL;

	if (!action || !refusal->subject || refusal->why)
		return NULL;
	if (rule && (strncmp(rule, "never ", 6) == 0 ||
		     strncmp(rule, "final ", 6) == 0))
		return NULL;
	if (strcmp(action, "http") == 0) {
		space = strchr(refusal->subject, ' ');
		/* What a glob or the language would take for its own. */
		if (!space || strpbrk(refusal->subject, "*?[]{}$~\"\\#\n\t"))
			return NULL;
		return asprintf(&line, "allow http %s", refusal->subject) < 0
			       ? NULL
			       : line;
	}
	for (int i = 0; i < ACTION_COUNT; i++) {
		struct grants_subject asked = subject;

		if (strcmp(action, action_name((enum action)i)) != 0)
			continue;
		if (i <= ACTION_EXEC && asked.subject[0] != '/')
			return NULL;
		if (i == ACTION_CONNECT && !rule && is_lookup(asked.subject))
			return strdup("allow connect HOST:PORT  # of the name "
				      "that was looked up");
		/* A name that was only looked up has no port. */
		if (i == ACTION_CONNECT && !strchr(asked.subject, ':'))
			return asprintf(&line, "allow connect %s:*",
					asked.subject) < 0
				       ? NULL
				       : line;
		asked.action = (enum action)i;
		return grants_rule("allow", &asked);
	}
	return NULL;
}

/* ----------------------------------------------------------------- files -- */

struct walk {
	const struct report_file *files;
	struct report_limits limits;
	size_t left; /* lines that may still be shown */
	void (*enter)(void *context, const struct report_branch *branch);
	void (*leave)(void *context);
	void *context;
};

static void add_up(struct report_branch *branch,
		   const struct report_file *files, size_t count)
{
	branch->reads = branch->writes = branch->refused = 0;
	for (size_t i = 0; i < count; i++) {
		branch->reads += files[i].reads;
		branch->writes += files[i].writes;
		branch->refused += files[i].refused;
	}
}

/* How many of the files have the component that ends at `end`? */
static size_t same(const struct report_file *files, size_t count, size_t end)
{
	size_t next = 1;

	while (next < count &&
	       strncmp(files[0].path, files[next].path, end) == 0 &&
	       (files[next].path[end] == '/' || !files[next].path[end]))
		next++;
	return next;
}

static size_t component_end(const char *path, size_t from)
{
	return from + (path[from] == '/') +
	       strcspn(path + from + (path[from] == '/'), "/");
}

static void walk(struct walk *walking, const struct report_file *files,
		 size_t count, size_t prefix, unsigned depth);

/* A component of `count` files, joined with those below it that are alone. */
static void walk_one(struct walk *walking, const struct report_file *files,
		     size_t count, size_t prefix, unsigned depth)
{
	size_t end = component_end(files[0].path, prefix);
	struct report_branch branch = {.depth = depth};

	while (files[0].path[end] &&
	       same(files, count, component_end(files[0].path, end)) == count)
		end = component_end(files[0].path, end);
	branch.name = files[0].path + prefix + (depth > 0);
	branch.length = end - prefix - (depth > 0);
	branch.directory = count > 1 || files[0].path[end];
	add_up(&branch, files, count);
	walking->left--;
	walking->enter(walking->context, &branch);
	if (branch.directory && depth < walking->limits.depth)
		walk(walking, files, count, end, depth + 1);
	walking->leave(walking->context);
}

static void walk(struct walk *walking, const struct report_file *files,
		 size_t count, size_t prefix, unsigned depth)
{
	size_t shown = 0, at = 0;

	while (at < count) {
		size_t end, next;

		if (!files[at].path[prefix]) { /* the directory itself */
			at++;
			continue;
		}
		end = component_end(files[at].path, prefix);
		next = same(files + at, count - at, end);
		if (shown++ >= walking->limits.in_one || !walking->left) {
			struct report_branch rest = {.depth = depth,
						     .more = count - at};

			add_up(&rest, files + at, count - at);
			walking->enter(walking->context, &rest);
			walking->leave(walking->context);
			return;
		}
		walk_one(walking, files + at, next, prefix, depth);
		at += next;
	}
}

void report_files(const struct report *report,
		  const struct report_limits *limits,
		  void (*enter)(void *context, const struct report_branch *),
		  void (*leave)(void *context), void *context)
{
	struct walk walking = {
		.files = report->files,
		.limits = *limits,
		.left = limits->most,
		.enter = enter,
		.leave = leave,
		.context = context,
	};

	walk(&walking, report->files, report->file_count, 0, 0);
}
