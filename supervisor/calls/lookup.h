/*
 * What the calls have in common that look at a file by its path.
 */
#ifndef SUPERVISOR_CALLS_LOOKUP_H
#define SUPERVISOR_CALLS_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct call;
struct place;

/** How AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH ask for the walk: PATH_ flags. */
unsigned lookup_flags(int at_flags);

/**
 * Resolve the path in argument `index`. Returns 0, with a place for
 * place_close(), or answers the call and returns -errno.
 */
int lookup(struct call *call, int dirfd, unsigned index, unsigned flags,
	   struct place *place);

/** Write into the program's memory and return `result`, or EFAULT. */
void lookup_write(struct call *call, uint64_t address, const void *bytes,
		  size_t length, int64_t result);

#endif
