/*
 * The projects whose own policy is trusted: lines `SHA256 PATH` in the file
 * `interpose/trust` of the user's configuration, where no session can write.
 */
#ifndef SUPERVISOR_TRUST_H
#define SUPERVISOR_TRUST_H

#include <stdbool.h>

/** Is this the hash that was trusted for the project? */
bool trust_has(const char *config, const char *project, const char *hash);

/**
 * Remember a hash for a project, in the place of any other; NULL forgets the
 * project. Returns 0, -ENOENT where there was nothing to forget, or -errno.
 */
int trust_set(const char *config, const char *project, const char *hash);

/** Visit all; returns 0 or -errno. A missing file is an empty one. */
int trust_list(const char *config,
	       void (*visit)(void *context, const char *hash,
			     const char *project),
	       void *context);

#endif
