#include "supervisor/warden.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/relay.h"
#include "supervisor/cgroup.h"
#include "supervisor/guardian.h"

/* As who was waited for: what the guardian says is about the supervisor. */
static void __attribute__((noreturn)) end_as(int status)
{
	sigset_t set;

	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	kill(getpid(), WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(125);
}

/* Until the supervisor has ended. Returns its status. */
static int wait_for(pid_t supervisor)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(-1, &status, __WALL);
	while (pid != supervisor && (pid > 0 || errno == EINTR));
	return status;
}

static void __attribute__((noreturn))
watch(pid_t supervisor, pid_t guardian, struct relay *relay,
      const struct cgroup *cgroup)
{
	/* As the guardian: its memory is the same. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NAME, "session-warden", 0, 0, 0);
	if (relay)
		relay_leave(relay);
	int status = wait_for(supervisor);

	cgroup_kill(cgroup);
	guardian_kill_all();
	/* What follows is the guardian's, where there still is one. */
	if (getppid() != guardian) {
		(void)cgroup_remove(cgroup);
		if (relay)
			relay_rescue(relay);
	}
	end_as(status);
}

pid_t warden_fork(const int *others, size_t other_count, const int *theirs,
		  size_t their_count, struct relay *relay,
		  const struct cgroup *cgroup)
{
	pid_t guardian = getpid();
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	setpgid(0, 0);
	pid = fork();
	if (pid == 0)
		return 0;
	close_fds(others, other_count);
	close_fds(theirs, their_count);
	if (pid < 0)
		_exit(125);
	watch(pid, guardian, relay, cgroup);
}
