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

struct name {
	const char *path;
	size_t length;
};

static int compare_names(const struct name *one, const struct name *other)
{
	size_t same = one->length < other->length ? one->length : other->length;
	int order = memcmp(one->path, other->path, same);

	if (order)
		return order;
	return one->length < other->length ? -1 : one->length > other->length;
}

static int compare_with_tree(const void *a, const void *b)
{
	const struct fence_tree *tree = *(const struct fence_tree *const *)b;

	return compare_names(a, &(struct name){tree->path, tree->length});
}

static int compare_trees(const void *a, const void *b)
{
	const struct fence_tree *tree = *(const struct fence_tree *const *)a;

	return compare_with_tree(&(struct name){tree->path, tree->length}, b);
}

int fence_sort_readable(struct fence *fence)
{
	fence->readable = calloc(fence->count + 1, sizeof(*fence->readable));
	fence->by_path = calloc(fence->count + 1, sizeof(*fence->by_path));
	if (!fence->readable || !fence->by_path)
		return -ENOMEM;
	for (size_t i = 0; i < fence->count; i++) {
		const struct fence_tree *tree = &fence->trees[i];

		if (!(tree->rights & FENCE_READ))
			continue;
		fence->by_path[fence->readable_count] = tree;
		fence->readable[fence->readable_count++] =
			(struct fence_place){tree->inode, tree->device};
	}
	qsort(fence->readable, fence->readable_count, sizeof(*fence->readable),
	      compare_places);
	qsort(fence->by_path, fence->readable_count, sizeof(*fence->by_path),
	      compare_trees);
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

/* Is it the path of a readable tree, which is still there and stays? */
static bool is_tree(const struct fence *fence, const char *path, size_t length)
{
	const struct name name = {path, length};
	const struct fence_tree *const *found =
		bsearch(&name, fence->by_path, fence->readable_count,
			sizeof(*fence->by_path), compare_with_tree);
	struct stat status;

	return found && (*found)->stays &&
	       lstat((*found)->path, &status) == 0 &&
	       status.st_ino == (*found)->inode &&
	       status.st_dev == (*found)->device;
}

bool fence_covers(const struct fence *fence, const char *path, size_t length)
{
	for (size_t i = 1; i <= length; i++)
		if ((i == length || path[i] == '/') && is_tree(fence, path, i))
			return true;
	return is_tree(fence, path, 0);
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
	free(fence->by_path);
	free(fence->trees);
	free(fence->gaps);
	free(fence);
}
