/*
 * The supervisor cannot wait for a child: its tracer waits for any, and what
 * descends from it is the session's. So the child is the warden's, as the
 * broker is; it starts the command, and tells by a pipe how that ended.
 */
#include "supervisor/net/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"

enum { STATUS_FD = 3 };

static pid_t fork_raw(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL,
			      NULL);
}

/* In a child of a process with threads: nothing but system calls. */
static _Noreturn void run(const char *command, bool apart, int out, int status)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR), result = -1;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (apart)
		setpgid(0, 0);
	out = fcntl(out, F_DUPFD, STATUS_FD + 1);
	status = fcntl(status, F_DUPFD, STATUS_FD + 1);
	if (null < 0 || out < 0 || status < 0 || dup2(out, 1) < 0 ||
	    dup2(status, STATUS_FD) < 0 ||
	    (apart && (dup2(null, 0) < 0 || dup2(null, 2) < 0)) ||
	    close_range(STATUS_FD + 1, ~0U, 0))
		_exit(70);
	pid_t pid = fork_raw(0);

	if (pid == 0) {
		close(STATUS_FD);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(1);
	if (pid > 0)
		while (wait4(pid, &result, 0, NULL) < 0 && errno == EINTR)
			;
	(void)!write(STATUS_FD, &result, sizeof(result));
	_exit(0);
}

int outside_start(const char *command, bool apart, struct outside *started)
{
	int out[2], status[2];

	if (pipe2(out, O_CLOEXEC))
		return -errno;
	auto_fd out_read = out[0], out_write = out[1];

	if (pipe2(status, O_CLOEXEC))
		return -errno;
	auto_fd status_read = status[0], status_write = status[1];
	pid_t pid = fork_raw(CLONE_PARENT);

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(command, apart, out_write, status_write);
	*started = (struct outside){
		.out = take_fd(&out_read),
		.status = take_fd(&status_read),
		.group = apart ? pid : 0,
	};
	return 0;
}

int outside_end(struct outside *run, bool killed)
{
	int result = -1;

	/* Its number is its own until the warden has reaped it, which is
	 * after the other end of this pipe is gone. */
	if (killed && run->group > 0)
		kill(-run->group, SIGKILL);
	close(run->out);
	while (read(run->status, &result, sizeof(result)) < 0 && errno == EINTR)
		;
	close(run->status);
	return result == 0 ? 0 : -ECHILD;
}
