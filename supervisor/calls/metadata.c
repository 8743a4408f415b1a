/*
 * Looking at files without opening them: access, readlink, extended attributes,
 * directories' entries and the current directory; stat and its kin are in
 * stat.c.
 *
 * Results are taken from the pinned object and written into the program's
 * memory. Nothing here is refused by `deny` or `ask`, as Unix permissions do
 * not either, but attributes and listings, which are content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/arch/arch.h"
#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/lookup.h"
#include "supervisor/path.h"
#include "supervisor/sealed.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"
#include "supervisor/virtual/standin.h"

/* --------------------------------------------------------------- access -- */

static void serve_access(struct call *call, int dirfd, unsigned index, int mode,
			 int flags)
{
	struct place place;

	if ((mode & ~(R_OK | W_OK | X_OK)) ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))) {
		call_fail(call, EINVAL);
		return;
	}
	place_init(&place);
	if (lookup(call, dirfd, index, lookup_flags(flags), &place) == 0) {
		/* With borrowed ids only the effective ones are the thread's;
		 * nothing in a session has others as real ones. */
		int how = AT_EMPTY_PATH | (flags & AT_EACCESS) |
			  (call->credentialed ? AT_EACCESS : 0);

		admit_metadata(call, &place);
		call_result(call,
			    syscall(SYS_faccessat2, place.fd, "", mode, how)
				    ? -errno
				    : 0);
	}
	place_close(&place);
}

void call_access(struct call *call)
{
	serve_access(call, AT_FDCWD, 0, call_int(call, 1), 0);
}

void call_faccessat(struct call *call)
{
	serve_access(call, call_int(call, 0), 1, call_int(call, 2), 0);
}

void call_faccessat2(struct call *call)
{
	serve_access(call, call_int(call, 0), 1, call_int(call, 2),
		     call_int(call, 3));
}

/* ------------------------------------------------------------- readlink -- */

/* The target as the caller sees it. */
static ssize_t link_target(struct call *call, const struct place *place,
			   char *target, size_t size)
{
	const char *name = strrchr(place->path, '/') + 1;

	/* The real link, where its name shows a stand-in: it was come by as
	 * admit_named() says, or by another name. */
	if (place->read.verdict == VERDICT_FAKE && !place->standin)
		return -EACCES;
	if (place->proc && strcmp(name, "self") == 0)
		return snprintf(target, size, "%d", call_process(call));
	if (place->proc && strcmp(name, "thread-self") == 0)
		return snprintf(target, size, "%d/task/%d", call_process(call),
				call->tid);
	ssize_t length = readlinkat(place->fd, "", target, size - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	/* So is a copy that a program runs from. */
	if (place->proc && strncmp(target, "/memfd:", 7) == 0) {
		struct stat status;
		ssize_t named = stat(place->path, &status)
					? -ENOENT
					: sealed_path(call->session->sealed,
						      &status, target, size);

		return named < 0 ? length : named;
	}
	/* A stand-in is known by the name it stands for. */
	const char *root = standins_root_path(call->session->standins);
	size_t root_length = strlen(root);

	if (place->proc && strncmp(target, root, root_length) == 0 &&
	    (target[root_length] == '/' || target[root_length] == '\0')) {
		memmove(target, target + root_length,
			(size_t)length - root_length + 1);
		length -= (ssize_t)root_length;
	}
	return length;
}

static bool path_is_empty(struct call *call, unsigned index)
{
	char first;

	return call_read(call, call_arg(call, index), &first, 1) == 0 &&
	       first == '\0';
}

static void serve_readlink(struct call *call, int dirfd, unsigned index,
			   uint64_t buffer, int size)
{
	char target[PLACE_PATH];
	struct place place;

	if (size <= 0) {
		call_fail(call, EINVAL);
		return;
	}
	place_init(&place);
	if (lookup(call, dirfd, index, PATH_EMPTY, &place) == 0) {
		admit_metadata(call, &place);
		ssize_t length;

		if (S_ISLNK(place.stat.st_mode))
			length = link_target(call, &place, target,
					     sizeof(target));
		else /* A base that is no link was not named: ENOENT. */
			length = path_is_empty(call, index) ? -ENOENT : -EINVAL;
		if (length > size)
			length = size;
		if (length < 0)
			call_result(call, length);
		else
			lookup_write(call, buffer, target, (size_t)length,
				     length);
	}
	place_close(&place);
}

void call_readlink(struct call *call)
{
	serve_readlink(call, AT_FDCWD, 0, call_arg(call, 1), call_int(call, 2));
}

void call_readlinkat(struct call *call)
{
	serve_readlink(call, call_int(call, 0), 1, call_arg(call, 2),
		       call_int(call, 3));
}

/* -------------------------------------------------- extended attributes -- */

enum { MOST_XATTR = 65536 }; /* XATTR_SIZE_MAX and XATTR_LIST_MAX */

/* xattr(7): where a program's buffer of `size` bytes gets the answer. */
static void give_attribute(struct call *call, ssize_t length, uint64_t buffer,
			   size_t size, const void *bytes)
{
	if (length < 0)
		call_result(call, length);
	else if (size == 0)
		call_return(call, length);
	else
		lookup_write(call, buffer, bytes, (size_t)length, length);
}

static void serve_getxattr(struct call *call, int dirfd, unsigned index,
			   unsigned flags, uint64_t name_at, uint64_t buffer,
			   size_t size)
{
	char name[XATTR_NAME_MAX + 2], link[40];
	auto_free void *bytes = NULL;
	struct place place;
	ssize_t got =
		tracee_read_string(call->tid, name_at, name, sizeof(name));

	if (got <= 0) {
		call_fail(call, got == -EFAULT ? EFAULT : ERANGE);
		return;
	}
	if (size > MOST_XATTR)
		size = MOST_XATTR;
	place_init(&place);
	if (lookup(call, dirfd, index, flags, &place) == 0) {
		int error = admit(call, ACTION_READ, &place);

		bytes = malloc(MOST_XATTR);
		if (!bytes)
			error = -ENOMEM;
		if (error) {
			call_result(call, error);
		} else {
			/* The link leads to the object, itself a link or not.
			 */
			got = getxattr(admit_own_link(place.fd, link), name,
				       bytes, size);
			give_attribute(call, got < 0 ? -errno : got, buffer,
				       size, bytes);
		}
	}
	place_close(&place);
}

void call_getxattr(struct call *call)
{
	serve_getxattr(call, AT_FDCWD, 0, PATH_FOLLOW, call_arg(call, 1),
		       call_arg(call, 2), call_arg(call, 3));
}

void call_lgetxattr(struct call *call)
{
	serve_getxattr(call, AT_FDCWD, 0, 0, call_arg(call, 1),
		       call_arg(call, 2), call_arg(call, 3));
}

static void serve_listxattr(struct call *call, int dirfd, unsigned index,
			    unsigned flags, uint64_t buffer, size_t size)
{
	auto_free char *bytes = NULL;
	char link[40];
	struct place place;

	if (size > MOST_XATTR)
		size = MOST_XATTR;
	place_init(&place);
	if (lookup(call, dirfd, index, flags, &place) == 0) {
		int error = admit(call, ACTION_READ, &place);

		bytes = malloc(MOST_XATTR);
		if (!bytes)
			error = -ENOMEM;
		if (error) {
			call_result(call, error);
		} else {
			ssize_t got = listxattr(admit_own_link(place.fd, link),
						bytes, size);

			give_attribute(call, got < 0 ? -errno : got, buffer,
				       size, bytes);
		}
	}
	place_close(&place);
}

void call_listxattr(struct call *call)
{
	serve_listxattr(call, AT_FDCWD, 0, PATH_FOLLOW, call_arg(call, 1),
			call_arg(call, 2));
}

void call_llistxattr(struct call *call)
{
	serve_listxattr(call, AT_FDCWD, 0, 0, call_arg(call, 1),
			call_arg(call, 2));
}

void call_listxattrat(struct call *call)
{
	if (call_int(call, 2) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	serve_listxattr(call, call_int(call, 0), 1,
			lookup_flags(call_int(call, 2)), call_arg(call, 3),
			call_arg(call, 4));
}

/* xattr.h of Linux 6.13 */
struct xattr_arguments {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

void call_getxattrat(struct call *call)
{
	struct xattr_arguments arguments;

	if (call_int(call, 2) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	if (call_arg(call, 5) != sizeof(arguments)) {
		call_fail(call, EINVAL);
		return;
	}
	if (call_read(call, call_arg(call, 4), &arguments, sizeof(arguments))) {
		call_fail(call, EFAULT);
		return;
	}
	serve_getxattr(call, call_int(call, 0), 1,
		       lookup_flags(call_int(call, 2)), call_arg(call, 3),
		       arguments.value, arguments.size);
}

void call_file_getattr(struct call *call)
{
	uint64_t attributes[16] = {0};
	uint64_t size = call_arg(call, 3);
	struct place place;
	char link[40];

	if (call_int(call, 4) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	if (size > sizeof(attributes)) {
		call_fail(call, E2BIG);
		return;
	}
	place_init(&place);
	if (lookup(call, call_int(call, 0), 1, lookup_flags(call_int(call, 4)),
		   &place) == 0) {
		if (syscall(NR_file_getattr, AT_FDCWD,
			    admit_own_link(place.fd, link), attributes, size,
			    0))
			call_fail(call, errno);
		else
			lookup_write(call, call_arg(call, 2), attributes, size,
				     0);
	}
	place_close(&place);
}

/* ---------------------------------------------------------- directories -- */

void call_chdir(struct call *call)
{
	struct place place;

	place_init(&place);
	if (lookup(call, AT_FDCWD, 0, PATH_FOLLOW, &place) == 0) {
		int error = 0;

		admit_metadata(call, &place);
		if (!S_ISDIR(place.stat.st_mode))
			error = -ENOTDIR;
		else if (admit_named(call, &place))
			call_continue(call);
		else
			error = tracer_chdir(call, place.fd, !place.standin);
		if (error)
			call_result(call, error);
	}
	place_close(&place);
}

void call_getcwd(struct call *call)
{
	auto_fd directory = tracee_cwd(call->tid);
	char path[PLACE_PATH];
	bool standin = false;
	ssize_t length = directory < 0 ? directory
				       : path_of_own_fd(call, directory, path,
							sizeof(path), &standin);

	/* Only of a stand-in does the kernel tell another name. */
	if (length < 0 || !standin) {
		call_continue(call);
		return;
	}
	size_t size = (size_t)length + 1;

	if (call_arg(call, 1) < size)
		call_fail(call, ERANGE);
	else
		lookup_write(call, call_arg(call, 0), path, size,
			     (int64_t)size);
}

void call_inotify_add_watch(struct call *call)
{
	uint32_t mask = (uint32_t)call_int(call, 2);
	auto_fd instance = call_take_fd(call, call_int(call, 0));
	char link[40];
	struct place place;

	if (mask == 0) {
		call_fail(call, EINVAL);
		return;
	}
	if (instance < 0) {
		call_result(call, instance);
		return;
	}
	place_init(&place);
	if (lookup(call, AT_FDCWD, 1, mask & IN_DONT_FOLLOW ? 0 : PATH_FOLLOW,
		   &place) == 0) {
		int error = admit(call, ACTION_READ, &place);

		if (!error && (mask & IN_ONLYDIR) &&
		    !S_ISDIR(place.stat.st_mode))
			error = -ENOTDIR;
		if (!error) {
			error = inotify_add_watch(
				instance, admit_own_link(place.fd, link),
				mask & ~(uint32_t)(IN_DONT_FOLLOW |
						   IN_ONLYDIR));
			if (error < 0)
				error = -errno;
		}
		call_result(call, error);
	}
	place_close(&place);
}

void call_name_to_handle_at(struct call *call)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} out;
	int flags = call_int(call, 4);
	int mount_id[2] = {0};
	struct place place;

	/* AT_HANDLE_MNT_ID_UNIQUE, AT_HANDLE_CONNECTABLE, AT_HANDLE_FID. */
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | 1 | 2 | 0x200)) {
		call_fail(call, EINVAL);
		return;
	}
	if (call_read(call, call_arg(call, 2), &out.handle,
		      sizeof(out.handle))) {
		call_fail(call, EFAULT);
		return;
	}
	if (out.handle.handle_bytes > MAX_HANDLE_SZ) {
		call_fail(call, EINVAL);
		return;
	}
	unsigned walk = (flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0U) |
			(flags & AT_EMPTY_PATH ? PATH_EMPTY : 0U);
	/* AT_HANDLE_MNT_ID_UNIQUE, Linux 6.12: the id has 64 bits. */
	size_t id_size = flags & 1 ? sizeof(uint64_t) : sizeof(int);

	place_init(&place);
	if (lookup(call, call_int(call, 0), 1, walk, &place) == 0) {
		int how = (flags & ~AT_SYMLINK_FOLLOW) | AT_EMPTY_PATH;
		int error = name_to_handle_at(place.fd, "", &out.handle,
					      mount_id, how)
				    ? -errno
				    : 0;

		if ((error == 0 || error == -EOVERFLOW) &&
		    (call_write(
			     call, call_arg(call, 2), &out,
			     sizeof(out.handle) +
				     (error ? 0 : out.handle.handle_bytes)) ||
		     call_write(call, call_arg(call, 3), mount_id, id_size)))
			error = -EFAULT;
		call_result(call, error);
	}
	place_close(&place);
}
