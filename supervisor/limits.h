/*
 * The limits of a session as a whole: its memory, number of processes,
 * processor time and time.
 *
 * Theory of operation. A thread, which is there only where the policy has one
 * of these limits, takes a census (census.h) every so often: at least ten
 * times a second where little is left, at most a twentieth of one processor.
 * So a limit may be exceeded for a moment; nothing is refused beforehand, as
 * there is no call to refuse at (memory is had by touching it).
 *
 *   memory     over it, the process that holds the most is killed, one a census
 *   processes  over it, the youngest are killed; twice over, the session ends
 *   cpu, time  the session ends
 *
 * With a cgroup (cgroup.h) the kernel keeps the memory, at any moment, and
 * kills by itself; the thread sleeps until it did. The kernel has no limit on
 * processes, only one on processes and threads together. That one is a bound
 * above the session's: whatever it does between two looks, it cannot have more
 * than twice its processes, 512 tasks, and as many threads as it had at the
 * last look. Their number, and the processor time of all, are read off the
 * cgroup.
 *
 * Each of these is an event with the line of the limit. The limits of a single
 * process (cpu once more, files, file-size) are the kernel's own, set when the
 * session's first program starts: shim/launch.c.
 */
#ifndef SUPERVISOR_LIMITS_H
#define SUPERVISOR_LIMITS_H

#include <sys/types.h>

struct cgroup;
struct limits;
struct policy;
struct session;

/**
 * Make the cgroup that helps to keep the limits of a policy. Returns 0, and an
 * object for cgroup_free(), NULL where no limit is of the kind; or -errno as
 * cgroup_new().
 */
int limits_cgroup(const struct policy *policy, struct cgroup **cgroup);

/**
 * Start watching, if there is a limit to watch. Returns 0, and an object for
 * limits_stop() or NULL, or -errno.
 */
int limits_start(struct session *session, struct limits **limits);

/** End it. NULL is fine. */
void limits_stop(struct limits *limits);

/** A descriptor could not be given: the process has as many as it may. To be
 * recorded, once a session, if that is by a limit of the policy. */
void limits_no_descriptor(struct session *session, pid_t tid);

/** A program's process was ended by this signal: to be recorded, if that was a
 * limit of the policy, its files' size once a session. */
void limits_ended(struct session *session, pid_t pid, int signal);

#endif
