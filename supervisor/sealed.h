/*
 * Programs outside of what the kernel's fence lets be read: run from a copy.
 *
 * The fence stands before the kernel's own open at an exec, too. What the
 * policy allows and the fence does not, such as a program built a moment ago
 * beside an exception, is run from a sealed copy in memory, which belongs to no
 * file system that Landlock rules. The copies are known by device and inode, so
 * that /proc/self/exe tells the file that was meant.
 */
#ifndef SUPERVISOR_SEALED_H
#define SUPERVISOR_SEALED_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct sealed;

/** Returns an object for sealed_free(), or NULL without memory. */
struct sealed *sealed_new(void);
void sealed_free(struct sealed *sealed);

/**
 * Copy the open program into memory, where nobody can change it any more, and
 * keep that it stands for `path`. Returns a descriptor, or -errno.
 */
int sealed_copy(struct sealed *sealed, int program, const char *path);

/** What the object stands for: copies its path, and returns the length; -ENOENT
 * where it is no such copy. `sealed` may be NULL. */
ssize_t sealed_path(struct sealed *sealed, const struct stat *status,
		    char *path, size_t capacity);

#endif
