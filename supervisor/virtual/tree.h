/*
 * Working in a tree that programs may write to: no step follows a symbolic
 * link, so that nothing ends up outside of it.
 */
#ifndef SUPERVISOR_VIRTUAL_TREE_H
#define SUPERVISOR_VIRTUAL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/** An absolute path without empty, `.` or `..` components, not the root. */
bool tree_is_path(const char *path);

/** Write all bytes. Returns 0 or -errno. */
int tree_write_all(int fd, const void *bytes, size_t length);

/**
 * Read to the end. Returns 0 and malloc()ed bytes with a NUL behind them,
 * -EFBIG where there are more than `most`, or -errno.
 */
int tree_read_all(int fd, size_t most, char **bytes, size_t *length);

/** May a directory on the way to a stand-in be made? Its absolute path. */
typedef bool tree_may_make(void *context, const char *path);

/**
 * Open the directory that holds an absolute path in the tree at `root`.
 * Directories that are missing are made (0700) as far as `may_make` says (NULL:
 * none). Returns 0, an O_PATH descriptor and where the last name starts in
 * `path`; -ENOENT where a directory is missing, -ENOTDIR or -ELOOP where the
 * way is not one of directories, or -errno.
 */
int tree_open_parent(int root, const char *path, tree_may_make *may_make,
		     void *context, int *parent, const char **name);

/** Look at a path in the tree, without following. Returns 0 or -errno. */
int tree_stat(int root, const char *path, struct stat *st);

/** Open a file in the tree for reading. Returns a descriptor or -errno. */
int tree_open_file(int root, const char *path);

/** Open a directory in the tree for listing; `/` is its root. */
int tree_open_directory(int root, const char *path);

/** Remove whatever is there, with all below it. Returns 0 or -errno. */
int tree_remove(int parent, const char *name);

#endif
