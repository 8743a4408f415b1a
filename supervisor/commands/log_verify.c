#include "supervisor/commands/log_events.h"

#include "policy/scope.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What was found in a log. */
struct finding {
	const struct session_entry *session;
	struct audit_head head;
	bool ended; /* the last line is an `end` */
	size_t rest;
	char cause[200]; /* of the first broken line; "": none */
	uint64_t line;
};

static void __attribute__((format(printf, 3, 4)))
broken(struct finding *found, uint64_t line, const char *format, ...)
{
	va_list list;

	found->line = line;
	va_start(list, format);
	vsnprintf(found->cause, sizeof(found->cause), format, list);
	va_end(list);
}

static int read_log(int fd, struct finding *found)
{
	struct audit_reader *reader;
	struct audit_entry entry;
	int error = audit_reader_new(fd, &reader);

	if (error)
		return error;
	while (!(error = audit_reader_next(reader, &entry)) &&
	       entry.result == AUDIT_READ_LINE)
		found->ended = entry.record.event == AUDIT_END;
	if (!error && entry.result == AUDIT_READ_BROKEN) {
		broken(found, entry.line, "%s", entry.cause);
	}
	found->head = *audit_reader_head(reader);
	found->rest = audit_reader_rest(reader);
	audit_reader_free(reader);
	return error;
}

/*
 * The chain is whole; is it all? session.json says how long it was when the
 * session ended. A session that did not end has no `end`, and its last line may
 * have been cut by what killed it: that cannot be told from a hand's work.
 */
static void check_end(struct finding *found)
{
	const struct session_info *info = &found->session->info;
	uint64_t lines = found->head.events;

	if (info->events >= 0 && lines < (uint64_t)info->events)
		broken(found, lines + 1,
		       "is missing: session.json counts %" PRId64 " lines",
		       info->events);
	else if (info->events >= 0 && lines > (uint64_t)info->events)
		broken(found, (uint64_t)info->events + 1,
		       "was added: session.json counts %" PRId64 " lines",
		       info->events);
	else if (info->events >= 0 && strcmp(info->hash, found->head.hash) != 0)
		broken(found, lines,
		       "has not the hash that session.json has: the log was "
		       "replaced");
	else if (found->rest && !found->session->live)
		broken(found, lines + 1,
		       "is cut short: the session was killed, or the file was "
		       "cut");
	else if (!found->ended && !found->session->live)
		broken(found, lines + 1,
		       "is missing: there is no `end`, so the session was "
		       "killed, or lines were removed");
}

int log_verify(const struct session_entry *session)
{
	struct finding found = {.session = session};
	auto_fd fd = session_open(session, "events.jsonl");
	int error = fd < 0 ? fd : read_log(fd, &found);

	if (error) {
		fprintf(stderr, "interpose: %s: cannot read the log: %s\n",
			session->id, strerror(-error));
		return 1;
	}
	if (!found.cause[0])
		check_end(&found);
	if (found.cause[0]) {
		printf("%s: broken: line %" PRIu64 " %s\n", session->id,
		       found.line, found.cause);
		return 1;
	}
	printf("%s: %" PRIu64 " events, unbroken%s\n%s\n", session->id,
	       found.head.events, session->live ? ", still running" : "",
	       found.head.hash);
	return 0;
}
