/*
 * What the trials share. A trial is a program that asks this kernel one
 * question: it exits 0 when the claim in its heading holds, 1 when it does not,
 * and 77 when the machine lacks what it takes to ask.
 *
 * A trial runs as an ordinary user even when root starts it, since that is how
 * interpose runs; TRIAL_AS_ROOT=1 keeps root.
 */
#ifndef TRIALS_TRIAL_H
#define TRIALS_TRIAL_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
/* Linux 5.14 */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   _IOW('!', 4, uint64_t)
#endif

#define TRIAL_HOLDS 0
#define TRIAL_FAILS 1
#define TRIAL_LACKS 77

/** What the kernel takes for "restart, or EINTR where a handler says so". */
#define TRIAL_ERESTARTSYS 512

/** A program under a filter, and the listener that hears its calls. */
struct trial {
	pid_t pid;
	int listener;
};

__attribute__((format(printf, 2, 3), noreturn)) static inline void
trial_exit(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	_exit(status);
}

/** End the trial with "does not hold" unless the condition does. */
#define CLAIM(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			trial_exit(TRIAL_FAILS, "%s:%d: not so: %s (%s)",      \
				   __FILE__, __LINE__, #condition,             \
				   strerror(errno));                           \
	} while (0)

/** End the trial with "this machine lacks it" unless the condition holds. */
#define NEED(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			trial_exit(TRIAL_LACKS, "SKIP: needs %s (%s)",         \
				   #condition, strerror(errno));               \
	} while (0)

static inline double trial_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/** Timings of one thing, for a median that a busy machine does not move. */
struct trial_times {
	float us[1 << 16];
	size_t n;
};

static inline void trial_note(struct trial_times *t, double begin)
{
	if (t->n < sizeof(t->us) / sizeof(t->us[0]))
		t->us[t->n++] = (float)(trial_now_us() - begin);
}

static inline int trial_order(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/** The value below which `percent` of the timings lie; empties nothing. */
static inline double trial_percentile(struct trial_times *t, size_t percent)
{
	if (!t->n)
		return 0;
	qsort(t->us, t->n, sizeof(t->us[0]), trial_order);
	return (double)t->us[(t->n - 1) * percent / 100];
}

/** Become an ordinary user; a hang ends the trial after `seconds`. */
static inline void trial_begin(unsigned int seconds)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() == 0 && !getenv("TRIAL_AS_ROOT")) {
		CLAIM(setgroups(0, NULL) == 0);
		CLAIM(setresgid(65534, 65534, 65534) == 0);
		CLAIM(setresuid(65534, 65534, 65534) == 0);
		CLAIM(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	}
	alarm(seconds);
}

#define TRIAL_MAX_CALLS 16

/**
 * Load a filter that answers the `n` calls with `action` and allows the rest.
 * Returns what seccomp(2) does: with NEW_LISTENER the listener, else 0, or -1.
 */
static inline int trial_filter(const int *calls, size_t n, uint32_t action,
			       unsigned long flags)
{
	struct sock_filter code[2 * TRIAL_MAX_CALLS + 2];
	struct sock_fprog program = {.filter = code};
	unsigned short at = 0;

	CLAIM(n <= TRIAL_MAX_CALLS);
	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		code[at++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ALLOW);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    &program);
}

/**
 * Start `body(argument)` in a child whose `n` calls are notified. The child
 * ends with what the body returns, and dies with the trial. The listener is
 * with the caller when this returns; nothing of it is left in the child.
 */
static inline struct trial trial_start(int (*body)(void *), void *argument,
				       const int *calls, size_t n)
{
	int ready[2], go[2], number, pidfd;
	struct trial t;
	char byte;

	CLAIM(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	fflush(stdout);
	t.pid = fork();
	CLAIM(t.pid >= 0);
	if (t.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		number = trial_filter(
			calls, n, SECCOMP_RET_USER_NOTIF,
			SECCOMP_FILTER_FLAG_NEW_LISTENER |
				SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
		if (write(ready[1], &number, sizeof(number)) < 0 ||
		    read(go[0], &byte, 1) != 1)
			_exit(99);
		close(number);
		close(ready[0]);
		close(ready[1]);
		close(go[0]);
		close(go[1]);
		_exit(body(argument));
	}
	CLAIM(read(ready[0], &number, sizeof(number)) == sizeof(number));
	NEED(number >= 0);
	pidfd = pidfd_open(t.pid, 0);
	t.listener = pidfd_getfd(pidfd, number, 0);
	NEED(t.listener >= 0);
	ioctl(t.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	CLAIM(write(go[1], "", 1) == 1);
	close(pidfd);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
	return t;
}

/** Wait for a notification: true, or false once no program is left. */
static inline bool trial_receive(int listener, struct seccomp_notif *call)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	for (;;) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return false;
		if (!(p.revents & POLLIN)) {
			if (p.revents)
				return false;
			continue;
		}
		memset(call, 0, sizeof(*call));
		if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call))
			return true;
	}
}

/** Answer a notification; `error` is 0 or -errno. Returns 0 or -errno. */
static inline int trial_answer(int listener, uint64_t id, int64_t value,
			       int error, uint32_t flags)
{
	struct seccomp_notif_resp answer = {
		.id = id, .val = value, .error = error, .flags = flags};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ? -errno : 0;
}

static inline int trial_continue(int listener, uint64_t id)
{
	return trial_answer(listener, id, 0, 0,
			    SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/** Put `fd` into the notified thread; returns its number there or -errno. */
static inline int trial_addfd(int listener, uint64_t id, int fd, uint32_t flags,
			      uint32_t fd_flags)
{
	struct seccomp_notif_addfd add = {.id = id,
					  .flags = flags,
					  .srcfd = (uint32_t)fd,
					  .newfd_flags = fd_flags};
	int number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	return number < 0 ? -errno : number;
}

/** Read (or write) the memory of a thread: 0, or -errno unless all moved. */
static inline int trial_peek(pid_t tid, uint64_t at, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)at, size};

	return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size
		       ? 0
		       : -EFAULT;
}

static inline int trial_poke(pid_t tid, uint64_t at, const void *from,
			     size_t size)
{
	struct iovec here = {(void *)(uintptr_t)from, size};
	struct iovec there = {(void *)at, size};

	return process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)size
		       ? 0
		       : -EFAULT;
}

/** Read a string of less than `size` bytes: 0 or -EFAULT. */
static inline int trial_string(pid_t tid, uint64_t at, char *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)at, size};
	ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);

	if (n < (ssize_t)size) {
		/* The string may end just before an unmapped page. */
		here.iov_len = there.iov_len =
			4096 - (at & 4095) < size ? 4096 - (at & 4095) : size;
		n = process_vm_readv(tid, &here, 1, &there, 1, 0);
	}
	return n > 0 && memchr(to, 0, (size_t)n) ? 0 : -EFAULT;
}

/** Reap the program: its exit status, or 256 + the signal that ended it. */
static inline int trial_reap(pid_t pid)
{
	int status;

	CLAIM(waitpid(pid, &status, __WALL) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif
