/*
 * Makes stand-ins in the trees: the part of standin.h that writes. What makes
 * them one at a time, and keeps account, is standin.c.
 */
#ifndef SUPERVISOR_VIRTUAL_MIRROR_H
#define SUPERVISOR_VIRTUAL_MIRROR_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/virtual/placeholder.h"
#include "supervisor/virtual/standin.h"

/** One preparation. Zero what is not set. */
struct mirror {
	int tree;      /**< the mirror's root */
	int made;      /**< the root of the second tree */
	int temporary; /**< a directory of the same file system */
	int manifest;  /**< open for appending */
	struct placeholders *placeholders;
	const struct standin_host *host;
	const char *root; /**< the top of the faked tree around the path */
	/** Was this path made before, and is now the programs' own? */
	bool (*is_made)(void *context, const char *path);
	/** It is made. Returns 0 or -ENOMEM. */
	int (*set_made)(void *context, const char *path);
	standin_content *content; /**< before the policy's */
	void *context;
	size_t entries, bytes; /**< so far */
};

/**
 * Make the stand-in of a path and all below it. Returns 0 also where there
 * is nothing to stand in for, or -errno as standins_prepare() does.
 */
int mirror_make(struct mirror *mirror, const struct policy_fake *fake,
		const char *path);

#endif
