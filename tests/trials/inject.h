/*
 * Calls made by a notified thread on the supervisor's behalf (x86-64).
 *
 * The thread sits in its notification. SEIZE and INTERRUPT queue a trap, the
 * answer -ERESTARTSYS takes the thread out of the call and into that trap:
 *
 *   trap        rip behind the syscall instruction, rax -512, orig_rax the
 *               call: the kernel has not rewound anything yet. Every register
 *               is there to be saved, the signal mask too.
 *   each call   rip = saved rip - 2, rax = number, orig_rax = -1 (so that the
 *               kernel neither rewinds nor takes -512 for a restart), then
 *               PTRACE_SYSCALL to the entry stop, where number, arguments and
 *               rip are compared, and again to the exit stop.
 *   the end     the saved registers with rax = the answer, the saved mask,
 *               and PTRACE_DETACH.
 *
 * Everything but SIGKILL and SIGSTOP is blocked meanwhile and stays pending.
 * SIGSTOP is passed on: the thread takes part in the group stop, is resumed out
 * of it for the calls that are left, and the kernel puts it back at the detach
 * unless a SIGCONT came first.
 */
#ifndef TRIALS_INJECT_H
#define TRIALS_INJECT_H

#include "trial.h"
#include <sys/ptrace.h>
#include <sys/user.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

struct inject {
	pid_t tid;
	struct user_regs_struct regs; /* as at the trap */
	uint64_t mask;
	unsigned int group_stops; /* seen on the way */
};

/** Bring the notified thread to the trap: 0, -ESRCH when it died, -errno. */
static inline int inject_begin(struct inject *in, int listener, uint64_t id,
			       pid_t tid)
{
	uint64_t all = ~UINT64_C(0);
	int status, error;

	*in = (struct inject){.tid = tid};
	if (ptrace(PTRACE_SEIZE, tid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0))
		return -errno;
	error = trial_answer(listener, id, 0, -TRIAL_ERESTARTSYS, 0);
	if (error && error != -ENOENT)
		return error;
	if (waitpid(tid, &status, __WALL) != tid)
		return -errno;
	if (!WIFSTOPPED(status))
		return -ESRCH;
	if (status >> 16 != PTRACE_EVENT_STOP)
		return -EPROTO;
	if (ptrace(PTRACE_GETREGS, tid, 0, &in->regs) ||
	    ptrace(PTRACE_GETSIGMASK, tid, sizeof(in->mask), &in->mask) ||
	    ptrace(PTRACE_SETSIGMASK, tid, sizeof(all), &all))
		return -errno;
	return 0;
}

/* On to the next entry or exit stop of a call. */
static inline int inject_step(struct inject *in,
			      struct __ptrace_syscall_info *s)
{
	int status, signal = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, in->tid, 0, signal) ||
		    waitpid(in->tid, &status, __WALL) != in->tid)
			return -errno;
		if (!WIFSTOPPED(status))
			return -ESRCH;
		signal = 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			break;
		if (status >> 16 == PTRACE_EVENT_STOP)
			in->group_stops++;
		else if (WSTOPSIG(status) == SIGSTOP)
			signal = SIGSTOP;
		else
			return -EPROTO; /* a fault: not the code it was */
	}
	return ptrace(PTRACE_GET_SYSCALL_INFO, in->tid, sizeof(*s), s) > 0
		       ? 0
		       : -errno;
}

/**
 * Bring the thread to the entry stop of a call with these arguments. Returns 0,
 * -ESRCH when it died, -EPROTO when it did something else: the caller kills the
 * process then, for its state is not to be trusted.
 */
static inline int inject_enter(struct inject *in, long number, uint64_t a,
			       uint64_t b, uint64_t c, uint64_t d)
{
	struct user_regs_struct r = in->regs;
	struct __ptrace_syscall_info s;
	int error;

	r.rip -= 2;
	r.rax = (uint64_t)number;
	r.orig_rax = (uint64_t)-1;
	r.rdi = a;
	r.rsi = b;
	r.rdx = c;
	r.r10 = d;
	if (ptrace(PTRACE_SETREGS, in->tid, 0, &r))
		return -errno;
	error = inject_step(in, &s);
	if (error)
		return error;
	if (s.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    s.entry.nr != (uint64_t)number || s.entry.args[0] != a ||
	    s.entry.args[1] != b || s.entry.args[2] != c ||
	    s.entry.args[3] != d || s.instruction_pointer != in->regs.rip)
		return -EPROTO;
	return 0;
}

/** Have the thread make one call; `*result` is what the kernel answered it. */
static inline int inject_call(struct inject *in, int64_t *result, long number,
			      uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct __ptrace_syscall_info s;
	int error = inject_enter(in, number, a, b, c, d);

	if (!error)
		error = inject_step(in, &s);
	if (error)
		return error;
	if (s.op != PTRACE_SYSCALL_INFO_EXIT)
		return -EPROTO;
	*result = s.exit.rval;
	return 0;
}

/** Let the thread go with the answer to its own call in rax: 0 or -errno. */
static inline int inject_end(struct inject *in, int64_t answer)
{
	in->regs.rax = (uint64_t)answer;
	if (ptrace(PTRACE_SETREGS, in->tid, 0, &in->regs) ||
	    ptrace(PTRACE_SETSIGMASK, in->tid, sizeof(in->mask), &in->mask) ||
	    ptrace(PTRACE_DETACH, in->tid, 0, 0))
		return -errno;
	return 0;
}

#endif
