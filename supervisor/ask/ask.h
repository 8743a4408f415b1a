/*
 * Questions: what the policy leaves to a person.
 *
 * Theory of operation. A call that must be asked about is parked: its worker
 * goes on, only the calling thread waits. The same rule and subject make one
 * question, whoever asks. A thread of its own sends the question that stands
 * longest to everyone who can answer (the session's terminal, `interpose
 * approve`, an editor; clients.c) and takes the first answer. Then the parked
 * calls are served again from the start, on threads that may wait: everything
 * is read, resolved and decided anew, and the answer counts only where the very
 * same thing is asked about by the very same call. So nothing that changed
 * meanwhile is covered by it.
 *
 * While calls are parked their threads are watched: a signal that a thread could
 * take restarts its call (Go sends itself one every 10 ms; the question stays
 * for a while, and the new call finds it), and a thread that is gone withdraws
 * its question. One that waits for longer is taken out of its call, so that the
 * kernel can freeze it, and makes it again when there is an answer
 * (supervisor/tracer_hold.h).
 */
#ifndef SUPERVISOR_ASK_ASK_H
#define SUPERVISOR_ASK_ASK_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/policy.h"

struct ask;
struct call;
struct session;

/** What asking needs besides the session. */
struct ask_setup {
	const struct policy_input *input; /**< for words of `explain` */
	const char *program;		  /**< what the user started */
	int directory; /**< open: where the socket `control` is made */
	int terminal; /**< the socket to the session's terminal, or -1 */
	unsigned timeout; /**< seconds until nobody's answer is no; 0: never */
};

/** Start to ask. Returns 0, with `ask` for ask_stop() and ask_free(), or -errno.
 */
int ask_start(struct session *session, const struct ask_setup *setup,
	      struct ask **ask);

/** End: nothing parked is answered any more. Calls may still be served. */
void ask_stop(struct ask *ask);

/** To be called once no thread serves a call any more: each that was asked about
 * ends with ask_done(). */
void ask_free(struct ask *ask);

/**
 * Ask a person about what the policy said `ask` to. Returns true with the
 * verdict in `decision`: allow or deny. Else the call was parked, and its
 * handler returns without an answer. `argv` has `argc` arguments of an exec
 * (argv[0] first), or is NULL.
 */
bool ask_person(struct ask *ask, struct call *call, enum action action,
		const char *subject, const char *const *argv, size_t argc,
		struct policy_decision *decision);

/**
 * Told what a person said, allow or deny; or ask: something was granted that may
 * decide. Returns whether it is decided now, and is then told no more. Called on
 * the thread that asks, or by ask_other(), with the lock of the questions held:
 * it must not ask.
 */
typedef bool ask_answered(void *context, enum verdict verdict);

/**
 * Ask about what is no call: a request within a connection of the thread's.
 * `answered` is told at once to decide again. Returns 0, or -ENOSPC: nobody can
 * be asked.
 */
int ask_other(struct ask *ask, pid_t tid, enum action action,
	      const char *subject, const struct policy_rule *rule,
	      ask_answered *answered, void *context);

/** Nobody waits for that any more. Returns false where it was answered. */
bool ask_withdraw(struct ask *ask, const void *context);

/** To be told when a call that ask_person() decided about is answered. */
void ask_done(struct ask *ask, const struct call *call);

#endif
