#include "supervisor/cgroup_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"

enum { LINE = 16384 };

static const struct {
	unsigned bit;
	const char *name;
} controllers[] = {
	{CGROUP_MEMORY, "memory"},
	{CGROUP_PIDS, "pids"},
};

/* ------------------------------------------------------------- the mount -- */

/* cgroups(7): version 2 is the line of hierarchy 0. */
static int own_path(const char *proc, char own[PATH_MAX])
{
	char name[PATH_MAX];
	auto_free char *line = malloc(LINE);
	int error = -ENOENT;

	if (!line || snprintf(name, sizeof(name), "%s/cgroup", proc) >=
			     (int)sizeof(name))
		return -ENOMEM;
	FILE *file = fopen(name, "re");

	if (!file)
		return -errno;
	while (error && fgets(line, LINE, file)) {
		size_t length = strcspn(line, "\n");

		line[length] = '\0';
		/* A group that was removed, or one outside of our namespace. */
		if (strncmp(line, "0::/", 4) != 0 || length - 3 >= PATH_MAX ||
		    strstr(line, "/..") || strstr(line, " (deleted)"))
			continue;
		strcpy(own, line + 3);
		error = 0;
	}
	fclose(file);
	return error;
}

/* What of `own` lies below `root`, the part of the hierarchy that is mounted;
 * NULL: it does not. */
static const char *below(const char *own, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(own, root, length) != 0 ||
	    (own[length] != '/' && own[length] != '\0'))
		return NULL;
	return strcmp(own + length, "/") == 0 ? "" : own + length;
}

int cgroup_learn(const char *proc, struct cgroup_tree *tree)
{
	char own[PATH_MAX], name[PATH_MAX], root[PATH_MAX];
	auto_free char *line = malloc(LINE);
	int error = line ? own_path(proc, own) : -ENOMEM;

	if (error)
		return error;
	if (snprintf(name, sizeof(name), "%s/mountinfo", proc) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	FILE *mounts = fopen(name, "re");

	if (!mounts)
		return -errno;
	error = -ENOENT;
	while (error && fgets(line, LINE, mounts)) {
		const char *rest;

		/* Names with a space or a backslash are not looked for: \ooo.
		 */
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*d %*d %*s %4095s %4095s", root,
			   tree->mount) != 2 ||
		    strchr(root, '\\') || strchr(tree->mount, '\\'))
			continue;
		rest = below(own, root);
		if (rest &&
		    snprintf(tree->own, sizeof(tree->own), "%s%s", tree->mount,
			     rest) < (int)sizeof(tree->own))
			error = 0;
	}
	fclose(mounts);
	return error;
}

/* -------------------------------------------------------------- the files --
 */

long cgroup_read(const char *directory, const char *name, char *text,
		 size_t size)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);

	if (length < 0)
		return -errno;
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return length;
}

static bool may_write(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", directory, name) <
		       (int)sizeof(path) &&
	       faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += length)
		if ((at == text || at[-1] == ' ') &&
		    (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

/* Which of `needs` a file that lists controllers has. */
static unsigned listed(const char *directory, const char *name, unsigned needs)
{
	char text[512];
	unsigned found = 0;

	if (cgroup_read(directory, name, text, sizeof(text)) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++)
		if (needs & controllers[i].bit &&
		    has_word(text, controllers[i].name))
			found |= controllers[i].bit;
	return found;
}

/* ------------------------------------------------------------- the choice --
 */

/* The smaller of what was allowed and what a file says. */
static void lower(const char *directory, const char *name, int64_t *most)
{
	char text[64];

	if (cgroup_read(directory, name, text, sizeof(text)) <= 0 ||
	    strcmp(text, "max") == 0)
		return;
	int64_t value = strtoll(text, NULL, 10);

	if (*most < 0 || value < *most)
		*most = value;
}

/* Is this file there and says something else than what it says at first? (The
 * empty text is never set.) */
static bool is_set(const char *directory, const char *name, const char *unset)
{
	char text[256];
	long length = cgroup_read(directory, name, text, sizeof(text));

	return length > 0 &&
	       (!*unset || strncmp(text, unset, strlen(unset)) != 0);
}

/* Has it a limit that would be lost beside it? */
static bool is_limited(const char *directory)
{
	static const struct {
		const char *name, *unset;
	} files[] = {
		{"memory.high", "max"},	      {"memory.swap.max", "max"},
		{"memory.zswap.max", "max"},  {"cpu.max", "max"},
		{"cpuset.cpus", ""},	      {"cpuset.mems", ""},
		{"io.max", ""},		      {"hugetlb.2MB.max", "max"},
		{"hugetlb.1GB.max", "max"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (is_set(directory, files[i].name, files[i].unset))
			return true;
	return false;
}

/* Go one up from where `place` is. Returns false at the end. */
static bool leave(const struct cgroup_tree *tree, struct cgroup_place *place)
{
	if (strcmp(place->path, tree->mount) == 0)
		return false;
	if (is_limited(place->path))
		return false;
	lower(place->path, "memory.max", &place->memory);
	lower(place->path, "pids.max", &place->pids);
	char *slash = strrchr(place->path, '/');

	if (!slash || slash == place->path)
		return false;
	*slash = '\0';
	return true;
}

/* A group of threads cannot have children with memory of their own. The root
 * has no such file. */
static bool is_domain(const char *directory)
{
	char type[64];
	long length = cgroup_read(directory, "cgroup.type", type, sizeof(type));

	return length == -ENOENT || (length > 0 && strcmp(type, "domain") == 0);
}

static bool may_have_processes(const char *directory)
{
	char text[64];

	return cgroup_read(directory, "cgroup.type", text, sizeof(text)) ==
		       -ENOENT ||
	       cgroup_read(directory, "cgroup.procs", text, sizeof(text)) == 0;
}

static bool is_usable(unsigned needs, struct cgroup_place *place)
{
	const char *path = place->path;

	if (!may_write(path, "") || !may_write(path, "cgroup.procs") ||
	    !is_domain(path))
		return false;
	place->missing = needs & ~listed(path, "cgroup.subtree_control", needs);
	if (!place->missing)
		return true;
	return listed(path, "cgroup.controllers", needs) == needs &&
	       may_write(path, "cgroup.subtree_control") &&
	       may_have_processes(path);
}

int cgroup_next(const struct cgroup_tree *tree, unsigned needs,
		struct cgroup_place *place)
{
	if (!place->path[0])
		strcpy(place->path, tree->own);
	else if (!leave(tree, place))
		return -ENOENT;
	while (!is_usable(needs, place))
		if (!leave(tree, place))
			return -ENOENT;
	return 0;
}
