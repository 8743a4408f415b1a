#include "supervisor/net/start.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/net/protocol.h"

/* The end of its socket is what tells it to end. */
static void ignore_signals(void)
{
	static const int ignored[] = {
		SIGINT,	 SIGQUIT, SIGHUP,  SIGTERM, SIGTSTP,
		SIGTTIN, SIGTTOU, SIGPIPE, SIGUSR2, SIGALRM,
	};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, which is to become the broker: system calls alone, for there
 * are other threads. */
static void __attribute__((noreturn)) become_broker(int control, int hold)
{
	static char name[] = NET_BROKER_NAME;
	static char *const argv[] = {name, NULL};
	static char *const environment[] = {NULL};
	int null = open("/dev/null", O_RDWR);

	ignore_signals();
	/* Above what is put in its place. */
	control = fcntl(control, F_DUPFD, NET_HOLD_FD + 1);
	hold = fcntl(hold, F_DUPFD, NET_HOLD_FD + 1);
	for (int fd = 0; fd < NET_CONTROL_FD; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(70);
	if (control < 0 || dup2(control, NET_CONTROL_FD) < 0 || hold < 0 ||
	    dup2(hold, NET_HOLD_FD) < 0 || close_range(NET_HOLD_FD + 1, ~0U, 0))
		_exit(70);
	setpgid(0, 0);
	execve("/proc/self/exe", argv, environment);
	_exit(70);
}

int broker_start(bool sibling, struct broker_started *started)
{
	const pid_t caller = getpid();
	int control[2], hold[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
		return -errno;
	auto_fd ours = control[0], theirs = control[1];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold))
		return -errno;
	auto_fd our_hold = hold[0], their_hold = hold[1];
	unsigned long flags = CLONE_PIDFD | SIGCHLD;
	long pid = syscall(SYS_clone, sibling ? flags | CLONE_PARENT : flags,
			   NULL, &started->pidfd, NULL, NULL);

	if (pid < 0)
		return -errno;
	if (pid == 0 && !sibling &&
	    (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != caller))
		_exit(70);
	if (pid == 0)
		become_broker(theirs, their_hold);
	started->control = take_fd(&ours);
	started->hold = take_fd(&our_hold);
	return 0;
}
