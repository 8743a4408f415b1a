/*
 * The seccomp filter of a session, made from the table of system calls.
 */
#ifndef SUPERVISOR_FILTER_H
#define SUPERVISOR_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/** What the filter depends on beside the table. False is the safe side. */
struct filter_options {
	/** The session is in a Landlock domain that scopes signals (ABI 6), so
	    the kernel keeps them inside, and no signal need be notified. */
	bool landlock_signal_scope;
	/** A root session: calls that change credentials are notified, and what
	    the capabilities it keeps would let it do to the clock is refused.
	 */
	bool privileged;
	/** The session has a broker: the calls that tell who the other end of a
	    socket is are notified. */
	bool broker;
	/** The session is in a Landlock domain with a fence: calls that it
	    rules pass at the gate (filter_gate.h). */
	bool fence;
	/** Some programs are granted what others are not: at the gate nothing
	   is opened by a last link, which could be one of /proc/PID/fd. */
	bool apart;
	/** Directories of which not all may be listed have numbers of their own
	    (calls/veiled.h): others are listed at the gate. */
	bool veils;
	/** Programs may trace each other: who attaches to whom is notified. */
	bool tracing;
};

/**
 * Make the filter for this architecture.
 *
 * A 32-bit or x32 entry kills the process. A number without a row is ENOSYS. A
 * call that always runs untouched gets its answer without any look at its
 * arguments, so that the kernel (5.11) answers from a bitmap.
 *
 * @param program  filled in; the caller gives it back with filter_free(). On
 *                 an error it is empty
 * @return 0; -ENOMEM; -E2BIG for a table that needs more than the kernel
 *         takes
 */
int filter_build(const struct filter_options *options,
		 struct sock_fprog *program);

/** Give up what filter_build() made. An empty program is no mistake. */
void filter_free(struct sock_fprog *program);

/**
 * Put the calling thread under the filter, for good, with a new listener. Makes
 * one system call and no allocation: safe between fork and exec. The thread
 * needs no_new_privs or CAP_SYS_ADMIN, and has no listener yet.
 *
 * A notified thread waits killably once its notification has been received
 * (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19): a signal can no longer
 * lose the answer to a call that was carried out.
 *
 * @param flags     more SECCOMP_FILTER_FLAG_*, or 0
 * @param listener  the listener, close-on-exec; the caller owns it
 * @return 0 or -errno: EBUSY with a listener already in force, EINVAL before
 *         Linux 5.19, EACCES without no_new_privs
 */
int filter_install(const struct sock_fprog *program, unsigned int flags,
		   int *listener);

#endif
