/*
 * Scope-bound ownership: a variable declared `auto_fd` or `auto_free` gives up
 * what it holds when it goes out of scope; take_fd() and take_ptr() pass it on.
 */
#ifndef POLICY_SCOPE_H
#define POLICY_SCOPE_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_close_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

/** Close those of `count` descriptors that are not negative. */
static inline void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static inline void scope_free(void *p)
{
	free(*(void **)p);
}

/** A file descriptor that is closed at the end of its scope; start at -1. */
#define auto_fd __attribute__((cleanup(scope_close_fd))) int

/** A pointer from malloc() that is freed at the end of its scope. */
#define auto_free __attribute__((cleanup(scope_free)))

/** Give up a descriptor to the caller: returns it and leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** Give up a pointer to the caller: returns it and leaves NULL behind. */
#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#endif
