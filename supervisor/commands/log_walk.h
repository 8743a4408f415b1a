/*
 * Going through the events of one session or of many.
 */
#ifndef SUPERVISOR_COMMANDS_LOG_WALK_H
#define SUPERVISOR_COMMANDS_LOG_WALK_H

#include "supervisor/audit_read.h"
#include "supervisor/sessions.h"

#include <stdbool.h>
#include <time.h>

/** Which events; where no kind is asked for, all. */
enum log_kind {
	LOG_DENIED = 1 << 0,
	LOG_ASKED = 1 << 1,
	LOG_FAKED = 1 << 2,
	LOG_EXEC = 1 << 3,
	LOG_NET = 1 << 4,
};

struct log_filter {
	unsigned kinds; /**< of enum log_kind, any of which will do */
	struct timespec since;
	const char *program; /**< the calling program's name, or NULL */
	const char *match;   /**< text within the subject or the message */
	bool follow;	     /**< wait for more until the session ends */
	/** Lines that cannot be wanted are passed over unread, and the hash
	 * chain is not looked at: for many sessions. */
	bool quick;
};

/** Which kinds an event is of. */
unsigned log_event_kinds(const struct audit_record *record);

/**
 * The time of a `--since`: a time as the log has it, YYYY-MM-DD, HH:MM[:SS] of
 * today (both in local time), or how long ago: 90s, 10m, 2h, 1d. Returns 0 or
 * -EINVAL.
 */
int log_since_parse(const char *text, time_t now, struct timespec *since);

/** How long ago: a number and one of s, m, h, d. Returns seconds, or -1. */
int64_t log_ago_parse(const char *text);

/**
 * Visit the events that are wanted; `visit` returns 0, or what ends the walk.
 * Before waiting for more, `idle` (or NULL) is called. Broken lines are
 * reported on standard error, and set `broken`. Returns 0, -errno (of opening
 * and reading, after a line on standard error), or what `visit` returned.
 */
int log_walk(const struct session_entry *session,
	     const struct log_filter *filter,
	     int (*visit)(void *context, const struct audit_entry *entry),
	     int (*idle)(void *context), void *context, bool *broken);

/** Which sessions a command line means. */
struct log_sessions {
	bool all;
	const char *project; /**< all of this directory; or NULL */
	char *const *names;  /**< ids, or starts of them */
	size_t name_count;   /**< 0, and not all: the newest */
};

/**
 * Find them, the oldest first where they are all. Returns 0, with `entries` for
 * sessions_free(), or -errno after a line on standard error: -ENOENT where
 * there is none.
 */
int log_sessions_find(const struct log_sessions *wanted,
		      struct session_entry **entries, size_t *count);

#endif
