#include "supervisor/members.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"

bool members_pidfd(const char *fdinfo, pid_t *pid)
{
	const char *at = strstr(fdinfo, "\nPid:");

	if (!at)
		return false;
	*pid = (pid_t)strtol(at + strlen("\nPid:"), NULL, 10);
	return true;
}

/* Has this process no child at all? Orphans of a session become children of its
 * supervisor, so then nobody is left. */
static bool childless(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info,
		      WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT |
			      __WALL) < 0 &&
	       errno == ECHILD;
}

size_t members_below(pid_t ancestor,
		     bool (*visit)(void *context, pid_t pid, pid_t group),
		     void *context)
{
	size_t count = 0;

	if (ancestor == getpid() && childless())
		return 0;
	DIR *proc = opendir("/proc");

	if (!proc)
		return 0;
	for (struct dirent *entry; (entry = readdir(proc));) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (!tracee_in_session(pid, ancestor))
			continue;
		count++;
		if (!visit(context, pid, getpgid(pid)))
			break;
	}
	closedir(proc);
	return count;
}

size_t members_each(const struct session *session,
		    bool (*visit)(void *context, pid_t pid, pid_t group),
		    void *context)
{
	return members_below(session->supervisor, visit, context);
}
