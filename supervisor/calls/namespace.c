/*
 * Names: made, moved and removed. Every one is a write at the canonical path of
 * the directory plus the name, made in the pinned directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/reach.h"
#include "supervisor/credentials.h"
#include "supervisor/names.h"
#include "supervisor/path.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1U << 2)
#endif

enum { LEAF_SIZE = NAME_MAX + 2 };

/* The name in its directory, with the slash that the program put after it:
 * what that means is the kernel's to say. */
static const char *leaf_of(const struct place *place, char leaf[LEAF_SIZE])
{
	snprintf(leaf, LEAF_SIZE, "%s%s", place->leaf,
		 place->slash && place->leaf[0] != '/' ? "/" : "");
	return leaf;
}

/* Walk to the entry in argument `index`. Returns 0 or -errno. */
static int entry(struct call *call, int dirfd, unsigned index, unsigned flags,
		 struct place *place)
{
	char path[PATH_MAX];
	ssize_t length = call_path(call, index, path);

	place_init(place);
	if (length < 0)
		return (int)length;
	return path_resolve(call, dirfd, path, flags | PATH_ENTRY, place);
}

/* For a call that makes a new name. */
static int new_entry(struct call *call, int dirfd, unsigned index,
		     struct place *place)
{
	int error = admit_create_error(
		place, entry(call, dirfd, index, PATH_SLASH, place));

	/* What is there already is no matter of policy. */
	if (!error && place->fd >= 0)
		return -EEXIST;
	if (!error)
		error = admit(call, ACTION_WRITE, place);
	return error;
}

/* --------------------------------------------------------------- making -- */

/* All that put a directory or a link under a name, one at a time: so what a
 * rename has found to be a file is still one when it is moved. */
static pthread_mutex_t moving = PTHREAD_MUTEX_INITIALIZER;

static void serve_mkdir(struct call *call, int dirfd, unsigned index)
{
	mode_t mode = (mode_t)call_arg(call, index + 1);
	char leaf[LEAF_SIZE];
	struct place place;
	int error = new_entry(call, dirfd, index, &place);

	if (!error)
		error = credentials_umask(call);
	if (!error) {
		pthread_mutex_lock(&moving);
		if (mkdirat(place.dir, leaf_of(&place, leaf), mode))
			error = -errno;
		pthread_mutex_unlock(&moving);
		credentials_umask_done(call);
	}
	call_result(call, error);
	place_close(&place);
}

void call_mkdir(struct call *call)
{
	serve_mkdir(call, AT_FDCWD, 0);
}

void call_mkdirat(struct call *call)
{
	serve_mkdir(call, call_int(call, 0), 1);
}

/* What can be made at all; the kernel looks at that before the path. */
static int may_make(mode_t mode)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

static void serve_mknod(struct call *call, int dirfd, unsigned index)
{
	mode_t mode = (mode_t)call_arg(call, index + 1);

	if (may_make(mode)) {
		call_result(call, may_make(mode));
		return;
	}
	dev_t device = (dev_t)(uint32_t)call_arg(call, index + 2);
	char leaf[LEAF_SIZE];
	struct place place;
	int error = new_entry(call, dirfd, index, &place);

	if (!error)
		error = credentials_umask(call);
	if (!error) {
		/* Devices need a capability that no session has. */
		if (syscall(SYS_mknodat, place.dir, leaf_of(&place, leaf), mode,
			    device))
			error = -errno;
		credentials_umask_done(call);
	}
	call_result(call, error);
	place_close(&place);
}

void call_mknod(struct call *call)
{
	serve_mknod(call, AT_FDCWD, 0);
}

void call_mknodat(struct call *call)
{
	serve_mknod(call, call_int(call, 0), 1);
}

/*
 * May a symbolic link bear this name? Not where rules keep names below it: what
 * is then made at those names has another one in truth, which no rule knows. So
 * .git/hooks is a directory, or it is not there. A name beside it that no rule
 * means tells whether this one is special.
 */
static int may_be_link(struct call *call, const struct place *place)
{
	static const char neutral[] = "\x01\x01 no rule means this \x01\x01";
	struct policy_decision decision = {.verdict = VERDICT_DENY};
	const char *slash = strrchr(place->path, '/');
	char beside[PLACE_PATH + sizeof(neutral)];

	if (place->standin || !slash)
		return 0;
	snprintf(beside, sizeof(beside), "%.*s/%s",
		 (int)(slash - place->path), place->path, neutral);
	if (policy_same_below(call->session->policy, place->path, beside))
		return 0;
	call_note(call, ACTION_WRITE, place->path, &decision);
	return -EACCES;
}

static void serve_symlink(struct call *call, int dirfd, unsigned index)
{
	char target[PATH_MAX], leaf[LEAF_SIZE];
	struct place place;
	ssize_t length = call_path(call, 0, target);
	int error;

	/* Where it leads is decided when it is followed. */
	place_init(&place);
	if (length < 0)
		error = (int)length;
	else if (length == 0)
		error = -ENOENT;
	else
		error = new_entry(call, dirfd, index, &place);
	if (!error)
		error = may_be_link(call, &place);
	if (!error) {
		pthread_mutex_lock(&moving);
		names_change();
		if (symlinkat(target, place.dir, leaf_of(&place, leaf)))
			error = -errno;
		names_changed();
		pthread_mutex_unlock(&moving);
	}
	call_result(call, error);
	place_close(&place);
}

void call_symlink(struct call *call)
{
	serve_symlink(call, AT_FDCWD, 1);
}

void call_symlinkat(struct call *call)
{
	serve_symlink(call, call_int(call, 1), 2);
}

/* What may not be read and written may not get another name. */
static int admit_source(struct call *call, const struct place *place)
{
	int error = admit(call, ACTION_READ, place);

	return error ? error : admit(call, ACTION_WRITE, place);
}

static void serve_link(struct call *call, int from_dirfd, unsigned from,
		       int to_dirfd, unsigned to, int flags)
{
	unsigned walk = (flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0U) |
			(flags & AT_EMPTY_PATH ? PATH_EMPTY : 0U);
	char path[PATH_MAX], leaf[LEAF_SIZE], link[40];
	struct place source, target;
	ssize_t length = call_path(call, from, path);
	int error = length < 0 ? (int)length : 0;

	place_init(&source);
	place_init(&target);
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		error = -EINVAL;
	if (!error)
		error = path_resolve(call, from_dirfd, path, walk, &source);
	if (!error)
		error = new_entry(call, to_dirfd, to, &target);
	if (!error && source.standin != target.standin)
		error = -EXDEV;
	if (!error)
		error = admit_source(call, &source);
	if (!error && S_ISLNK(source.stat.st_mode))
		error = may_be_link(call, &target);
	if (!error && S_ISSOCK(source.stat.st_mode))
		error = reach_may_name(call, source.fd, &source, &target);
	if (!error) {
		pthread_mutex_lock(&moving);
		names_change();
		if (linkat(AT_FDCWD, admit_own_link(source.fd, link),
			   target.dir, leaf_of(&target, leaf),
			   AT_SYMLINK_FOLLOW))
			error = -errno;
		names_changed();
		pthread_mutex_unlock(&moving);
	}
	call_result(call, error);
	place_close(&source);
	place_close(&target);
}

void call_link(struct call *call)
{
	serve_link(call, AT_FDCWD, 0, AT_FDCWD, 1, 0);
}

void call_linkat(struct call *call)
{
	serve_link(call, call_int(call, 0), 1, call_int(call, 2), 3,
		   call_int(call, 4));
}

/* ------------------------------------------------------------- removing -- */

static void serve_unlink(struct call *call, int dirfd, unsigned index,
			 int flags)
{
	char leaf[LEAF_SIZE];
	struct place place;
	int error = entry(call, dirfd, index, 0, &place);

	if (!error && place.fd < 0)
		error = -ENOENT;
	if (!error)
		error = admit(call, ACTION_WRITE, &place);
	if (!error && unlinkat(place.dir, leaf_of(&place, leaf), flags))
		error = -errno;
	call_result(call, error);
	place_close(&place);
}

void call_unlink(struct call *call)
{
	serve_unlink(call, AT_FDCWD, 0, 0);
}

void call_rmdir(struct call *call)
{
	serve_unlink(call, AT_FDCWD, 0, AT_REMOVEDIR);
}

void call_unlinkat(struct call *call)
{
	int flags = call_int(call, 2);

	if (flags & ~AT_REMOVEDIR)
		call_fail(call, EINVAL);
	else
		serve_unlink(call, call_int(call, 0), 1, flags);
}

/* --------------------------------------------------------------- moving -- */

/* A directory keeps its decisions or it stays; mv then copies file by file, and
 * each is decided. */
static int may_move(struct call *call, const struct place *from,
		    const struct place *to)
{
	const struct policy *policy = call->session->policy;
	struct stat status;

	if (from->standin)
		return 0;
	auto_fd fd =
		openat(from->dir, from->leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(status.st_mode))
		return may_be_link(call, to);
	if (S_ISSOCK(status.st_mode))
		return reach_may_name(call, fd, from, to);
	if (!S_ISDIR(status.st_mode))
		return 0;
	return policy_same_below(policy, from->path, to->path) &&
			       policy_same_sockets(policy, from->path, to->path)
		       ? 0
		       : -EXDEV;
}

static int admit_move(struct call *call, const struct place *from,
		      const struct place *to, unsigned flags)
{
	int error = admit_source(call, from);

	if (!error)
		error = admit(call, ACTION_WRITE, to);
	/* In an exchange, both are sources. */
	if (!error && (flags & RENAME_EXCHANGE))
		error = admit_source(call, to);
	return error;
}

/* Does the path end in a name, and not in `.`, `..` or the root? */
static bool is_name(const struct place *place)
{
	return strcmp(place->leaf, ".") != 0 &&
	       strcmp(place->leaf, "..") != 0 && place->leaf[0] != '/';
}

static void serve_rename(struct call *call, int from_dirfd, unsigned from,
			 int to_dirfd, unsigned to, unsigned flags)
{
	char from_leaf[LEAF_SIZE], to_leaf[LEAF_SIZE];
	struct place source, target;

	/* RENAME_WHITEOUT makes a device, which no session may. */
	if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE)) {
		call_fail(call, EINVAL);
		return;
	}
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) {
		call_fail(call, flags & RENAME_WHITEOUT ? EPERM : EINVAL);
		return;
	}
	int error = entry(call, from_dirfd, from, 0, &source);

	place_init(&target);
	if (!error)
		error = admit_create_error(
			&target,
			entry(call, to_dirfd, to, PATH_SLASH, &target));
	/* The kernel's order: no `.` or `..`, and then what is there. */
	if (!error && !is_name(&source))
		error = -EBUSY;
	if (!error && !is_name(&target))
		error = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (!error && source.fd < 0)
		error = -ENOENT;
	if (!error && source.standin != target.standin)
		error = -EXDEV;
	if (!error)
		error = admit_move(call, &source, &target, flags);
	if (!error) {
		pthread_mutex_lock(&moving);
		names_change();
		error = may_move(call, &source, &target);
		if (!error && (flags & RENAME_EXCHANGE))
			error = may_move(call, &target, &source);
		if (!error &&
		    syscall(SYS_renameat2, source.dir,
			    leaf_of(&source, from_leaf), target.dir,
			    leaf_of(&target, to_leaf), flags))
			error = -errno;
		names_changed();
		pthread_mutex_unlock(&moving);
	}
	call_result(call, error);
	place_close(&source);
	place_close(&target);
}

void call_rename(struct call *call)
{
	serve_rename(call, AT_FDCWD, 0, AT_FDCWD, 1, 0);
}

void call_renameat(struct call *call)
{
	serve_rename(call, call_int(call, 0), 1, call_int(call, 2), 3, 0);
}

void call_renameat2(struct call *call)
{
	serve_rename(call, call_int(call, 0), 1, call_int(call, 2), 3,
		     (unsigned)call_int(call, 4));
}
