/*
 * When programs end: an `exit` event for each process that ran one, with its
 * status, how long it ran and what processor time it took.
 *
 * A descriptor of each process (pidfd) waits in one epoll; a thread of its own
 * sleeps there, so that no call and no exec waits for this. Only what was
 * executed is watched: a fork that runs its parent's program belongs to that.
 */
#ifndef SUPERVISOR_EXITS_H
#define SUPERVISOR_EXITS_H

#include <sys/types.h>

struct exits;
struct session;

/** Start watching. Returns 0 and an object for exits_stop(), or -errno. */
int exits_start(struct session *session, struct exits **exits);

/**
 * A program stands ready in the process, which cannot end meanwhile. One that
 * ran there before has no exit of its own. Where there is no room for another
 * descriptor, or no memory, the process is not watched. `pidfd` may be one of
 * it, which is then taken over, or -1. `exits` may be NULL.
 */
void exits_watch(struct exits *exits, pid_t pid, pid_t parent, const char *exe,
		 int *pidfd);

/** Record who has ended until now, and forget the others. NULL is fine. */
void exits_stop(struct exits *exits);

#endif
