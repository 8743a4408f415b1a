#include "supervisor/kernel.h"

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"

enum { PIDFD_OF_THREAD = O_EXCL /* PIDFD_THREAD, Linux 6.9 */ };

static bool at_least(unsigned want_major, unsigned want_minor)
{
	struct utsname name;
	unsigned major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > want_major ||
	       (major == want_major && minor >= want_minor);
}

/* Reads a number from a file of /proc; `absent` where there is none. */
static long number_of(const char *path, long absent)
{
	char text[32] = "";
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return absent;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return absent;
	return strtol(text, NULL, 10);
}

static bool can_take_fds(void)
{
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	auto_fd taken =
		pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);

	return taken >= 0;
}

/* Of no effect here, where nothing is shared: it is the permission that counts.
 */
static bool can_unshare_fs(void)
{
	return unshare(CLONE_FS) == 0;
}

static bool has_thread_pidfds(void)
{
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, gettid(), PIDFD_OF_THREAD);

	return pidfd >= 0;
}

/* In a child that is thrown away: a listener as a session has it, on a filter
 * that lets everything through. */
static int try_listener(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = 1, .filter = &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER |
			       SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		       &program) < 0
		       ? errno
		       : 0;
}

struct outcome {
	int listener, memory, trace; /* errno, or 0 */
};

static int start_child(struct kernel_trial *trial)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	auto_fd in = ends[0], out = ends[1];

	const pid_t parent = getpid();

	trial->pid = fork();
	if (trial->pid < 0)
		return -errno;
	if (trial->pid == 0) {
		/* Whoever kills the parent knows of no child yet. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		int error = try_listener();

		(void)!write(out, &error, sizeof(error));
		for (;;)
			pause();
	}
	trial->in = take_fd(&in);
	return 0;
}

/* What a session does to its programs, done to the child. */
static void try_child(struct kernel_trial *trial, struct outcome *outcome)
{
	auto_fd in = take_fd(&trial->in);
	/* The child has it at the same place. */
	static char there = 1;
	char here;
	struct iovec local = {.iov_base = &here, .iov_len = 1};
	struct iovec remote = {.iov_base = &there, .iov_len = 1};
	pid_t pid = trial->pid;
	int status;

	if (read(in, &outcome->listener, sizeof(int)) != (ssize_t)sizeof(int))
		outcome->listener = EIO;
	outcome->memory = process_vm_readv(pid, &local, 1, &remote, 1, 0) == 1
				  ? 0
				  : errno;
	outcome->trace =
		ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL) ? errno : 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
}

static int judge(const struct outcome *trial, char *why, size_t size)
{
	if (trial->listener == EBUSY)
		snprintf(why, size,
			 "this already runs under a program that listens to "
			 "system calls (interpose itself, WSL, LXD or another "
			 "sandbox), and the kernel takes one such listener "
			 "only: run it outside");
	else if (trial->listener)
		snprintf(why, size,
			 "a seccomp listener with WAIT_KILLABLE_RECV (Linux "
			 "5.19) is refused: %s; an outer sandbox must allow "
			 "seccomp(2)",
			 strerror(trial->listener));
	else if (trial->memory)
		snprintf(why, size,
			 "process_vm_readv on one's own child is refused: %s; "
			 "an outer sandbox must allow it (Docker does since "
			 "20.10)",
			 strerror(trial->memory));
	else if (trial->trace)
		snprintf(why, size,
			 "ptrace of one's own child is refused: %s; an outer "
			 "sandbox must allow it (Docker does since 19.03)",
			 strerror(trial->trace));
	else
		return 0;
	return -EPERM;
}

int kernel_probe_begin(struct kernel_trial *trial, char *why, size_t size)
{
	unsigned action = SECCOMP_RET_USER_NOTIF;
	long yama = number_of("/proc/sys/kernel/yama/ptrace_scope", 0);

	*trial = (struct kernel_trial){.in = -1};
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action)) {
		snprintf(why, size,
			 "the kernel has no seccomp user notification (Linux "
			 "5.0, CONFIG_SECCOMP_FILTER), or an outer sandbox "
			 "hides it");
		return -ENOSYS;
	}
	if (!at_least(5, 19)) {
		snprintf(why, size,
			 "the kernel is older than Linux 5.19: on it, answers "
			 "to calls are lost when signals come in between");
		return -ENOSYS;
	}
	if (yama >= 2) {
		snprintf(why, size,
			 "ptrace is closed (kernel.yama.ptrace_scope is %ld): "
			 "programs that start cannot be verified; 0 and 1 "
			 "work: sysctl kernel.yama.ptrace_scope=1",
			 yama);
		return -EPERM;
	}
	int error = start_child(trial);

	if (error)
		snprintf(why, size, "no process can be started: %s",
			 strerror(-error));
	return error;
}

int kernel_probe_end(struct kernel_trial *trial,
		     struct kernel_features *features, char *why, size_t size)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	struct outcome outcome = {0};

	memset(features, 0, sizeof(*features));
	try_child(trial, &outcome);
	int error = judge(&outcome, why, size);

	if (error)
		return error;
	features->landlock_abi = abi > 0 ? (int)abi : 0;
	features->sync_wake_up = at_least(6, 6);
	features->pidfd_thread = has_thread_pidfds();
	features->pidfd_getfd = can_take_fds();
	features->unshare_fs = can_unshare_fs();
	features->protected_symlinks =
		number_of("/proc/sys/fs/protected_symlinks", 1) != 0;
	return 0;
}

int kernel_probe(struct kernel_features *features, char *why, size_t size)
{
	struct kernel_trial trial;
	int error = kernel_probe_begin(&trial, why, size);

	memset(features, 0, sizeof(*features));
	return error ? error : kernel_probe_end(&trial, features, why, size);
}
