/*
 * Theory of operation. A file has another path where two mounts of one file
 * system show it, that is, where what the one has for its root lies at or below
 * what the other has. Sorted by file system and root, with `/` before all other
 * bytes, what lies below a root follows it at once.
 */
#include "supervisor/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "policy/scope.h"
#include "supervisor/project.h"

enum {
	MOUNT_LINE = 16384,
	MOST_TREES = 1024, /* else: all */
};

bool mounts_special(const char *type)
{
	static const char *const types[] = {
		"proc",	   "sysfs",	  "devtmpfs",	"devpts",
		"cgroup",  "cgroup2",	  "debugfs",	"tracefs",
		"mqueue",  "bpf",	  "securityfs", "configfs",
		"pstore",  "efivarfs",	  "autofs",	"fusectl",
		"nsfs",	   "binfmt_misc", "selinuxfs",	"rpc_pipefs",
		"resctrl",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------- the lines -- */

/* A space, tab, line end or backslash is \ooo. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		unsigned byte;

		if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

int mounts_read(FILE *file,
		bool (*each)(void *context, const struct mount_line *line),
		void *context)
{
	auto_free char *text = malloc(MOUNT_LINE);
	char root[PATH_MAX], point[PATH_MAX], type[64];
	struct mount_line line = {.root = root, .point = point, .type = type};
	bool more = true;

	if (!text)
		return -ENOMEM;
	while (more && fgets(text, MOUNT_LINE, file)) {
		const char *rest = strstr(text, " - ");
		unsigned high, low;

		if (sscanf(text, "%*d %*d %u:%u %4095s %4095s", &high, &low,
			   root, point) != 4 ||
		    !rest || sscanf(rest, " - %63s", type) != 1)
			return -EINVAL;
		unescape(root);
		unescape(point);
		line.device = makedev(high, low);
		more = each(context, &line);
	}
	return more && ferror(file) ? -EIO : 0;
}

int mounts_each(bool (*each)(void *context, const struct mount_line *line),
		void *context)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	int error = file ? 0 : -errno;

	if (error)
		return error;
	error = mounts_read(file, each, context);
	fclose(file);
	return error;
}

/* ----------------------------------------------------------------- twice -- */

struct mount {
	dev_t device;
	char *root, *point;
};

struct mounts_twice {
	size_t count;
	char *trees[MOST_TREES];
	bool all;
};

struct mounts {
	struct mount *list;
	size_t count, capacity;
	bool short_of_memory;
};

static bool add_mount(void *context, const struct mount_line *line)
{
	struct mounts *mounts = context;

	if (mounts_special(line->type))
		return true;
	if (mounts->count == mounts->capacity) {
		size_t capacity = mounts->capacity * 2 + 64;
		struct mount *grown =
			reallocarray(mounts->list, capacity, sizeof(*grown));

		mounts->short_of_memory = !grown;
		if (!grown)
			return false;
		mounts->list = grown;
		mounts->capacity = capacity;
	}
	struct mount *mount = &mounts->list[mounts->count++];

	*mount = (struct mount){line->device, strdup(line->root),
				strdup(line->point)};
	mounts->short_of_memory = !mount->root || !mount->point;
	return !mounts->short_of_memory;
}

static int compare(const void *left, const void *right)
{
	const struct mount *one = left, *other = right;
	const char *a = one->root, *b = other->root;

	if (one->device != other->device)
		return one->device < other->device ? -1 : 1;
	while (*a && *a == *b)
		a++, b++;
	if (!*a || !*b)
		return (*a != 0) - (*b != 0);
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* What follows a directory in a path, with its slash; or NULL. */
static const char *below(const char *path, const char *directory)
{
	if (!path_is_below(path, directory))
		return NULL;
	return directory[1] ? path + strlen(directory) : path[1] ? path : "";
}

static void add_tree(struct mounts_twice *twice, const char *path)
{
	if (mounts_twice_has(twice, path))
		return;
	char *copy = twice->count < MOST_TREES ? strdup(path) : NULL;

	twice->all = !copy;
	if (copy)
		twice->trees[twice->count++] = copy;
}

/* One shows what the other does, or a part of it. Mounted where it would be
 * found anyway, it has no other path. */
static void add_pair(struct mounts_twice *twice, const struct mount *whole,
		     const struct mount *part, const char *rest)
{
	char path[2 * PATH_MAX];
	const char *point = whole->point[1] ? whole->point : "";

	snprintf(path, sizeof(path), "%s%s", point, rest);
	if (!*path)
		strcpy(path, "/");
	if (strcmp(path, part->point) == 0)
		return;
	add_tree(twice, path);
	add_tree(twice, part->point);
}

static void find_pairs(struct mounts_twice *twice, const struct mounts *mounts)
{
	const struct mount *list = mounts->list;

	for (size_t i = 0; i < mounts->count; i++) {
		const char *rest;

		for (size_t j = i + 1;
		     !twice->all && j < mounts->count &&
		     list[j].device == list[i].device &&
		     (rest = below(list[j].root, list[i].root));
		     j++)
			add_pair(twice, &list[i], &list[j], rest);
	}
}

struct mounts_twice *mounts_twice_new(FILE *file)
{
	struct mounts_twice *twice = calloc(1, sizeof(*twice));
	struct mounts mounts = {0};
	int error;

	if (!twice)
		return NULL;
	error = file ? mounts_read(file, add_mount, &mounts)
		     : mounts_each(add_mount, &mounts);
	twice->all = error || mounts.short_of_memory;
	if (!twice->all && mounts.count > 0) {
		qsort(mounts.list, mounts.count, sizeof(*mounts.list), compare);
		find_pairs(twice, &mounts);
	}
	for (size_t i = 0; i < mounts.count; i++) {
		free(mounts.list[i].root);
		free(mounts.list[i].point);
	}
	free(mounts.list);
	return twice;
}

void mounts_twice_free(struct mounts_twice *twice)
{
	for (size_t i = 0; twice && i < twice->count; i++)
		free(twice->trees[i]);
	free(twice);
}

bool mounts_twice_any(const struct mounts_twice *twice)
{
	return twice->all || twice->count > 0;
}

bool mounts_twice_has(const struct mounts_twice *twice, const char *path)
{
	if (twice->all)
		return true;
	for (size_t i = 0; i < twice->count; i++)
		if (path_is_below(path, twice->trees[i]))
			return true;
	return false;
}
