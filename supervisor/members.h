/*
 * The processes of a session, as the kernel lists them.
 */
#ifndef SUPERVISOR_MEMBERS_H
#define SUPERVISOR_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct session;

/** Visit each process of the session with its process group; `visit` returns
 * false to end. Returns the number visited. */
size_t members_each(const struct session *session,
		    bool (*visit)(void *context, pid_t pid, pid_t group),
		    void *context);

/** Visit each descendant of a process. */
size_t members_below(pid_t ancestor,
		     bool (*visit)(void *context, pid_t pid, pid_t group),
		     void *context);

/** From the text of /proc/PID/fdinfo/FD of a pidfd: the process it is about
 * (-1 once it is gone). Returns false where it is no pidfd. */
bool members_pidfd(const char *fdinfo, pid_t *pid);

#endif
