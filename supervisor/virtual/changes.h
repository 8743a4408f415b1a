/*
 * What programs wrote: the difference between a tree and how it was made.
 */
#ifndef SUPERVISOR_VIRTUAL_CHANGES_H
#define SUPERVISOR_VIRTUAL_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

enum change_kind {
	CHANGE_WRITTEN = 0, /**< another content, link or kind of file */
	CHANGE_ADDED,
	CHANGE_REMOVED,
};

/** Return false to end. */
typedef bool change_visit(void *context, enum change_kind kind,
			  const char *path);

/**
 * Call `visit` for each path (absolute, as programs see it) that differs, in
 * order; a directory that was added comes before what is in it, one that was
 * removed after. Returns 0 or -errno where a tree cannot be read.
 */
int changes_walk(int made, int mirror, change_visit *visit, void *context);

#endif
