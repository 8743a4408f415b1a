/*
 * The object that a call changes, by its path or by a descriptor: pinned, and
 * admitted for writing. What was decided about is what is acted on.
 */
#ifndef SUPERVISOR_CALLS_TARGET_H
#define SUPERVISOR_CALLS_TARGET_H

#include "supervisor/path.h"

struct call;

struct target {
	struct place place;
	char link[40]; /**< leads to it; of target_at() */
	int fd;	       /**< a duplicate of the program's descriptor, or -1 */
};

/** By the path that argument `index` leads to, with the flags of path.h.
 * Returns 0, or answers the call. For target_close() either way. */
int target_at(struct call *call, struct target *target, int dirfd,
	      unsigned index, unsigned flags);

/** By descriptor: what is decided about and acted on is one duplicate, whatever
 * other threads make of the number meanwhile. Returns 0, or answers the call.
 * For target_close() either way. */
int target_of(struct call *call, struct target *target, int fd);

/** AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH as target_at() takes them. */
unsigned target_flags(int flags);

/** Answer the call with what changing came to: `result` is not 0 where errno
 * says why. */
void target_finish(struct call *call, struct target *target, int result);

void target_close(struct target *target);

#endif
