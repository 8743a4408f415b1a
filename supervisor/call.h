/*
 * One notified system call in service.
 *
 * A handler reads what the call names (once), decides, and answers exactly
 * once, by one of the functions below; or hands the call over to a thread that
 * may wait. What must be recorded is recorded after the answer.
 */
#ifndef SUPERVISOR_CALL_H
#define SUPERVISOR_CALL_H

#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "policy/policy.h"
#include "supervisor/session.h"
#include "supervisor/syscalls.h"

struct place;
struct stack;

/**
 * As an error of call_fail(): make the kernel restart the call, or fail it with
 * EINTR, as the signal that is pending asks; see signal(7). The value is the
 * kernel's own ERESTARTSYS.
 */
enum { CALL_RESTART = 512 };

enum {
	CALL_EVENTS = 4,  /* the most decisions of one call that are recorded */
	CALL_TEXT = 8192, /* bytes kept of the subjects of those decisions */
};

/** A decision to be recorded once the call is answered. */
struct call_event {
	enum action action;
	struct policy_decision decision;
	bool person;		  /* who decided it */
	size_t subject;		  /* offset into the call's text */
	size_t argv, argv_length; /* the same, each with its NUL; 0: none */
	unsigned argv_more;	  /* that had no room */
	bool dry;		  /* what would have been decided: a dry run */
};

struct call {
	struct session *session;
	struct seccomp_notif request;
	const struct syscall_row *row;
	pid_t tid;
	bool answered;
	bool refused;	   /* an event of it is a refusal */
	bool handed_over;  /* it goes on elsewhere, or comes again */
	bool parked;	   /* a person is asked: it is served again */
	bool asked;	   /* a person was asked about it */
	bool may_wait;	   /* on a slow thread: blocking is allowed */
	bool credentialed; /* the worker runs with the thread's ids now */
	struct call_event events[CALL_EVENTS];
	size_t event_count;
	char text[CALL_TEXT];
	size_t text_used;
	const char *served_fake;
	char served_address[128];
	pid_t process; /* 0 until call_process() */
	int error;     /* the errno it was answered with, or 0 */
	bool facts;    /* exe and parent below are known */
	pid_t parent;
	char exe[PATH_MAX];
	const struct stack *stack;    /* for its events; or NULL */
	struct slow_job *job;	      /* on a slow thread: for cancellation */
	const struct policy *granted; /* grants_policy() when it began */
};

/** Argument `index` as the kernel reads it. */
static inline uint64_t call_arg(const struct call *call, unsigned index)
{
	return call->request.data.args[index];
}

static inline int call_int(const struct call *call, unsigned index)
{
	return (int)(uint32_t)call->request.data.args[index];
}

/** Does the notification still stand? False once the thread was killed; from
 * then on nothing that was read of it may be trusted. */
bool call_valid(const struct call *call);

/* ------------------------------------------------------------- answers -- */

/** Answer with a result (not negative). */
void call_return(struct call *call, int64_t value);

/** Answer with an error: a positive errno, or CALL_RESTART. */
void call_fail(struct call *call, int error);

/** Answer with 0 or -errno, whichever `result` is. */
void call_result(struct call *call, int64_t result);

/**
 * Give the open file to the program and answer with its number there.
 * `close_on_exec` as the program asked. `fd` is taken over, and closed before
 * the answer: a copy of ours would still be a reader of the FIFO, hold the
 * flock(2) and make an execve(2) of the file ETXTBSY after the program's own
 * close.
 */
void call_give_fd(struct call *call, int *fd, bool close_on_exec);

/** The two halves of that. Put the file into the program's table, at the number
 * `at`, whatever is there, or at the least that is free (-1). Returns the number
 * or -errno, EBADF where there is none as high. `fd` stays the caller's. */
int call_put_fd(struct call *call, int fd, int at, bool close_on_exec);

/** Close our copy, and answer with what putting it came to. */
void call_gave_fd(struct call *call, int *fd, int number);

/**
 * The same of a file that nobody minds to be open here, too, while the program
 * runs on. `fd` stays the caller's.
 */
void call_lend_fd(struct call *call, int fd, bool close_on_exec);

/**
 * Let the kernel make the call itself. Only for rows without a pointer that
 * matters (test_table checks), and for exec, which is verified afterwards.
 */
void call_continue(struct call *call);

/** Write to the program's memory: 0, or -EFAULT. */
int call_write(struct call *call, uint64_t address, const void *bytes,
	       size_t length);
int call_read(struct call *call, uint64_t address, void *bytes, size_t length);

/** Read a path argument into a buffer of PATH_MAX bytes: its length or
 * -errno, as the kernel would (-EFAULT, -ENAMETOOLONG). */
ssize_t call_path(struct call *call, unsigned index, char *path);

/* ----------------------------------------------------------- decisions -- */

/** The process of the calling thread; asked of the kernel once a call. */
pid_t call_process(struct call *call);

/**
 * Ask the engine about a subject, and note the answer for the record. `ask` has
 * become what a person said, or deny: where nobody answers, and where the call
 * was parked for one to answer (then it is served again). `place` gives the
 * other names of a path, or is NULL.
 */
void call_decide(struct call *call, struct policy_query *query,
		 const struct place *place, struct policy_decision *decision);

/** What the policy, and what was granted, say. Nothing is noted or asked. */
void call_judge(const struct session *session, const struct policy_query *query,
		struct policy_decision *decision);

/** The same of a host or address on whatever port: policy_decide_any_port(). */
void call_judge_any_port(const struct session *session,
			 const struct policy_query *query, bool udp,
			 struct policy_decision *decision);

/** The second half of call_decide(), for a decision made elsewhere. */
void call_decided(struct call *call, enum action action, const char *subject,
		  struct policy_decision *decision);

/**
 * In a dry run: note what the judged policy says of a query that is allowed,
 * under the subject's name in the log. Elsewhere it does nothing.
 */
void call_would(struct call *call, const struct policy_query *query,
		const char *subject);

/** The engine's query for this caller: sets program and time. */
void call_query(struct call *call, struct policy_query *query,
		enum action action, const char *text, size_t length);

/** Note a decision that did not come from the engine, such as the refusal of
 * what guards the session. */
void call_note(struct call *call, enum action action, const char *subject,
	       const struct policy_decision *decision);

/** Record an attack or a fault: an `alert` event with a message. */
void call_alert(struct call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Serve a whole notification: find the row, run its handler, record. */
void call_serve(struct call *call);

/**
 * Hand the call over to a thread that may wait; its handler runs again from
 * the start there with `may_wait` set. The handler returns right after.
 */
void call_hand_over(struct call *call);

#endif
