/*
 * The attributes of files: stat and its kin. They are taken from the pinned
 * object and written into the program's memory.
 *
 * What the program has open is looked at through its descriptor: an empty path
 * is fstat(2) in another form (glibc 2.33 to 2.38 make it so, at the start of
 * each program), which the filter would let through by its old number, whatever
 * the policy says of the name. Where there is a fence it does not come here
 * (filter_gate.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/lookup.h"
#include "supervisor/path.h"
#include "supervisor/session.h"

/* Where a stat finds its object. */
struct asked {
	int dirfd;
	unsigned flags;
	char path[PATH_MAX];
};

/* Read the path, once. Returns 0 or answers the call. */
static int read_asked(struct call *call, unsigned index, struct asked *asked)
{
	asked->path[0] = '\0';
	/* From 6.11 on, no path at all counts as an empty one. */
	if ((asked->flags & PATH_EMPTY) && call_arg(call, index) == 0)
		return 0;
	ssize_t length = call_path(call, index, asked->path);

	if (length < 0)
		call_result(call, length);
	return length < 0 ? (int)length : 0;
}

/* A link to what the program has open as the base of an empty path. Not where a
 * stand-in would have to be noted. */
static bool is_open(const struct call *call, const struct asked *asked,
		    char link[48])
{
	if (asked->path[0] || !(asked->flags & PATH_EMPTY) ||
	    asked->dirfd < 0 || call->session->log_all)
		return false;
	snprintf(link, 48, "/proc/%d/fd/%d", call->tid, asked->dirfd);
	return true;
}

/* Resolve it. Returns 0 or answers the call. */
static int find(struct call *call, const struct asked *asked,
		struct place *place)
{
	int error = path_resolve(call, asked->dirfd, asked->path, asked->flags,
				 place);

	if (error)
		call_result(call, error);
	else
		admit_metadata(call, place);
	return error;
}

/* -------------------------------------------------------- stat and others --
 */

static void serve_stat(struct call *call, int dirfd, unsigned index,
		       unsigned flags, unsigned out)
{
	struct asked asked = {.dirfd = dirfd, .flags = flags};
	struct place place;
	char link[48];

	if (read_asked(call, index, &asked))
		return;
	place_init(&place);
	/* glibc's struct is the kernel's on both architectures. */
	if ((is_open(call, &asked, link) && stat(link, &place.stat) == 0 &&
	     call_valid(call)) ||
	    find(call, &asked, &place) == 0)
		lookup_write(call, call_arg(call, out), &place.stat,
			     sizeof(place.stat), 0);
	place_close(&place);
}

void call_stat(struct call *call)
{
	serve_stat(call, AT_FDCWD, 0, PATH_FOLLOW, 1);
}

void call_lstat(struct call *call)
{
	serve_stat(call, AT_FDCWD, 0, 0, 1);
}

void call_newfstatat(struct call *call)
{
	int flags = call_int(call, 3);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
		      AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC))
		call_fail(call, EINVAL);
	else
		serve_stat(call, call_int(call, 0), 1, lookup_flags(flags), 2);
}

/* ----------------------------------------------------------------- statx -- */

static void serve_statx(struct call *call, const struct asked *asked, int flags,
			unsigned mask)
{
	int sync = flags & AT_STATX_SYNC_TYPE;
	struct statx status;
	struct place place;
	char link[48];

	memset(&status, 0, sizeof(status));
	if (is_open(call, asked, link) &&
	    statx(AT_FDCWD, link, sync, mask, &status) == 0 &&
	    call_valid(call)) {
		lookup_write(call, call_arg(call, 4), &status, sizeof(status),
			     0);
		return;
	}
	place_init(&place);
	if (find(call, asked, &place) == 0) {
		memset(&status, 0, sizeof(status));
		if (statx(place.fd, "", AT_EMPTY_PATH | sync, mask, &status))
			call_fail(call, errno);
		else
			lookup_write(call, call_arg(call, 4), &status,
				     sizeof(status), 0);
	}
	place_close(&place);
}

void call_statx(struct call *call)
{
	int flags = call_int(call, 2);
	unsigned mask = (unsigned)call_int(call, 3);
	struct asked asked = {.dirfd = call_int(call, 0),
			      .flags = lookup_flags(flags)};

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
		       AT_STATX_SYNC_TYPE)) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    (mask & STATX__RESERVED))
		call_fail(call, EINVAL);
	else if (read_asked(call, 1, &asked) == 0)
		serve_statx(call, &asked, flags, mask);
}

/* ---------------------------------------------------------------- statfs -- */

void call_statfs(struct call *call)
{
	struct statfs status;
	struct place place;

	place_init(&place);
	if (lookup(call, AT_FDCWD, 0, PATH_FOLLOW, &place) == 0) {
		if (fstatfs(place.fd, &status))
			call_fail(call, errno);
		else
			lookup_write(call, call_arg(call, 1), &status,
				     sizeof(status), 0);
	}
	place_close(&place);
}
