/*
 * Where the search for the fence begins, for one kind of access: the places
 * that rules name. Many rules name the same.
 */
#ifndef SUPERVISOR_FENCE_ROOTS_H
#define SUPERVISOR_FENCE_ROOTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct policy;

enum { FENCE_ROOTS = 512 }; /* of more it is not known that they were visited */

/** All 0 at first; for fence_roots_forget(). */
struct fence_roots {
	struct fence_root {
		char *path;
		size_t length;
	} visited[FENCE_ROOTS];
	size_t count;
	char clear[PATH_MAX]; /**< no directory above this path is hidden */
};

/** Was the root visited? From now on it was. */
bool fence_roots_visited(struct fence_roots *roots, const char *path);

/** Is a directory above the path hidden by itself, or may it be? Those above
 * the last path that was asked about are known not to be. */
bool fence_roots_hidden(struct fence_roots *roots, const struct policy *policy,
			const char *path);

/** Free what is kept of those that were visited, and begin anew. */
void fence_roots_forget(struct fence_roots *roots);

#endif
