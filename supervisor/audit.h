/*
 * The audit log: one JSON object a line, each with the hash of the line
 * before. interpose-audit(5) describes the format.
 *
 * Any thread may add an event; one writer thread formats, hashes and writes.
 * Adding never waits for the disk: the queue is of fixed size, and where it is
 * nearly full for long, or the log cannot be written, the caller must refuse what
 * it was about to allow: audit_await().
 */
#ifndef SUPERVISOR_AUDIT_H
#define SUPERVISOR_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct audit;

enum audit_event {
	AUDIT_ERROR = 0,
	AUDIT_START,
	AUDIT_EXEC,
	AUDIT_DECISION,
	AUDIT_ASK,
	AUDIT_ALERT,
	AUDIT_EXIT,
	AUDIT_CLOSE,
	AUDIT_SECRET,
	AUDIT_END,
	AUDIT_EVENT_COUNT,
};

enum audit_by {
	AUDIT_BY_NONE = 0,
	AUDIT_BY_POLICY,
	AUDIT_BY_PERSON,
	AUDIT_BY_UNATTENDED,
	AUDIT_BY_DRY_RUN,
	AUDIT_BY_COUNT,
};

/** Limits of one record, in bytes; see audit_add(). */
enum {
	AUDIT_ARGV_MAX = 256 * 1024,	  /**< arguments that are kept */
	AUDIT_TEXTS_MAX = 64 * 1024,	  /**< all other strings together */
	AUDIT_QUEUE = 2 * 1024 * 1024,	  /**< the queue's fixed size */
	AUDIT_HEADROOM = AUDIT_QUEUE / 2, /**< kept free: audit_ready() */
	AUDIT_PATIENCE = 2000,		  /**< milliseconds: audit_await() */
};

/**
 * What is known of an event. Start with audit_record_init(): absent are
 * strings that are NULL, ids and lines that are 0, other numbers below 0.
 *
 * audit_add() copies all strings before it returns. Strings are bytes, not
 * UTF-8: the writer writes each byte that is not part of valid UTF-8 as \udcXX.
 */
struct audit_record {
	enum audit_event event;
	pid_t pid, tid, ppid;
	const char *exe;
	/** Each argument ended by NUL (the last one's may be missing). */
	const char *argv;
	size_t argv_length; /**< bytes of argv; 0: absent */
	/** Arguments left out after these; audit_add() adds its own. */
	unsigned argv_more;
	const char *cwd;
	const char *call;    /**< "openat" */
	const char *action;  /**< "read" */
	const char *subject; /**< in full */
	const char *verdict; /**< "allow" */
	const char *rule_file;
	unsigned rule_line;
	const char *rule_text;
	enum audit_by by;
	/** What it got; at most one is set. */
	int served_fd;
	const char *served_errno;   /**< "EACCES" */
	const char *served_fake;    /**< "aws" */
	const char *served_address; /**< "127.0.0.1:443" */
	/** Lines of a stack, innermost first, each ended by NUL. */
	const char *stack;
	size_t stack_length;	     /**< bytes of it; 0: absent */
	const char *secret;	     /**< secret: its name */
	int64_t count;		     /**< secret: how often again; 0: absent */
	int64_t bytes_out, bytes_in; /**< end of a connection */
	int64_t ms;	     /**< ask, exit, end of a connection: how long */
	int64_t cpu_ms;	     /**< exit: processor time */
	int status;	     /**< exit, end: 0 to 255, 128+N after signal N */
	const char *message; /**< alert, error, start, end: what happened */
};

/** A record of an event of which nothing else is known. */
void audit_record_init(struct audit_record *record, enum audit_event event);

/** "decision", "dry-run" and so on: static; by: NULL for AUDIT_BY_NONE. */
const char *audit_event_name(enum audit_event event);
const char *audit_by_name(enum audit_by by);

/**
 * Start the log of a session in an open directory (which stays the caller's):
 * creates `events.jsonl` (0600; it must not be there yet) and the writer
 * thread, in which all signals are blocked.
 *
 * `failed` is called once, on the writer thread, when a line cannot be
 * written: the session must end. `error` is a positive errno. It may not call
 * audit_flush() or audit_close().
 *
 * Returns 0, with `audit` for audit_close(), or -errno: -EEXIST, -ENOMEM, and
 * what openat(2) and pthread_create(3) give.
 */
int audit_open(int session_directory, void (*failed)(void *context, int error),
	       void *context, struct audit **audit);

/**
 * May something be allowed, with the certainty that it can be recorded?
 *
 * True as long as no write failed and AUDIT_HEADROOM bytes of the queue are
 * free. So threads that ask first and add afterwards find room, as long as
 * what they add meanwhile stays below half of that together; who has a record
 * of many arguments adds it first and looks at what audit_add() returns. Takes
 * no lock.
 */
bool audit_ready(const struct audit *audit);

/**
 * The same, once the writer has caught up: a burst of programs with long command
 * lines, or a disk that takes its time, is no reason to refuse anything. Waits
 * AUDIT_PATIENCE at most, and not at all where the log cannot be written.
 */
bool audit_await(const struct audit *audit);

/**
 * Add an event. Never blocks on the disk.
 *
 * Whole arguments that no longer fit into AUDIT_ARGV_MAX are left out and
 * counted. Returns 0, or: the caller refuses, with
 * -ENOBUFS  the queue is full, or was and has no headroom again yet; the log
 *           will say how many events were lost,
 * -E2BIG    the other strings exceed AUDIT_TEXTS_MAX,
 * -EIO      a write failed before, or the log is being closed.
 */
int audit_add(struct audit *audit, const struct audit_record *record);

/**
 * A value that must never be written: from now on each occurrence in any
 * string, plain or escaped as in JSON, is replaced by "[redacted]"; also in
 * events that are queued, but not in lines already written. The value is
 * copied, and wiped by audit_close(). Returns 0, -EINVAL where it is empty, or
 * -ENOMEM.
 */
int audit_redact(struct audit *audit, const char *secret, size_t length);

enum { AUDIT_HASH_LENGTH = 64 };

/** How far a log has come. */
struct audit_head {
	uint64_t events;		  /**< lines written */
	char hash[AUDIT_HASH_LENGTH + 1]; /**< of the last one, in hex */
};

/**
 * Wait until all that was added before is written. For the session's end:
 * `head` (or NULL) goes into session.json. Returns 0, or -errno of the write
 * that failed.
 */
int audit_flush(struct audit *audit, struct audit_head *head);

/**
 * Nothing more will be added: the writer writes what is queued, syncs the file
 * and ends, which audit_close() waits for. What is done meanwhile costs no time.
 */
void audit_end(struct audit *audit);

/**
 * Write what is queued, end the writer, sync, close, free. NULL is fine.
 * Returns 0 or -errno of the first write that failed.
 */
int audit_close(struct audit *audit);

#endif
