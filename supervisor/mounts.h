/*
 * The mounts that a process sees: proc_pid_mountinfo(5).
 */
#ifndef SUPERVISOR_MOUNTS_H
#define SUPERVISOR_MOUNTS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct mount_line {
	dev_t device;	   /**< of the file system */
	const char *root;  /**< what of it is mounted; "/" is the whole */
	const char *point; /**< where */
	const char *type;  /**< of the file system: "ext4" */
};

/** Call `each` for every line of a file like /proc/self/mountinfo, until it
 * returns false. Returns 0; or -EINVAL of a line that is no such one, -ENOMEM,
 * or of reading -EIO. */
int mounts_read(FILE *file,
		bool (*each)(void *context, const struct mount_line *line),
		void *context);

/** The same of the calling process's mounts, or -errno of opening them. */
int mounts_each(bool (*each)(void *context, const struct mount_line *line),
		void *context);

/** Is it a file system of the kernel's own, whose files are not what they
 * seem? */
bool mounts_special(const char *type);

/** The trees whose files are to be found at another path, too, with no link
 * made: what is mounted at two places, whole or in part. */
struct mounts_twice;

/** Find them among the mounts of such a file; NULL: of the calling process's
 * own. What cannot be read counts as everything. Returns an object for
 * mounts_twice_free(), or NULL without memory. */
struct mounts_twice *mounts_twice_new(FILE *file);
void mounts_twice_free(struct mounts_twice *twice);

/** Is there such a tree? */
bool mounts_twice_any(const struct mounts_twice *twice);

/** Is the canonical path in such a tree, or the top of one? */
bool mounts_twice_has(const struct mounts_twice *twice, const char *path);

#endif
