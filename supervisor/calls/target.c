/*
 * What a call changes: found, admitted and pinned, by path or by descriptor,
 * and the answer to the call: change.c, xattr.c.
 */
#include "supervisor/calls/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/path.h"
#include "supervisor/terminals.h"
#include "supervisor/take_fd.h"

void target_close(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
	place_close(&target->place);
}

static int admit_target(struct call *call, struct target *target)
{
	int error = admit(call, ACTION_WRITE, &target->place);

	if (!error && S_ISCHR(target->place.stat.st_mode))
		error = terminals_guard(call, &target->place);
	return error;
}

int target_at(struct call *call, struct target *target, int dirfd,
	      unsigned index, unsigned flags)
{
	char path[PATH_MAX];
	ssize_t length = call_path(call, index, path);

	target->fd = -1;
	place_init(&target->place);
	int error = length < 0 ? (int)length
			       : path_resolve(call, dirfd, path, flags,
					      &target->place);

	if (!error)
		error = admit_target(call, target);
	if (error)
		call_result(call, error);
	else
		admit_own_link(target->place.fd, target->link);
	return error;
}

int target_of(struct call *call, struct target *target, int fd)
{
	bool standin;

	place_init(&target->place);
	target->fd = call_take_fd(call, fd);
	int error = target->fd < 0 ? target->fd : 0;

	if (!error && (fcntl(target->fd, F_GETFL) & O_PATH))
		error = -EBADF;
	if (!error && fstat(target->fd, &target->place.stat))
		error = -errno;
	if (!error) {
		struct place *place = &target->place;
		ssize_t length = path_of_own_fd(call, target->fd, place->path,
						sizeof(place->path), &standin);

		place->nameless = length == -ENOENT;
		if (length < 0 && !place->nameless)
			error = (int)length;
		place->length = strlen(place->path);
		/* What is there as a stand-in was given out as one. */
		place->standin = standin;
		place->nameless |= standin;
		if (!error && !place->nameless)
			error = path_other_name(call, place);
	}
	if (!error)
		error = admit_target(call, target);
	if (error)
		call_result(call, error);
	return error;
}

unsigned target_flags(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0U : PATH_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0U);
}

void target_finish(struct call *call, struct target *target, int result)
{
	int error = result ? -errno : 0;

	if (!error && S_ISCHR(target->place.stat.st_mode))
		terminals_changed(call, &target->place);
	call_result(call, error);
}
