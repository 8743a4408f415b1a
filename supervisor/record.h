/*
 * From calls to events of the audit log, and the session's counts.
 */
#ifndef SUPERVISOR_RECORD_H
#define SUPERVISOR_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct policy_decision;
struct session;

/** Learn who the caller is, for the record: once, before the answer. */
void record_facts(struct call *call);

/** Add the events of an answered call. */
void record_call(struct call *call);

/** Add an `alert` about the caller. */
void record_alert(struct call *call, const char *message);

/** What the tracer knows when a new image stands ready. */
struct record_exec {
	pid_t pid, parent;
	const char *exe;  /* what runs */
	const char *argv; /* NUL-separated */
	size_t argv_length;
	const char *cwd;
	const char *subject; /* what was asked for */
	const struct policy_decision *decision;
};
void record_exec(struct session *session, const struct record_exec *exec);

/** A process that ran a program has ended. Numbers below 0 are not known. */
struct record_exit {
	pid_t pid, parent;
	const char *exe;
	int status; /* as a shell has it */
	int64_t ms, cpu_ms;
};
void record_exit(struct session *session, const struct record_exit *exit);

/** A limit was reached: a refusal, decided by the limit's line. `pid` is the
 * process that it hit, or 0. */
struct policy_line;
void record_limit(struct session *session, const struct policy_line *line,
		  pid_t pid, const char *message);

/** A decision that was asked for by the network broker. */
struct record_network {
	pid_t pid, tid, parent;
	const char *exe;  /* or NULL */
	const char *call; /* "dns", "tls", "http" */
	const char *subject;
	const struct policy_decision *decision;
	const char *served_errno; /* or NULL */
	bool person;		  /* who decided it */
};
void record_network(struct session *session,
		    const struct record_network *event);

/** A connection is over: what went through it, in bytes, and for how long. The
 * event's decision is not looked at. */
struct record_closed {
	uint64_t out, in, ms;
};
void record_closed(struct session *session, const struct record_network *event,
		   const struct record_closed *closed);

/** A secret was used in the request that `subject` is (or NULL: in others);
 * `more`: so often again, or 0. The event's decision is not looked at. */
void record_use(struct session *session, const struct record_network *event,
		const char *secret, uint64_t more);

/** The session does without the secret of a line, for it is not there. */
void record_absent(struct session *session, const struct policy_line *line,
		   const char *secret, const char *why);

/** Variables (names, with spaces between) kept from a program that is granted
 * something: as a decision on `env`. */
void record_left_out(struct session *session, pid_t pid, const char *exe,
		     const char *names);

/** `error` and `alert` events without a call. */
void record_error(struct session *session, const char *message);
void record_attack(struct session *session, pid_t pid, const char *message);

#endif
