/*
 * Calls that a notified thread makes on the supervisor's behalf.
 *
 * Theory of operation. Some calls change what only the thread itself can
 * change (its directory, its terminal) or hand out what ADDFD refuses (an
 * O_PATH descriptor). For these the thread is stopped on its way out of the
 * notification and made to execute other calls at its own system call
 * instruction. Arguments travel in registers, where no other thread reaches
 * them:
 *
 *   begin   SEIZE, INTERRUPT, and -ERESTARTSYS as the answer bring it to a
 *           stop behind the instruction, with all its registers; its signals
 *           are blocked, and stay pending
 *   call    registers set to make a call at the instruction before; at the
 *           entry stop number and arguments are compared, at the exit stop
 *           the result is read
 *   end     the saved registers with the final result, the signal mask, and
 *           PTRACE_DETACH: the thread goes on as if its own call had returned
 *
 * So that a filter of the program's own does not stand in the way, each of
 * these calls has the pass in its sixth argument (own_filter.h).
 *
 * SIGSTOP takes effect at the end; SIGKILL at once. All functions must be
 * called on the one thread that uses ptrace. Checked on kernel 6.18 by
 * tests/trials.
 */
#ifndef SUPERVISOR_INJECT_H
#define SUPERVISOR_INJECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/arch/registers.h"

struct injection {
	pid_t tid;
	struct registers saved;
	uint64_t mask;
};

/** Make the pass, before there are threads. Returns 0 or -EIO. */
int inject_prepare(void);

/** The pass, and the numbers of the calls that have it. */
uint64_t inject_pass(void);
const long *inject_passing(size_t *count);

/**
 * Bring the notified thread to its stop, consuming the notification.
 * Returns 0, -ESRCH where it died, -EPERM where it cannot be traced (the
 * notification then still waits for an answer), or another -errno. Detached, it
 * makes its call again, or that fails with EINTR for a signal.
 */
int inject_stop(int listener, uint64_t id, pid_t tid);

/** The same, with its registers read and its signals blocked. */
int inject_begin(struct injection *injection, int listener, uint64_t id,
		 pid_t tid);

/**
 * The same at PTRACE_EVENT_EXEC: on to the exit of the exec, from where it
 * makes calls at the system call instruction before `behind`. Returns as
 * inject_call(). What inject_back() needs is in `ready`.
 */
int inject_at_exec(struct injection *injection, pid_t tid, uint64_t behind,
		   struct registers *ready);

/** Put registers and signals back as they were, and leave it stopped: to be
 * detached. Returns 0 or -errno. */
int inject_back(struct injection *injection, const struct registers *ready);

/**
 * Have it make one call. Returns 0 with the kernel's result in `result`,
 * -ESRCH where it died, or -EPROTO where it did anything else: its process is
 * then not to be trusted and must be killed.
 */
int inject_call(struct injection *injection, int64_t *result, long number,
		const uint64_t arguments[6]);

/**
 * Have it make a call that may give the process a new image, and do not wait:
 * the next stop is PTRACE_EVENT_EXEC, or the call's exit, with its result for
 * inject_result(). Returns as inject_call().
 */
int inject_exec(struct injection *injection, long number,
		const uint64_t arguments[6]);
int64_t inject_result(const struct injection *injection);

/**
 * Have the stack of a stopped thread reach down to `at`, as by its own push:
 * what is to be written there may lie below all that it has used. Since
 * Linux 6.5 process_vm_writev(2) has it not grow; ptrace(2) has.
 */
void inject_reach(pid_t tid, uint64_t at);

/** Let it go as it is, without a result: the kernel restarts its call, or fails
 * it with EINTR for a signal. */
void inject_release(struct injection *injection);

/**
 * Have it clone a thread beside it with a descriptor table of its own. Returns
 * as inject_call(); `result` is the new thread's id, which is in `helper` then,
 * stopped, or the -errno of clone(2).
 */
int inject_helper(struct injection *injection, struct injection *helper,
		  int64_t *result);

/** End that thread, and wait until what it had open is closed. */
int inject_helper_end(struct injection *helper);

/** Let it go so that it makes its call once more, whatever signals come first.
 * Returns 0 or -errno. */
int inject_again(struct injection *injection, long number,
		 const uint64_t arguments[6]);

/** Let it go with the result of its own call. Returns 0 or -errno. */
int inject_end(struct injection *injection, int64_t result);

#endif
