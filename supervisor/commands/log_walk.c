#include "supervisor/commands/log_walk.h"

#include "policy/scope.h"
#include "supervisor/visible.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

/* --------------------------------------------------------------- filter -- */

unsigned log_event_kinds(const struct audit_record *record)
{
	const char *verdict = record->verdict ? record->verdict : "";
	const char *action = record->action ? record->action : "";
	unsigned kinds = 0;

	/* A question that nobody could answer was a refusal. */
	if (!strcmp(verdict, "deny") || !strcmp(verdict, "hide") ||
	    record->by == AUDIT_BY_UNATTENDED || record->event == AUDIT_ALERT)
		kinds |= LOG_DENIED;
	if (!strcmp(verdict, "fake"))
		kinds |= LOG_FAKED;
	if (record->event == AUDIT_ASK || record->by == AUDIT_BY_PERSON ||
	    record->by == AUDIT_BY_UNATTENDED)
		kinds |= LOG_ASKED;
	if (record->event == AUDIT_EXEC || !strcmp(action, "exec"))
		kinds |= LOG_EXEC;
	if (!strcmp(action, "connect") || !strcmp(action, "listen") ||
	    !strcmp(action, "http"))
		kinds |= LOG_NET;
	return kinds;
}

int64_t log_ago_parse(const char *text)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 3600, 86400};
	const char *unit;
	int64_t value = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 9 || !text[digits] || text[digits + 1])
		return -1;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	unit = strchr(units, text[digits]);
	return unit ? value * seconds[unit - units] : -1;
}

int log_since_parse(const char *text, time_t now, struct timespec *since)
{
	static const char *const forms[] = {"%Y-%m-%d", "%H:%M", "%H:%M:%S"};
	int64_t ago = log_ago_parse(text);

	since->tv_nsec = 0;
	if (ago >= 0) {
		since->tv_sec = now - ago;
		return 0;
	}
	if (!audit_time_parse(text, since))
		return 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm;
		const char *rest;

		localtime_r(&now, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		rest = strptime(text, forms[i], &tm);
		if (!rest || *rest)
			continue;
		tm.tm_isdst = -1;
		since->tv_sec = mktime(&tm);
		return 0;
	}
	return -EINVAL;
}

static bool is_program(const char *exe, const char *wanted)
{
	const char *slash = exe ? strrchr(exe, '/') : NULL;

	return exe && (strcmp(exe, wanted) == 0 ||
		       (slash && strcmp(slash + 1, wanted) == 0));
}

static bool holds(const char *text, const char *word)
{
	return text && strstr(text, word);
}

static bool wanted(const struct audit_entry *entry,
		   const struct log_filter *filter)
{
	const struct audit_record *record = &entry->record;

	if (entry->time.tv_sec < filter->since.tv_sec ||
	    (entry->time.tv_sec == filter->since.tv_sec &&
	     entry->time.tv_nsec < filter->since.tv_nsec))
		return false;
	if (filter->kinds && !(filter->kinds & log_event_kinds(record)))
		return false;
	if (filter->program && !is_program(record->exe, filter->program))
		return false;
	return !filter->match || holds(record->subject, filter->match) ||
	       holds(record->message, filter->match);
}

/* A quote within a string has a backslash before it, so these stand only where
 * they are fields. */
static const struct {
	unsigned kind;
	const char *field;
} signs[] = {
	{LOG_DENIED, "\"verdict\":\"deny\""},
	{LOG_DENIED, "\"verdict\":\"hide\""},
	{LOG_DENIED, "\"by\":\"unattended\""},
	{LOG_DENIED, "\"event\":\"alert\""},
	{LOG_FAKED, "\"verdict\":\"fake\""},
	{LOG_ASKED, "\"event\":\"ask\""},
	{LOG_ASKED, "\"by\":\"person\""},
	{LOG_ASKED, "\"by\":\"unattended\""},
	{LOG_EXEC, "\"event\":\"exec\""},
	{LOG_EXEC, "\"action\":\"exec\""},
	{LOG_NET, "\"action\":\"connect\""},
	{LOG_NET, "\"action\":\"listen\""},
	{LOG_NET, "\"action\":\"http\""},
	/* What ends the session is always wanted: it ends --follow. */
	{0, "\"event\":\"end\""},
};

static bool has(const char *line, size_t length, const char *word)
{
	return memmem(line, length, word, strlen(word)) != NULL;
}

/* Is a word the same in the log as it is? */
static bool is_plain(const char *word)
{
	for (; *word; word++)
		if (*word < 0x20 || *word > 0x7e || *word == '"' ||
		    *word == '\\')
			return false;
	return true;
}

static bool may_be_wanted(void *context, const char *line, size_t length)
{
	const struct log_filter *filter = context;
	bool found = !filter->kinds;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs) && !found; i++)
		found = (!signs[i].kind || signs[i].kind & filter->kinds) &&
			has(line, length, signs[i].field);
	if (found && filter->match && is_plain(filter->match))
		found = has(line, length, filter->match);
	if (found && filter->program && is_plain(filter->program))
		found = has(line, length, filter->program);
	return found;
}

/* ----------------------------------------------------------------- walks -- */

struct walk {
	const struct session_entry *session;
	const struct log_filter *filter;
	int (*visit)(void *context, const struct audit_entry *entry);
	int (*idle)(void *context);
	void *context;
	struct audit_reader *reader;
	bool broken, ended;
	bool told; /* the visitor could not go on, and has said so */
};

/* What the visitor returned. Where its output cannot be written, that is told
 * at the end. */
static int visited(struct walk *walk, int error)
{
	walk->told = error && error != -ENOMEM;
	return error;
}

static int take(struct walk *walk, const struct audit_entry *entry)
{
	if (entry->result == AUDIT_READ_BROKEN) {
		fprintf(stderr, "interpose: line %" PRIu64 " of the log %s\n",
			entry->line, entry->cause);
		walk->broken = true;
	}
	if (!entry->readable)
		return 0;
	if (entry->record.event == AUDIT_END)
		walk->ended = true;
	if (!wanted(entry, walk->filter))
		return 0;
	return visited(walk, walk->visit(walk->context, entry));
}

/* Take all whole lines that are there. */
static int take_all(struct walk *walk)
{
	struct audit_entry entry;
	int error;

	while (!(error = audit_reader_next(walk->reader, &entry)) &&
	       entry.result != AUDIT_READ_END) {
		error = take(walk, &entry);
		if (error)
			return error;
	}
	return error;
}

/* Wait until the file may have grown; a second at most. */
static void wait_for_more(int watch)
{
	struct pollfd poll_watch = {.fd = watch, .events = POLLIN};
	char events[4096];

	/* Where inotify is not to be had, the file is looked at more often. */
	if (poll(&poll_watch, 1, watch < 0 ? 200 : 1000) <= 0)
		return;
	if (read(watch, events, sizeof(events)) < 0)
		return;
}

static int follow(struct walk *walk, int fd)
{
	auto_fd watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64];
	bool live = true;
	int error = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (watch >= 0 && inotify_add_watch(watch, path, IN_MODIFY) < 0) {
		close(watch);
		watch = -1;
	}
	/* What is written last is read after the lock was seen to be free. */
	while (!error && live && !walk->ended) {
		live = session_live(walk->session);
		error = take_all(walk);
		if (!error && walk->idle)
			error = visited(walk, walk->idle(walk->context));
		if (!error && live && !walk->ended)
			wait_for_more(watch);
	}
	return error;
}

int log_walk(const struct session_entry *session,
	     const struct log_filter *filter,
	     int (*visit)(void *context, const struct audit_entry *entry),
	     int (*idle)(void *context), void *context, bool *broken)
{
	struct walk walk = {
		.session = session,
		.filter = filter,
		.visit = visit,
		.idle = idle,
		.context = context,
	};
	auto_fd fd = session_open(session, "events.jsonl");
	int error;

	if (fd < 0) {
		fprintf(stderr, "interpose: %s: cannot open the log: %s\n",
			session->id, strerror(-fd));
		return fd;
	}
	error = audit_reader_new(fd, &walk.reader);
	if (!error && filter->quick)
		audit_reader_pass_over(walk.reader, may_be_wanted,
				       (void *)(uintptr_t)filter);
	if (!error)
		error = take_all(&walk);
	if (!error && idle)
		error = visited(&walk, idle(context));
	if (!error && filter->follow)
		error = follow(&walk, fd);
	audit_reader_free(walk.reader);
	*broken |= walk.broken;
	/* Of what it could not do with an event, the visitor has told. */
	if (error < 0 && !walk.told)
		fprintf(stderr, "interpose: %s: cannot read the log: %s\n",
			session->id, strerror(-error));
	return error;
}

/* -------------------------------------------------------------- sessions -- */

static void report_not_found(const char *name, int error)
{
	fputs("interpose: ", stderr);
	if (!name && error == -ENOENT) {
		fputs("there is no session yet\n", stderr);
		return;
	}
	visible_puts(stderr, name ? name : "the newest session");
	if (error == -ENOENT)
		fputs(": no such session; `interpose log --list` lists them\n",
		      stderr);
	else if (error == -ENOTUNIQ)
		fputs(": several sessions start so\n", stderr);
	else
		fprintf(stderr, ": %s\n", strerror(-error));
}

static int find_named(const struct log_sessions *wanted,
		      struct session_entry **entries, size_t *count)
{
	size_t most = wanted->name_count ? wanted->name_count : 1;

	*entries = calloc(most, sizeof(**entries));
	if (!*entries)
		return -ENOMEM;
	for (; *count < most; (*count)++) {
		const char *name =
			wanted->name_count ? wanted->names[*count] : NULL;
		int error = sessions_find(name, &(*entries)[*count]);

		if (error) {
			report_not_found(name, error);
			return error;
		}
	}
	return 0;
}

/* Those of a project, the oldest first. */
static int keep_some(const struct log_sessions *wanted,
		     struct session_entry *entries, size_t *count)
{
	auto_free char *project =
		wanted->project ? realpath(wanted->project, NULL) : NULL;
	size_t kept = 0;

	if (wanted->project && !project) {
		int error = -errno;

		report_not_found(wanted->project,
				 error == -ENOENT ? -ENOTDIR : error);
		return error;
	}
	for (size_t i = 0; i < *count; i++) {
		struct session_entry entry = entries[i];

		if (project && (!entry.info.project ||
				strcmp(entry.info.project, project) != 0))
			session_entry_clear(&entry);
		else
			entries[kept++] = entry;
	}
	*count = kept;
	for (size_t i = 0; i < kept / 2; i++) {
		struct session_entry entry = entries[i];

		entries[i] = entries[kept - 1 - i];
		entries[kept - 1 - i] = entry;
	}
	return 0;
}

int log_sessions_find(const struct log_sessions *wanted,
		      struct session_entry **entries, size_t *count)
{
	int error;

	*entries = NULL;
	*count = 0;
	if (!wanted->all && !wanted->project) {
		error = find_named(wanted, entries, count);
	} else {
		error = sessions_list(entries, count);
		if (error)
			report_not_found("the sessions", error);
		else
			error = keep_some(wanted, *entries, count);
		if (!error && !*count) {
			report_not_found(NULL, -ENOENT);
			error = -ENOENT;
		}
	}
	if (error) {
		sessions_free(*entries, *count);
		*entries = NULL;
		*count = 0;
	}
	return error;
}
