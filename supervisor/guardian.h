/*
 * The guardian: the process that the user started.
 *
 * Theory of operation. It has the supervisor forked (warden.h) and waits. It
 * passes signals on to the program, stops when the program stops (so that the
 * shell's job control works), and exits with the program's status. When the
 * supervisor dies, whatever killed it, the session's processes become the
 * warden's, which kills them until none is left; were it killed too, they are
 * the guardian's, a subreaper as well. When the guardian dies, the supervisor
 * sees the end of a pipe and ends the session.
 */
#ifndef SUPERVISOR_GUARDIAN_H
#define SUPERVISOR_GUARDIAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;
struct relay;

/** What the supervisor tells the guardian, each with a value. */
enum guardian_note_kind {
	NOTE_NONE = 0,
	NOTE_PROGRAM, /**< its pid */
	NOTE_STOPPED, /**< the signal */
	NOTE_STATUS,  /**< the exit status for the user */
};

struct guardian_note {
	enum guardian_note_kind kind;
	int32_t value;
};

/**
 * Fork. `supervise` runs in a grandchild, with the pipe on which it tells the
 * guardian and the one whose end means that the guardian is gone; its result is
 * the supervisor's exit status. `relay` is the session's terminal, or NULL
 * where it has the user's own; `cgroup` the session's, which is emptied at the
 * end, or NULL. `theirs` are `count` descriptors of the supervisor's, -1 where
 * there is none: they are closed here. Returns the status for the user.
 */
int guardian_run(int (*supervise)(void *context, int notes, int guardian),
		 void *context, struct relay *relay,
		 const struct cgroup *cgroup, const int *theirs, size_t count);

/** Kill every descendant of this process, their subreaper, until none is left.
 */
void guardian_kill_all(void);

#endif
