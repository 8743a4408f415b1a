/*
 * Dynamic loaders: the one that a program names, and whether a file is one, by
 * its content as well as its name. A copy under another name is one as well; a
 * copy that was changed on purpose is a program of the session's own.
 */
#ifndef SUPERVISOR_CALLS_LOADER_H
#define SUPERVISOR_CALLS_LOADER_H

#include <limits.h>
#include <stddef.h>

/** A native ELF file, and its first bytes as they were read already. */
struct loader_file {
	int fd;
	const char *head;
	size_t head_length;
};

enum loader_kind {
	LOADER_NOT = 0,
	LOADER_SURE,
	/** It could be one: a shared object that is started, without a name by
	 * which it would be known. Some linkers make static programs so. */
	LOADER_MAYBE,
};

/**
 * The loader that a native ELF program names (PT_INTERP), from its start on.
 * Returns 1 and its path, 0 where there is none, or -ENOEXEC.
 */
int loader_named(const struct loader_file *file, char path[PATH_MAX]);

/** Is the native ELF file, whose canonical name is `path`, a loader? What
 * cannot be read is none: it does not run either. */
enum loader_kind loader_kind(const struct loader_file *file, const char *path);

#endif
