/*
 * The short way of path resolution: one openat2(2) that follows no link. What a
 * link at the very end of a path says is gone on with in the same way.
 *
 * With no link on the way, an object has the name by which it was opened, so
 * the policy can be asked before anything is opened. A path relative to a
 * directory is joined with the name that the kernel gives for the directory at
 * this moment, and opened by the whole name: cheaper than pinning the directory
 * by two further descriptors, and what is decided on is what is opened all the
 * same. Should the directory be renamed in between, the name leads nowhere or
 * elsewhere, and whatever it leads to was decided on by that name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/fence.h"
#include "supervisor/path.h"
#include "supervisor/path_steps.h"
#include "supervisor/proc.h"
#include "supervisor/virtual/standin.h"

enum {
	NO_LINKS = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	MOST_ROOT_LINKS = 8,
	MOST_LINKS = 8, /* in a row; the long way knows the kernel's bound */
	ROOT_LINK_SIZE = 64,
};

/* ------------------------------------------------------ links in the root --
 */

/*
 * /lib, /bin and their like, which lead into /usr. Every program is started by
 * way of one. Learnt once: that they still lead there is not relied on, since
 * the name behind them is what is decided on and opened.
 */
static struct root_link {
	char name[ROOT_LINK_SIZE]; /* with its slash, as /lib */
	size_t length;
	char target[ROOT_LINK_SIZE]; /* canonical, as /usr/lib */
	size_t target_length;
} root_links[MOST_ROOT_LINKS];
static size_t root_link_count;

void path_learn_root_links(void)
{
	static const char *const names[] = {"/bin",   "/lib",	 "/lib32",
					    "/lib64", "/libx32", "/sbin"};

	root_link_count = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct root_link *link = &root_links[root_link_count];
		char target[ROOT_LINK_SIZE - 1];
		struct stat status;
		ssize_t length = readlink(names[i], target, sizeof(target) - 1);
		bool slash;

		if (length <= 0 || (size_t)length == sizeof(target) - 1)
			continue;
		target[length] = '\0';
		const char *relative = target[0] == '/' ? target + 1 : target;
		ssize_t clean = path_clean_length(relative, &slash);

		if (clean <= 0)
			continue;
		link->length = (size_t)snprintf(link->name, sizeof(link->name),
						"%s", names[i]);
		link->target_length =
			(size_t)snprintf(link->target, sizeof(link->target),
					 "/%.*s", (int)clean, relative);
		int fd = path_openat2(AT_FDCWD, link->target,
				      O_PATH | O_DIRECTORY, NO_LINKS);

		if (fd < 0)
			continue;
		if (fstat(fd, &status) == 0)
			root_link_count++;
		close(fd);
	}
}

static const struct root_link *find_root_link(const char *path)
{
	for (size_t i = 0; i < root_link_count; i++) {
		const struct root_link *link = &root_links[i];

		if (strncmp(path, link->name, link->length) == 0 &&
		    path[link->length] == '/' && path[link->length + 1])
			return link;
	}
	return NULL;
}

/* Note the names that the walk through the link would have passed, and write
 * the path behind it. */
static int follow_root_link(struct call *call, const struct root_link *link,
			    const char *path, struct place *place, char *behind)
{
	struct policy_decision decision;
	const char *rest = path + link->length + 1;
	bool slash;
	ssize_t clean = path_clean_length(rest, &slash);

	if (clean < 0)
		return PATH_LONG_WAY;
	path_decide(call, place, link->name, link->length, &decision);
	if (decision.verdict == VERDICT_HIDE ||
	    decision.verdict == VERDICT_FAKE)
		return PATH_LONG_WAY;
	size_t named = link->length + 1 + (size_t)clean;

	if (link->target_length + 1 + strlen(rest) + 1 > PATH_MAX ||
	    path_add_via(place, link->name, link->length) ||
	    path_add_via(place, path, named))
		return PATH_LONG_WAY;
	memcpy(behind, link->target, link->target_length);
	behind[link->target_length] = '/';
	strcpy(behind + link->target_length + 1, rest);
	return 0;
}

/* ---------------------------------------------------------------- deciding --
 */

static bool ancestors_clear(struct call *call, struct place *place)
{
	return path_all_clear(call, place, place->path, place->length);
}

static bool is_below(const char *path, const char *directory, size_t length)
{
	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* The verdicts that settle the way before anything is opened: 0, PATH_LONG_WAY,
 * or -1 for a place that is hidden. */
static int decide(struct call *call, struct place *place)
{
	/* The magic of procfs is the long way's. */
	if (strncmp(place->path, "/proc", 5) == 0)
		return PATH_LONG_WAY;
	path_decide(call, place, place->path, place->length, &place->read);
	if (place->read.verdict == VERDICT_FAKE)
		return PATH_LONG_WAY;
	if (place->read.verdict == VERDICT_HIDE)
		return -1;
	return ancestors_clear(call, place) ? 0 : PATH_LONG_WAY;
}

/* ----------------------------------------------------------------- opening --
 */

/*
 * Open a file for reading at once, where reading it is allowed, and where it is
 * a plain file or a directory: to open a FIFO or a device is felt by others.
 * The look at it may be out of date by then, so the open neither waits nor
 * takes a terminal, and path.c looks again.
 */
static int open_at_once(const struct place *place)
{
	struct stat status;

	if (place->read.verdict != VERDICT_ALLOW ||
	    fstatat(AT_FDCWD, place->path, &status, AT_SYMLINK_NOFOLLOW) ||
	    (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
		return -EACCES;
	return path_openat2(AT_FDCWD, place->path,
			    place->open_flags | O_NONBLOCK | O_NOCTTY,
			    NO_LINKS);
}

/* The place by its whole name. */
static int open_named(const struct call *call, unsigned flags, bool directory,
		      struct place *place)
{
	bool fenced = false;
	int fd = -EACCES;

	if (place->slash && !(flags & PATH_FOLLOW))
		return PATH_LONG_WAY;
	directory = directory || place->slash;
	if (flags & PATH_OPEN && !directory) {
		fenced = flags & PATH_FENCED &&
			 fence_covers(call->session->fence, place->path,
				      place->length);
		if (!fenced)
			fd = open_at_once(place);
		place->opened = fd >= 0;
	}
	/* Whatever else came in the way comes up again, in the usual order. */
	if (fd < 0 && fd != -ENOENT && fd != -ELOOP)
		fd = path_openat2(
			AT_FDCWD, place->path,
			(uint64_t)(O_PATH |
				   (flags & PATH_FOLLOW ? 0 : O_NOFOLLOW) |
				   (directory ? O_DIRECTORY : 0)),
			NO_LINKS);
	if (fd == -ELOOP)
		return place->slash ? PATH_LONG_WAY : PATH_LINK;
	if (fd < 0)
		return fd;
	place->fd = fd;
	place->fenced = fenced;
	return 0;
}

/* ------------------------------------------------------------ relative paths
 * -- */

/* The name that the program's descriptor, or its current directory, has now. */
static ssize_t base_name(const struct call *call, int dirfd, char *name,
			 size_t capacity)
{
	const char *root = standins_root_path(call->session->standins);
	char link[48];

	if (dirfd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", call->tid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", call->tid,
			 dirfd);
	ssize_t length = readlink(link, name, capacity - 1);

	/* No name at all, or one that the kernel has added to: what was removed
	 * has the end ` (deleted)`. */
	if (length <= 0 || (size_t)length == capacity - 1 || name[0] != '/' ||
	    name[length - 1] == ')')
		return -1;
	name[length] = '\0';
	if (is_below(name, root, strlen(root)))
		return -1;
	return length;
}

/* Go over leading `.` and, from a current directory, `..`: the base has no link
 * in its name, so that its parent is what its name says. */
static const char *skip_dots(const char *path, bool up, char *base,
			     size_t *length)
{
	while (path[0] == '.') {
		size_t dots = path[1] == '.' ? 2 : 1;

		if ((path[dots] != '/' && path[dots] != '\0') ||
		    (dots == 2 && !up))
			break;
		if (dots == 2) {
			while (*length > 1 && base[*length - 1] != '/')
				--*length;
			if (*length > 1)
				--*length;
			base[*length] = '\0';
		}
		path += dots;
		path += strspn(path, "/");
	}
	return path;
}

static int short_relative(struct call *call, int dirfd, const char *path,
			  unsigned flags, struct place *place)
{
	char base[PATH_MAX], again[PATH_MAX];
	ssize_t given = base_name(call, dirfd, base, sizeof(base));
	size_t length = (size_t)given;

	if (given < 0)
		return PATH_LONG_WAY;
	memcpy(again, base, length + 1);
	const char *rest = skip_dots(path, dirfd == AT_FDCWD, base, &length);
	ssize_t clean = 0;

	place->slash = false;
	if (rest[0] != '\0')
		clean = path_clean_length(rest, &place->slash);
	if (clean < 0 || length + (size_t)clean + 2 > PATH_MAX)
		return PATH_LONG_WAY;
	/* The base itself, or its parent. */
	if (clean == 0) {
		memcpy(place->path, base, length + 1);
		place->length = length;
	} else {
		place->length =
			(size_t)path_join(place->path, sizeof(place->path),
					  base, length, rest, (size_t)clean);
	}
	int error = decide(call, place);

	if (error)
		return error < 0 ? 0 : error;
	error = open_named(call, flags, clean == 0, place);
	/* A relative path needs no leave to search what is above its base; and
	 * what failed by a name that is out of date has not failed. */
	if (error == -EACCES)
		return PATH_LONG_WAY;
	if (error < 0 && (base_name(call, dirfd, base, sizeof(base)) != given ||
			  memcmp(base, again, (size_t)given) != 0))
		return PATH_LONG_WAY;
	return error;
}

/* ------------------------------------------------------------------- entries
 * -- */

static int open_entry(int dir, const char *relative, unsigned flags,
		      struct place *place)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(relative, '/');
	const char *leaf = slash ? slash + 1 : relative;
	size_t leaf_length = strlen(leaf);

	if (leaf_length > NAME_MAX)
		return -ENAMETOOLONG;
	if (slash) {
		size_t length = (size_t)(slash - relative);

		memcpy(parent, relative, length ? length : 1);
		parent[length ? length : 1] = '\0';
	} else {
		memcpy(parent, ".", 2);
	}
	int fd = path_openat2(dir, parent, O_PATH | O_DIRECTORY, NO_LINKS);

	if (fd < 0)
		return fd == -ELOOP ? PATH_LONG_WAY : fd;
	memcpy(place->leaf, leaf, leaf_length + 1);
	place->dir = fd;
	fd = path_openat2(place->dir, leaf, O_PATH | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	place->fd = fd;
	if (flags & PATH_FOLLOW) {
		struct stat status;

		if (fstat(fd, &status))
			return -errno;
		if (S_ISLNK(status.st_mode))
			return PATH_LONG_WAY;
	}
	return 0;
}

int path_short_entry(struct call *call, int base, const char *base_path,
		     size_t base_length, const char *path, unsigned flags,
		     struct place *place)
{
	size_t from = path[0] == '/' ? 1 : 0;
	ssize_t clean = path_clean_length(path + from, &place->slash);
	char text[PATH_MAX];

	if (clean < 0)
		return PATH_LONG_WAY;
	ssize_t length = path_join(place->path, sizeof(place->path), base_path,
				   base_length, path + from, (size_t)clean);

	if (length < 0)
		return (int)length;
	place->length = (size_t)length;
	int error = decide(call, place);

	if (error)
		return error < 0 ? 0 : error;
	memcpy(text, path, from + (size_t)clean);
	text[from + (size_t)clean] = '\0';
	return open_entry(base, text, flags, place);
}

/* ---------------------------------------------------- descriptors of one's own
 * -- */

/*
 * The link that stands for a descriptor of the caller's own, and not what it
 * leads to: what tells programs the names of their files. Of what the long way
 * would ask the policy nothing is left out.
 */
static int own_descriptor(struct call *call, const char *path,
			  struct place *place)
{
	static const char self[] = "/proc/self", files[] = "/fd/";
	const size_t self_length = sizeof(self) - 1;
	struct policy_decision decision;

	if (strncmp(path, self, self_length) != 0 ||
	    strncmp(path + self_length, files, sizeof(files) - 1) != 0)
		return PATH_LONG_WAY;
	const char *number = path + self_length + sizeof(files) - 1;
	size_t digits = strspn(number, "0123456789");
	pid_t process = call_process(call);

	if (digits == 0 || digits > NAME_MAX || number[digits] != '\0' ||
	    process < 0)
		return PATH_LONG_WAY;
	path_decide(call, place, self, self_length, &decision);
	if (decision.verdict == VERDICT_HIDE ||
	    decision.verdict == VERDICT_FAKE)
		return PATH_LONG_WAY;
	place->slash = false;
	place->length =
		(size_t)snprintf(place->path, sizeof(place->path),
				 "/proc/%d%s%s", process, files, number);
	path_decide(call, place, place->path, place->length, &place->read);
	if (place->read.verdict == VERDICT_HIDE ||
	    place->read.verdict == VERDICT_FAKE ||
	    !ancestors_clear(call, place))
		return PATH_LONG_WAY;
	int fd = path_openat2(AT_FDCWD, place->path, O_PATH | O_NOFOLLOW,
			      NO_LINKS);

	if (fd < 0)
		return PATH_LONG_WAY;
	place->fd = fd;
	return 0;
}

/* --------------------------------------------------------------- all of them
 * -- */

static int short_once(struct call *call, int dirfd, const char *path,
		      unsigned flags, struct place *place)
{
	char behind[PATH_MAX];

	if (path[0] != '/')
		return short_relative(call, dirfd, path, flags, place);
	if (!(flags & (PATH_FOLLOW | PATH_ENTRY | PATH_OPEN)) &&
	    own_descriptor(call, path, place) == 0)
		return 0;
	const struct root_link *link = find_root_link(path);

	if (link) {
		int error = follow_root_link(call, link, path, place, behind);

		if (error)
			return error;
		path = behind;
	}
	if (flags & PATH_ENTRY)
		return path_short_entry(call, AT_FDCWD, "/", 1, path, flags,
					place);
	ssize_t clean = path_clean_length(path + 1, &place->slash);

	if (clean < 0)
		return PATH_LONG_WAY;
	memcpy(place->path, path, (size_t)clean + 1);
	place->path[clean + 1] = '\0';
	place->length = (size_t)clean + 1;
	int error = decide(call, place);

	if (error)
		return error < 0 ? 0 : error;
	return open_named(call, flags, false, place);
}

int path_short_parent(const struct place *place, char parent[PLACE_PATH],
		      size_t *parent_length, const char **rest)
{
	size_t length = place->length;

	while (length > 1 && place->path[length - 1] != '/')
		length--;
	if (length <= 1)
		return -1;
	memcpy(parent, place->path, place->length + 1);
	*rest = parent + length;
	parent[length - 1] = '\0';
	*parent_length = length - 1;
	int fd = path_openat2(AT_FDCWD, parent, O_PATH | O_DIRECTORY, NO_LINKS);

	return fd < 0 ? -1 : fd;
}

/*
 * The last component is a link: read it, from its directory, and write the path
 * that is left. A link of another's in a directory that all may write to, one
 * into procfs, and whatever else is not plain, are the long way's.
 */
static int follow_last(struct call *call, struct place *place,
		       char target[PATH_MAX])
{
	char parent[PLACE_PATH], text[PATH_MAX];
	struct stat status, above;
	size_t length;
	const char *name;
	auto_fd directory = path_short_parent(place, parent, &length, &name);
	auto_fd link = directory < 0 ? -1
				     : path_openat2(directory, name,
						    O_PATH | O_NOFOLLOW, 0);

	if (link < 0 || fstat(link, &status) || !S_ISLNK(status.st_mode) ||
	    proc_is_device(status.st_dev))
		return PATH_LONG_WAY;
	if (status.st_uid != call->session->uid &&
	    (fstat(directory, &above) || (above.st_mode & S_IWOTH)))
		return PATH_LONG_WAY;
	ssize_t got = readlinkat(link, "", text, sizeof(text) - 1);

	if (got <= 0 || (size_t)got == sizeof(text) - 1)
		return PATH_LONG_WAY;
	text[got] = '\0';
	if (path_add_via(place, place->path, place->length))
		return PATH_LONG_WAY;
	if (text[0] == '/') {
		memcpy(target, text, (size_t)got + 1);
		return 0;
	}
	/* The directory has no link in its name. */
	const char *rest = skip_dots(text, true, parent, &length);

	if (!*rest)
		return PATH_LONG_WAY;

	return path_join(target, PATH_MAX, parent, length, rest, strlen(rest)) <
			       0
		       ? PATH_LONG_WAY
		       : 0;
}

int path_short(struct call *call, int dirfd, const char *path, unsigned flags,
	       struct place *place)
{
	char target[PATH_MAX];
	int error = short_once(call, dirfd, path, flags, place);

	for (int i = 0; error == PATH_LINK && i < MOST_LINKS; i++) {
		/* With O_NOFOLLOW it is one on the way. */
		error = flags & PATH_FOLLOW ? follow_last(call, place, target)
					    : PATH_LINK;
		if (error)
			break;
		place_close(place);
		error = short_once(call, AT_FDCWD, target, flags, place);
	}
	/* It counts them from the first on. */
	return error == PATH_LINK && (flags & PATH_FOLLOW) ? PATH_LONG_WAY
							   : error;
}
