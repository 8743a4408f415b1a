/*
 * Changes real files so that at any moment either the old or the new content
 * is there, whole. No step follows a symbolic link.
 */
#ifndef SUPERVISOR_VIRTUAL_REPLACE_H
#define SUPERVISOR_VIRTUAL_REPLACE_H

#include <stddef.h>
#include <sys/stat.h>

/**
 * Read a real file. Returns 0, its malloc()ed bytes and what it is, or
 * -errno: -ENOENT, -EINVAL where it is no regular file, -EFBIG.
 */
int replace_read(const char *path, char **bytes, size_t *length,
		 struct stat *st);

/**
 * Give a file another content. Owner and mode stay. `st` is what was read:
 * where the file is another by now, -ESTALE. Returns 0 or -errno: then the
 * file is as it was.
 */
int replace_file(const char *path, const char *bytes, size_t length,
		 const struct stat *st);

/** Make a new file; -EEXIST where something is there. 0 or -errno. */
int replace_create(const char *path, const char *bytes, size_t length,
		   mode_t mode);

/** Make a directory; 0 also where it is there. 0 or -errno. */
int replace_mkdir(const char *path, mode_t mode);

/** Remove a file that is still as it was read; -ESTALE where it is not. */
int replace_remove(const char *path, const struct stat *st);

/** Remove an empty directory. Returns 0 or -errno. */
int replace_rmdir(const char *path);

#endif
