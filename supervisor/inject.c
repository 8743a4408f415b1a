#include "supervisor/inject.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "supervisor/call.h"

/* sys/ptrace.h has these as an enum, which newer kernel headers lack. */
enum { EVENT_STOP = 128 };

/* What the kernel has a call end with that is to be made anew, linux/errno.h;
 * and how often that is done, since a program's own filter may say so, too. */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, MOST_TRIES = 64 };

/* All that threads are made to call, but what is their own call anyway. None
 * reads its sixth argument: mmap(2) not where no file is mapped. */
static const long passing[] = {
	SYS_recvmsg, SYS_sendmsg, SYS_dup3,	SYS_fcntl, SYS_close,
	SYS_fchdir,  SYS_ioctl,	  SYS_clone,	SYS_exit,  SYS_prctl,
	SYS_brk,     SYS_mmap,	  SYS_munmap,	SYS_seccomp,
	SYS_execveat,
};

enum { PASSING = sizeof(passing) / sizeof(*passing) };

static uint64_t pass; /* set once, before there are threads */

int inject_prepare(void)
{
	/* To mmap(2) it is an offset: whole pages, of any size. */
	const uint64_t page = UINT64_C(1) << 16;

	if (getrandom(&pass, sizeof(pass), 0) != sizeof(pass))
		return -EIO;
	pass &= ~(page - 1);
	return 0;
}

uint64_t inject_pass(void)
{
	return pass;
}

const long *inject_passing(size_t *count)
{
	*count = PASSING;
	return passing;
}

static bool passes(long number)
{
	for (size_t i = 0; i < PASSING; i++)
		if (passing[i] == number)
			return true;
	return false;
}

static int restart(int listener, uint64_t id)
{
	struct seccomp_notif_resp response = {
		.id = id,
		.error = -CALL_RESTART,
	};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) ? -errno
								    : 0;
}

/* How long a thread may take to its next stop. Another one may rewrite the
 * code that it is made to run into a loop: it must not hold us. In pauses of a
 * millisecond, and not by the clock: that goes on while all are frozen. */
enum { PATIENCE = 2000, SPINS = 2000 };

/* Sets `status` as waitpid(2) does. An end is left for the tracer's reap(), which
 * tells whose it was: WSTOPPED alone does not find a thread that has ended. */
static int wait_for(pid_t tid, int *status)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	/* Mostly it is there at once: a sleep would cost more than it saves. */
	for (unsigned i = 0; i < SPINS + PATIENCE; i++) {
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)tid, &info,
			   WSTOPPED | WNOHANG | __WALL)) {
			if (errno != EINTR)
				return errno == ECHILD ? -ESRCH : -errno;
		} else if (info.si_pid == tid) {
			*status = info.si_status << 8 | 0x7f;
			return 0;
		}
		if (i < SPINS)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
	return -EPROTO;
}

/* What is not SIGKILL or SIGSTOP stays pending. */
static int block(struct injection *injection)
{
	uint64_t all = ~UINT64_C(0);

	return ptrace(PTRACE_GETSIGMASK, injection->tid,
		      sizeof(injection->mask), &injection->mask) ||
			       ptrace(PTRACE_SETSIGMASK, injection->tid,
				      sizeof(all), &all)
		       ? -errno
		       : 0;
}

int inject_stop(int listener, uint64_t id, pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0))
		return -ESRCH;
	/* ENOENT: it was killed; the wait below tells. */
	int error = restart(listener, id);

	if (error && error != -ENOENT)
		return error;
	error = wait_for(tid, &status);
	if (error)
		return error;
	return status >> 16 == EVENT_STOP ? 0 : -EPROTO;
}

int inject_begin(struct injection *injection, int listener, uint64_t id,
		 pid_t tid)
{
	int error = inject_stop(listener, id, tid);

	injection->tid = tid;
	if (!error)
		error = registers_get(tid, &injection->saved);
	return error ? error : block(injection);
}

/* On to the next entry or exit of a call. */
static int step(struct injection *injection, struct __ptrace_syscall_info *info)
{
	int signal = 0, status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, injection->tid, 0, signal))
			return -errno;
		int error = wait_for(injection->tid, &status);

		if (error)
			return error;
		signal = 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			break;
		/* SIGSTOP cannot be blocked: it is passed on, and the group
		 * stop that follows is left for the end; the kernel puts the
		 * thread back into it at the detach. */
		if (status >> 16 == EVENT_STOP ||
		    status >> 16 == PTRACE_EVENT_CLONE)
			continue;
		if (WSTOPSIG(status) != SIGSTOP)
			return -EPROTO;
		signal = SIGSTOP;
	}
	return ptrace(PTRACE_GET_SYSCALL_INFO, injection->tid, sizeof(*info),
		      info) > 0
		       ? 0
		       : -errno;
}

int inject_at_exec(struct injection *injection, pid_t tid, uint64_t behind,
		   struct registers *ready)
{
	struct __ptrace_syscall_info info;

	injection->tid = tid;
	if (ptrace(PTRACE_SETOPTIONS, tid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return -errno;
	int error = block(injection);

	if (error)
		return error;
	/* It is there already where it made calls before. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT)
		error = step(injection, &info);
	if (error)
		return error;
	if (info.op != PTRACE_SYSCALL_INFO_EXIT || info.exit.rval != 0)
		return -EPROTO;
	error = registers_get(tid, ready);
	injection->saved = *ready;
	registers_set_pc(&injection->saved, behind);
	return error;
}

int inject_back(struct injection *injection, const struct registers *ready)
{
	int error = registers_set(injection->tid, ready);

	if (error)
		return error;
	return ptrace(PTRACE_SETSIGMASK, injection->tid,
		      sizeof(injection->mask), &injection->mask)
		       ? -errno
		       : 0;
}

/* Up to the entry stop, where it is seen that the call is ours. */
static int enter(struct injection *injection, long number,
		 const uint64_t given[6])
{
	struct registers registers;
	struct __ptrace_syscall_info info;
	uint64_t arguments[6];

	memcpy(arguments, given, sizeof(arguments));
	if (passes(number))
		arguments[5] = pass;
	registers_call(&injection->saved, &registers, number, arguments);
	int error = registers_set(injection->tid, &registers);

	if (!error)
		error = step(injection, &info);
	if (error)
		return error;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    info.entry.nr != (uint64_t)number ||
	    memcmp(info.entry.args, arguments, sizeof(arguments)) != 0 ||
	    info.instruction_pointer != registers_pc(&injection->saved))
		return -EPROTO;
	return 0;
}

static int call_once(struct injection *injection, int64_t *result, long number,
		     const uint64_t arguments[6])
{
	struct __ptrace_syscall_info info;
	int error = enter(injection, number, arguments);

	if (!error)
		error = step(injection, &info);
	if (error)
		return error;
	if (info.op != PTRACE_SYSCALL_INFO_EXIT)
		return -EPROTO;
	*result = info.exit.rval;
	return 0;
}

/* No signal comes, but SIGCONT tells who is traced that it was sent: where the
 * call itself is notified and not yet received, that ends it, undone. */
int inject_call(struct injection *injection, int64_t *result, long number,
		const uint64_t arguments[6])
{
	int error, tries = 0;

	do
		error = call_once(injection, result, number, arguments);
	while (!error &&
	       (*result == -ERESTARTSYS || *result == -ERESTARTNOINTR) &&
	       ++tries < MOST_TRIES);
	return error;
}

int inject_exec(struct injection *injection, long number,
		const uint64_t arguments[6])
{
	int error = enter(injection, number, arguments);

	if (error)
		return error;
	/* Not PTRACE_INTERRUPT: before its notification is received, that would
	 * end the call. */
	if (ptrace(PTRACE_SETOPTIONS, injection->tid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
			   PTRACE_O_TRACEEXEC) ||
	    ptrace(PTRACE_SYSCALL, injection->tid, 0, 0))
		return -errno;
	return 0;
}

int64_t inject_result(const struct injection *injection)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, injection->tid, sizeof(info),
		   &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT)
		return -EPROTO;
	return info.exit.rval;
}

int inject_helper(struct injection *injection, struct injection *helper,
		  int64_t *result)
{
	const uint64_t flags[6] = {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD |
				   CLONE_FS | CLONE_SYSVSEM};
	int status;

	*helper = *injection;
	if (ptrace(PTRACE_SETOPTIONS, injection->tid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
			   PTRACE_O_TRACECLONE))
		return -errno;
	int error = inject_call(injection, result, SYS_clone, flags);

	if (error || *result < 0)
		return error;
	/* It begins stopped, traced as its maker is. */
	helper->tid = (pid_t)*result;
	error = wait_for(helper->tid, &status);
	if (error)
		return error;
	return status >> 16 == EVENT_STOP ? 0 : -EPROTO;
}

int inject_helper_end(struct injection *helper)
{
	const uint64_t none[6] = {0};
	int error = enter(helper, SYS_exit, none);
	int status;

	if (error)
		return error;
	if (ptrace(PTRACE_CONT, helper->tid, 0, 0))
		return -errno;
	error = wait_for(helper->tid, &status);
	return error == -ESRCH ? 0 : -EPROTO;
}

int inject_again(struct injection *injection, long number,
		 const uint64_t arguments[6])
{
	struct registers again;

	/* Rewound by hand: the stop is behind a call of ours, where the kernel
	 * restarts nothing. */
	registers_call(&injection->saved, &again, number, arguments);
	int error = registers_set(injection->tid, &again);

	if (error)
		return error;
	inject_release(injection);
	return 0;
}

void inject_reach(pid_t tid, uint64_t at)
{
	(void)ptrace(PTRACE_PEEKDATA, tid, at, 0);
}

void inject_release(struct injection *injection)
{
	(void)ptrace(PTRACE_SETSIGMASK, injection->tid, sizeof(injection->mask),
		     &injection->mask);
	(void)ptrace(PTRACE_DETACH, injection->tid, 0, 0);
}

int inject_end(struct injection *injection, int64_t result)
{
	registers_result(&injection->saved, result);
	int error = registers_set(injection->tid, &injection->saved);

	if (error)
		return error;
	if (ptrace(PTRACE_SETSIGMASK, injection->tid, sizeof(injection->mask),
		   &injection->mask) ||
	    ptrace(PTRACE_DETACH, injection->tid, 0, 0))
		return -errno;
	return 0;
}
