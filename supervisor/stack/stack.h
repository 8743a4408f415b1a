/*
 * The stack of a thread that waits in a notification: which functions led to
 * its call.
 *
 * Theory of operation. What a stack is made of is copied while the thread is
 * held in its call: the part of its memory above the stack pointer, where its
 * code is mapped from, and those of its files that can matter (snapshot.h).
 * Only its registers need more: the tracer brings it to a stop behind the call
 * (inject.h), reads them, and lets it go in the same breath, with the answer or
 * into the same call once more. Nothing of the program is written to but the
 * result of the call, which is the supervisor's to give anyway.
 *
 * The copy and the files are what hostile code made, so nobody who matters
 * reads them: a helper process that can open nothing and reach nothing forks
 * once for each stack, unwinds, and writes lines of text (helper.h). A crash or
 * a loop in there ends one stack.
 */
#ifndef SUPERVISOR_STACK_STACK_H
#define SUPERVISOR_STACK_STACK_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>

struct call;
struct session;
struct stacks;

enum {
	STACK_FRAMES = 64,  /**< the most that are looked for */
	STACK_LINE = 320,   /**< bytes of a line, with its NUL */
	STACK_WAITING = 64, /**< the most stacks that are being made at once */
};

/**
 * A stack, innermost frame first: `count` lines in `length` bytes, each ended
 * by NUL, such as "openat+0x47 /usr/lib/libc.so.6". The bytes come from the
 * program's files: whatever shows them makes control characters visible. Where
 * frames are missing, the last line says why, in brackets.
 */
struct stack {
	char lines[(STACK_FRAMES + 1) * STACK_LINE];
	size_t length;
	size_t count;
};

/**
 * Called on a thread of ours once the stack is there; it lives until the return
 * of the function. There may be no frames in it, only the line that says why.
 * `looked` is whether the notification was used up (see stack_take()).
 */
typedef void stack_taken(void *context, const struct stack *stack, bool looked);

/** Returns an object for stacks_free(), or NULL without memory. Costs nothing
 * until a stack is taken. */
struct stacks *stacks_new(struct session *session);

/** Waits until all that was begun is done; the tracer must have been stopped.
 * NULL is fine. */
void stacks_free(struct stacks *stacks);

/**
 * Take the stack of the thread whose notification `request` still waits for its
 * answer. The notification is used up:
 *
 * - with an `error` (a positive errno) the call fails with it;
 * - with 0 the thread makes the same call again, which is notified under
 *   another id, with the same tid, number, arguments and instruction pointer;
 *   for a signal that is pending it may end with EINTR instead.
 *
 * Where the thread cannot be looked at, a call that has an `error` is answered
 * all the same; else its notification goes on waiting, and `looked` is false.
 * Returns 0, and `taken` will be called once, or -errno: nothing has happened,
 * and it will not be. May be called on any thread that serves calls.
 */
int stack_take(struct session *session, const struct seccomp_notif *request,
	       int error, stack_taken *taken, void *context);

/**
 * Answer a refused call with `error`, and have its events recorded with the
 * stack, later. Returns 0, or -errno: answer and record it as ever.
 */
int stack_answer(struct call *call, int error);

/* ------------------------------------------------------ for the tracer -- */

struct look;

/** The thread is to be stopped now: answer it, and let it go. Called on the one
 * thread that uses ptrace; takes `look` over. */
void stack_look(struct look *look);

#endif
