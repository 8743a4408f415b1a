/*
 * A fence that was found, in use: whether it can serve at all, and whether the
 * kernel lets a file be read by it. Asked by the object, as Landlock's rules go
 * with the inode, so this needs nothing of how the fence was found (fence.c).
 */
#include "supervisor/fence.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/fence.h"
#include "policy/scope.h"

static int compare_places(const void *a, const void *b)
{
	const struct fence_place *one = a, *other = b;

	if (one->inode != other->inode)
		return one->inode < other->inode ? -1 : 1;
	return one->device < other->device ? -1 : one->device > other->device;
}

int fence_sort_readable(struct fence *fence)
{
	fence->readable = calloc(fence->count + 1, sizeof(*fence->readable));
	if (!fence->readable)
		return -ENOMEM;
	for (size_t i = 0; i < fence->count; i++)
		if (fence->trees[i].rights & FENCE_READ)
			fence->readable[fence->readable_count++] =
				(struct fence_place){fence->trees[i].inode,
						     fence->trees[i].device};
	qsort(fence->readable, fence->readable_count, sizeof(*fence->readable),
	      compare_places);
	return 0;
}

/* The kernel opens the loader that a program names, and nothing can be done in
 * its place: without it no program would run. */
static bool has_loaders(const struct fence *fence)
{
	static const char *const loaders[] = {
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/ld-linux-aarch64.so.1",
		"/lib/ld-musl-x86_64.so.1",
		"/lib/ld-musl-aarch64.so.1",
	};

	for (size_t i = 0; i < sizeof(loaders) / sizeof(*loaders); i++) {
		auto_free char *path = realpath(loaders[i], NULL);

		if (path && !fence_reads(fence, path))
			return false;
	}
	return true;
}

const char *fence_useless(const struct fence *fence)
{
	return has_loaders(fence) ? NULL
				  : "not all of the system's loaders are in it";
}

/* Is the directory that the first `length` bytes name a readable tree's? */
static bool is_readable_tree(const struct fence *fence, const char *path,
			     size_t length)
{
	char at[PATH_MAX];
	struct fence_place place;
	struct stat status;

	memcpy(at, path, length);
	at[length] = '\0';
	if (lstat(at, &status))
		return false;
	place = (struct fence_place){status.st_ino, status.st_dev};
	return bsearch(&place, fence->readable, fence->readable_count,
		       sizeof(place), compare_places);
}

/* The kernel goes from the file up to the root. It comes to the same the other
 * way, and trees are nearer to the root. */
bool fence_reads(const struct fence *fence, const char *path)
{
	size_t length = strlen(path);
	struct stat status;

	if (path[0] != '/' || length >= PATH_MAX || lstat(path, &status))
		return false;
	for (size_t i = 1; i <= length; i++)
		if ((path[i] == '/' || path[i] == '\0') &&
		    is_readable_tree(fence, path, i))
			return true;
	return is_readable_tree(fence, "/", 1);
}

void fence_free(struct fence *fence)
{
	if (!fence)
		return;
	for (size_t i = 0; i < fence->count; i++)
		free(fence->trees[i].path);
	for (size_t i = 0; i < fence->gap_count; i++)
		free(fence->gaps[i].path);
	free(fence->readable);
	free(fence->trees);
	free(fence->gaps);
	free(fence);
}
