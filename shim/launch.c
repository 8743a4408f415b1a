#include "shim/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/filter.h"

/* Landlock's uapi has grown; older headers lack these. */
enum {
	LANDLOCK_SCOPES_ABI = 6,
	SCOPE_ABSTRACT_UNIX = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* What the child reports: which step failed, and how. */
struct report {
	int error;
	int listener;	  /* -1: the exec failed */
	const char *step; /* the parent's memory is the same at fork */
};

/*
 * The floor under everything: a domain that handles next to nothing, but is
 * one. The kernel lets nobody in it trace, look into or (from its sixth
 * version) signal anything outside, nor reach abstract sockets there.
 */
static int enter_domain(int abi, int given)
{
	struct ruleset ruleset = {
		/* One right must be handled; every file call that could use it
		 * is served by the supervisor, who is outside. */
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	size_t size = sizeof(ruleset.handled_access_fs);

	if (given >= 0)
		return syscall(SYS_landlock_restrict_self, given, 0) ? -errno
								     : 0;
	if (abi <= 0)
		return 0;
	if (abi >= LANDLOCK_SCOPES_ABI) {
		ruleset.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(ruleset);
	}
	int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);

	if (fd < 0)
		return -errno;
	int error = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;

	close(fd);
	return error;
}

static int drop_capabilities(const struct launch *launch)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	uint32_t low = (uint32_t)launch->capabilities;
	uint32_t high = (uint32_t)(launch->capabilities >> 32);
	struct __user_cap_data_struct data[2] = {
		{.effective = low, .permitted = low},
		{.effective = high, .permitted = high},
	};

	if (!launch->privileged)
		return 0;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	for (unsigned long number = 0; number < 64; number++) {
		if (launch->capabilities >> number & 1)
			continue;
		/* EINVAL: the kernel knows no such capability. */
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) && errno != EINVAL)
			return -errno;
	}
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* At the hard limit of processor time a process is killed, at the soft one it
 * is told (SIGXCPU), each second: setrlimit(2). */
enum { CPU_GRACE = 5 };

/* `grace`: how far the hard limit is above. */
static int set_limit(int resource, int64_t value, unsigned grace)
{
	struct rlimit limit;

	if (value < 0)
		return 0;
	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return -errno;
	/* Never above what there is. */
	if (limit.rlim_max == RLIM_INFINITY ||
	    (rlim_t)value + grace < limit.rlim_max)
		limit.rlim_max = (rlim_t)value + grace;
	limit.rlim_cur =
		(rlim_t)value < limit.rlim_max ? (rlim_t)value : limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) ? -errno : 0;
}

/* The kernel writes a core by itself, wherever the process stands, or gives it
 * to a program: to that whatever the limit is, unless it is 1, which is less
 * than any core has (fs/coredump.c). calls/process.c sees that it stays. */
static int forbid_cores(void)
{
	const struct rlimit one = {1, 1};

	/* Not where there is less already. */
	return setrlimit(RLIMIT_CORE, &one) ? set_limit(RLIMIT_CORE, 0, 0) : 0;
}

static int set_limits(const struct launch *launch)
{
	int error = forbid_cores();

	if (!error)
		error = set_limit(RLIMIT_CPU, launch->limits[LIMIT_CPU],
				  CPU_GRACE);
	if (!error)
		error = set_limit(RLIMIT_NOFILE, launch->limits[LIMIT_FILES],
				  0);
	if (!error)
		error = set_limit(RLIMIT_FSIZE, launch->limits[LIMIT_FILE_SIZE],
				  0);
	return error;
}

/* What we ignore or catch is not what the program shall. What comes meanwhile
 * waits: all is blocked until right before the exec. */
static void reset_signals(const struct launch *launch)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, sigismember(launch->ignored, number) == 1
				       ? SIG_IGN
				       : SIG_DFL);
}

static void send_report(int report_pipe, const struct report *report)
{
	if (write(report_pipe, report, sizeof(*report)) != sizeof(*report))
		_exit(125);
}

/* Everything above standard error, but the pipe that exec closes. Linux 5.9 */
static int close_others(int report_pipe)
{
	unsigned kept = (unsigned)report_pipe;

	if (kept > 3 &&
	    syscall(SYS_close_range, 3, kept - 1, CLOSE_RANGE_UNSHARE))
		return -1;
	return (int)syscall(SYS_close_range, kept + 1, ~0U,
			    CLOSE_RANGE_UNSHARE);
}

static void __attribute__((noreturn))
fail(int report_pipe, const char *step, int error)
{
	send_report(
		report_pipe,
		&(struct report){.error = error, .listener = -1, .step = step});
	_exit(125);
}

static void __attribute__((noreturn))
child(const struct launch *launch, int report_pipe, int go_pipe, pid_t parent)
{
	struct report report = {.step = "listener"};
	char go;
	int error;

	/* It has both ends of all pipes: the end of who waits for it would not
	 * be seen. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent)
		_exit(125);
	if (launch->group)
		(void)setpgid(0, launch->group > 0 ? launch->group : 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail(report_pipe, "no_new_privs", -errno);
	error = set_limits(launch);
	if (error)
		fail(report_pipe, "resource limits", error);
	error = drop_capabilities(launch);
	if (error)
		fail(report_pipe, "dropping capabilities", error);
	error = enter_domain(launch->landlock_abi, launch->ruleset);
	if (error)
		fail(report_pipe, "the Landlock domain", error);
	reset_signals(launch);
	error = filter_install(launch->filter, 0, &report.listener);
	if (error)
		fail(report_pipe, "the seccomp filter", error);
	/* The table of descriptors is the supervisor's, too: the listener is
	 * simply there. Then each goes on with a table of its own. */
	send_report(report_pipe, &report);
	if (read(go_pipe, &go, 1) != 1)
		_exit(125);
	if (close_others(report_pipe))
		fail(report_pipe, "closing descriptors", -errno);
	send_report(report_pipe, &report);
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	sigprocmask(SIG_SETMASK, launch->mask, NULL);
	execve(launch->path, launch->argv, launch->environment);
	fail(report_pipe, "exec", -errno);
}

/* Read a report, or learn that the child died: with a shared table of
 * descriptors its death does not end the pipe. */
static int read_report(int report_pipe, int pidfd, struct report *report)
{
	struct pollfd fds[2] = {
		{.fd = report_pipe, .events = POLLIN},
		{.fd = pidfd, .events = POLLIN},
	};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (!(fds[0].revents & POLLIN))
		return -ECHILD;
	if (read(report_pipe, report, sizeof(*report)) != sizeof(*report))
		return -ECHILD;
	return report->error;
}

/*
 * Sharing the table of descriptors (CLONE_FILES): the one way to hand over the
 * listener that needs no call which may be trapped. Born in its cgroup (Linux
 * 5.7), it is nowhere else for a moment, and nothing waits for all processors,
 * as it would to be moved.
 */
static pid_t start(const struct launch *launch)
{
	struct clone_args how = {
		.flags = CLONE_FILES | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)launch->cgroup,
	};
	pid_t pid = -1;

	*launch->placed = false;
	if (launch->cgroup >= 0) {
		pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
		*launch->placed = pid >= 0;
	}
	return pid >= 0 ? pid
			: (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0,
					 0, 0);
}

pid_t launch(const struct launch *launch, int *result_pipe, const char **step)
{
	struct report report = {.step = "starting the child"};
	int reports[2], go[2];
	sigset_t all, before;

	*step = "pipe";
	if (pipe2(reports, O_CLOEXEC))
		return -errno;
	auto_fd report_read = reports[0], report_write = reports[1];

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	auto_fd go_read = go[0], go_write = go[1];

	*step = "fork";
	pid_t self = getpid();

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = start(launch);
	int error = pid < 0 ? -errno : 0;

	if (pid == 0)
		child(launch, report_write, go_read, self);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (error)
		return error;
	/* Before ready(): from then on another thread may reap it. */
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0) {
		error = -errno;
		*step = "pidfd_open";
		kill(pid, SIGKILL);
		return error;
	}
	if (launch->group)
		(void)setpgid(pid, launch->group > 0 ? launch->group : 0);
	error = read_report(report_read, pidfd, &report);
	*step = report.step;
	if (!error)
		error = launch->ready(launch->context, pid, report.listener);
	if (!error && write(go_write, "", 1) != 1)
		error = -errno;
	/* From here on its table is its own, so that ours can be closed. */
	if (!error)
		error = read_report(report_read, pidfd, &report);
	if (error) {
		*step = report.step;
		/* By what it is: its number may be another's by now. */
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		return error;
	}
	*result_pipe = take_fd(&report_read);
	return pid;
}

int launch_result(int result_pipe)
{
	struct report report;
	ssize_t got = read(result_pipe, &report, sizeof(report));

	/* The end of the pipe: closed by the exec. */
	return got == (ssize_t)sizeof(report) ? report.error : 0;
}
