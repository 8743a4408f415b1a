#include "supervisor/path.h"

#include "supervisor/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/identities.h"
#include "supervisor/path_steps.h"
#include "supervisor/proc.h"
#include "supervisor/tracee.h"
#include "supervisor/virtual/standin.h"

void place_init(struct place *place)
{
	place->fd = -1;
	place->dir = -1;
	place->leaf[0] = '\0';
	place->path[0] = '\0';
	place->length = 0;
	place->standin = place->nameless = place->magic = false;
	place->proc = place->slash = place->opened = place->fenced = false;
	place->resolve = place->open_flags = 0;
	place->via_used = place->via_count = 0;
	place->read = (struct policy_decision){.verdict = VERDICT_DENY};
}

void place_close(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	if (place->dir >= 0)
		close(place->dir);
	place->fd = place->dir = -1;
	place->opened = place->fenced = false;
}

int path_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Cut the end off that the kernel adds to the name of what was deleted. */
static bool cut_deleted(int fd, char *path, size_t *length)
{
	static const char end[] = " (deleted)";
	size_t n = sizeof(end) - 1;
	struct stat status, named;

	if (*length <= n || memcmp(path + *length - n, end, n) != 0)
		return false;
	if (fstat(fd, &status))
		return false;
	/* A file may really bear such a name. */
	if (lstat(path, &named) == 0 && named.st_dev == status.st_dev &&
	    named.st_ino == status.st_ino)
		return false;
	*length -= n;
	path[*length] = '\0';
	return true;
}

/* Memory is nameless, but what a program runs from in a file's place. */
static ssize_t path_of_copy(const struct call *call, int fd, char *path,
			    size_t capacity)
{
	struct stat status;

	return fstat(fd, &status) ? -errno
				  : sealed_path(call->session->sealed, &status,
						path, capacity);
}

ssize_t path_of_own_fd(const struct call *call, int fd, char *path,
		       size_t capacity, bool *standin)
{
	char link[40];

	*standin = false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, path, capacity - 1);

	if (got < 0)
		return -errno;
	path[got] = '\0';
	size_t length = (size_t)got;
	bool deleted = cut_deleted(fd, path, &length);

	if (deleted && strncmp(path, "/memfd:", 7) == 0)
		return path_of_copy(call, fd, path, capacity);
	if (path[0] != '/')
		return -ENOENT;
	const char *root = standins_root_path(call->session->standins);
	size_t root_length = strlen(root);

	if (length >= root_length && memcmp(path, root, root_length) == 0 &&
	    (path[root_length] == '/' || path[root_length] == '\0')) {
		length -= root_length;
		memmove(path, path + root_length, length + 1);
		if (length == 0) {
			memcpy(path, "/", 2);
			length = 1;
		}
		*standin = true;
	}
	return (ssize_t)length;
}

/* Names for deny, ask, hide and fake: beyond the room for them the walk fails,
 * and none is dropped. */
int path_add_via(struct place *place, const char *path, size_t length)
{
	if (place->via_count == PLACE_VIA ||
	    length + 1 > sizeof(place->via_text) - place->via_used)
		return -ELOOP;
	char *copy = place->via_text + place->via_used;

	memcpy(copy, path, length);
	copy[length] = '\0';
	place->via_used += length + 1;
	place->via[place->via_count++] = copy;
	return 0;
}

void path_decide(struct call *call, struct place *place,
			const char *path, size_t length,
			struct policy_decision *decision)
{
	struct policy_query query;

	call_query(call, &query, ACTION_READ, path, length);
	query.via = place->via;
	query.via_count = place->via_count;
	call_judge(call->session, &query, decision);
}

bool path_all_clear(struct call *call, struct place *place, char *path,
		    size_t length)
{
	static _Thread_local char known[PLACE_PATH];
	static _Thread_local size_t known_length;
	struct policy_decision decision;
	bool keep = !call->session->conditional && place->via_count == 0;
	size_t parent = length;
	size_t first = 1;

	while (parent > 1 && path[parent - 1] != '/')
		parent--;
	if (keep) {
		/* What is above the two of them was found clear already. */
		size_t most = parent < known_length ? parent : known_length;
		size_t same = 0;

		while (same < most && known[same] == path[same])
			same++;
		if (same == parent)
			return true;
		while (same > 1 && path[same - 1] != '/')
			same--;
		if (same > 1)
			first = same;
	}
	for (size_t i = first; i < parent; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		path_decide(call, place, path, i, &decision);
		path[i] = '/';
		if (decision.verdict == VERDICT_HIDE ||
		    decision.verdict == VERDICT_FAKE)
			return false;
	}
	if (keep) {
		memcpy(known, path, parent);
		known_length = parent;
	}
	return true;
}

int path_below_hidden(struct call *call, struct place *place, char *path,
		      size_t length)
{
	struct policy_decision decision;

	if (path_all_clear(call, place, path, length))
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		path_decide(call, place, path, i, &decision);
		if (decision.verdict == VERDICT_HIDE) {
			place->read = decision;
			call_note(call, ACTION_READ, path, &decision);
		}
		path[i] = '/';
		if (decision.verdict == VERDICT_HIDE)
			return -ENOENT;
	}
	return 0;
}

ssize_t path_join(char *to, size_t capacity, const char *directory,
		    size_t directory_length, const char *name,
		    size_t name_length)
{
	size_t slash = directory_length > 1 ? 1 : 0;

	if (directory_length + slash + name_length + 1 > capacity)
		return -ENAMETOOLONG;
	memmove(to, directory, directory_length);
	if (slash)
		to[directory_length] = '/';
	memcpy(to + directory_length + slash, name, name_length);
	size_t length = directory_length + slash + name_length;

	to[length] = '\0';
	return (ssize_t)length;
}

ssize_t path_clean_length(const char *path, bool *slash)
{
	size_t length = strlen(path);

	*slash = false;
	while (length > 0 && path[length - 1] == '/') {
		length--;
		*slash = true;
	}
	const char *from = path, *end = path + length;

	if (length == 0)
		return -1;
	while (from < end) {
		const char *to = memchr(from, '/', (size_t)(end - from));
		size_t part = (size_t)((to ? to : end) - from);

		if (part == 0 || (part == 1 && from[0] == '.') ||
		    (part == 2 && from[0] == '.' && from[1] == '.'))
			return -1;
		from += part + 1;
	}
	return (ssize_t)length;
}

int path_other_name(struct call *call, struct place *place)
{
	const char *other =
		identities_find(call->session->identities, place->path,
				&place->stat);

	if (!other || strcmp(other, place->path) == 0)
		return 0;
	int error = path_add_via(place, other, strlen(other));

	if (!error)
		path_decide(call, place, place->path, place->length,
			    &place->read);
	return error;
}

/* What was opened at once and is neither a file nor a directory may have to be
 * opened in another way: only its pin is kept. */
static int pin_what_is_special(struct place *place)
{
	char link[40];

	if (S_ISREG(place->stat.st_mode) || S_ISDIR(place->stat.st_mode))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place->fd);
	int fd = open(link, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(place->fd);
	place->fd = fd;
	place->opened = false;
	return 0;
}

/* Look at the object once it is pinned: what it is, whether it is known by
 * another, protected name. */
static int inspect(struct call *call, struct place *place)
{
	if (place->fd < 0)
		return 0;
	if (fstat(place->fd, &place->stat))
		return -errno;
	if (place->opened) {
		int error = pin_what_is_special(place);

		if (error)
			return error;
	}
	place->proc = proc_is_device(place->stat.st_dev);
	if (place->standin || place->proc)
		return 0;
	return path_other_name(call, place);
}

/* The end of every walk: the verdicts of `read` that end it. */
static int conclude(struct call *call, struct place *place)
{
	int error = inspect(call, place);

	if (error)
		return error;
	if (place->proc) {
		error = proc_guard(call, place);
		if (error)
			return error;
	}
	if (place->read.verdict == VERDICT_HIDE) {
		call_note(call, ACTION_READ, place->path, &place->read);
		return -ENOENT;
	}
	/* The answer, a descriptor's way into the program, tells as much. */
	if (place->opened ||
	    (place->fenced && S_ISREG(place->stat.st_mode) &&
	     place->read.verdict == VERDICT_ALLOW))
		return 0;
	return call_valid(call) ? 0 : -ESRCH;
}

/* ------------------------------------------------------------- the base -- */

static int open_base(struct call *call, int dirfd)
{
	int fd = dirfd == AT_FDCWD ? tracee_cwd(call->tid)
				   : tracee_pin_fd(call->tid, dirfd);

	/* A thread that is gone is found out by call_valid(). */
	return fd;
}

/* The place is the base itself. */
static int base_place(struct call *call, int *base, struct place *place)
{
	bool standin;
	ssize_t length = path_of_own_fd(call, *base, place->path,
					sizeof(place->path), &standin);

	place->nameless = length == -ENOENT;
	if (place->nameless)
		length = (ssize_t)strlen(place->path);
	if (length < 0)
		return (int)length;
	place->length = (size_t)length;
	place->standin = standin;
	place->fd = take_fd(base);
	if (place->nameless) {
		place->read.verdict = VERDICT_ALLOW;
	} else {
		int error = path_below_hidden(call, place, place->path,
					      place->length);

		if (error)
			return error;
		path_decide(call, place, place->path, place->length,
			    &place->read);
	}
	return conclude(call, place);
}

int path_of_fd(struct call *call, int fd, struct place *place)
{
	auto_fd base = open_base(call, fd);

	if (base < 0)
		return base;
	return base_place(call, &base, place);
}

/* After the short way said that it is not enough. */
static int walk_long(struct call *call, struct place *place, bool link,
		     int *base, const char *base_path, size_t base_length,
		     bool base_standin, const char *path, unsigned flags)
{
	char parent[PLACE_PATH];
	size_t parent_length;
	const char *rest;

	place_close(place);
	if (link) {
		auto_fd directory = path_short_parent(place, parent,
						      &parent_length, &rest);

		if (directory >= 0)
			return path_walk(call, directory, parent, parent_length,
					false, rest, flags, place);
	}
	place->via_used = place->via_count = 0;
	/* An absolute path needs no base until it is walked. */
	if (*base < 0)
		*base = path_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	return *base < 0 ? *base
			 : path_walk(call, *base, base_path, base_length,
				    base_standin, path, flags, place);
}

/* Pin what a relative path starts from, and learn its name. */
static int pin_base(struct call *call, int dirfd, int *base, char *path,
		    size_t *length, bool *standin)
{
	*base = open_base(call, dirfd);
	if (*base < 0)
		return *base;
	ssize_t got = path_of_own_fd(call, *base, path, PLACE_PATH, standin);

	if (got < 0)
		return got == -ENOENT ? -ENOTDIR : (int)got;
	*length = (size_t)got;
	return 0;
}

int path_resolve(struct call *call, int dirfd, const char *path,
		 unsigned flags, struct place *place)
{
	auto_fd base = -1;
	char base_path[PLACE_PATH] = "/";
	size_t base_length = 1;
	bool standin = false;
	bool bounded = (flags & PATH_RESOLVE) &&
		       (place->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	bool absolute = path[0] == '/' && !bounded;
	int error = PATH_LONG_WAY;

	if (path[0] == '\0' && !(flags & PATH_EMPTY))
		return -ENOENT;
	if (path[0] == '\0') {
		base = open_base(call, dirfd);
		return base < 0 ? base : base_place(call, &base, place);
	}
	if (!(flags & PATH_RESOLVE) && (absolute || !(flags & PATH_ENTRY)))
		error = path_short(call, dirfd, path, flags, place);
	if (error > 0 && !absolute) {
		int pinned = pin_base(call, dirfd, &base, base_path,
				      &base_length, &standin);

		if (pinned < 0)
			error = pinned;
		else if ((flags & PATH_ENTRY) && !(flags & PATH_RESOLVE) &&
			 !standin)
			error = path_short_entry(call, base, base_path,
						 base_length, path, flags,
						 place);
	}
	if (error > 0)
		error = walk_long(call, place, error == PATH_LINK, &base,
				  base_path, base_length, standin, path, flags);
	if (error) {
		place_close(place);
		return call_valid(call) ? error : -ESRCH;
	}
	error = conclude(call, place);
	if (error)
		place_close(place);
	return error;
}
