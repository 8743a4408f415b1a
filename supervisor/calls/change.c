/*
 * Changing what files are: mode, owner, times, flags, length. By path or on a
 * descriptor, which is a write either way: the kernel asks for no write access
 * to the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "supervisor/arch/arch.h"
#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/target.h"
#include "supervisor/calls/terminal.h"
#include "supervisor/path.h"
#include "supervisor/slow.h"

/* ----------------------------------------------------------------- mode -- */

static void serve_chmod(struct call *call, int dirfd, unsigned index,
			mode_t mode, int flags)
{
	struct target target;

	if (target_at(call, &target, dirfd, index, target_flags(flags)) == 0) {
		if (S_ISLNK(target.place.stat.st_mode))
			call_fail(call, EOPNOTSUPP);
		else
			target_finish(call, &target,
				      chmod(target.link, mode & 07777));
	}
	target_close(&target);
}

void call_chmod(struct call *call)
{
	serve_chmod(call, AT_FDCWD, 0, (mode_t)call_arg(call, 1), 0);
}

void call_fchmodat(struct call *call)
{
	serve_chmod(call, call_int(call, 0), 1, (mode_t)call_arg(call, 2), 0);
}

void call_fchmodat2(struct call *call)
{
	int flags = call_int(call, 3);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		call_fail(call, EINVAL);
	else
		serve_chmod(call, call_int(call, 0), 1,
			    (mode_t)call_arg(call, 2), flags);
}

void call_fchmod(struct call *call)
{
	struct target target;

	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(
			call, &target,
			fchmod(target.fd, (mode_t)call_arg(call, 1) & 07777));
	target_close(&target);
}

/* ---------------------------------------------------------------- owner -- */

static void serve_chown(struct call *call, int dirfd, unsigned index,
			unsigned first, int flags)
{
	struct target target;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	if (target_at(call, &target, dirfd, index, target_flags(flags)) == 0)
		target_finish(call, &target,
			      fchownat(target.place.fd, "",
				       (uid_t)call_arg(call, first),
				       (gid_t)call_arg(call, first + 1),
				       AT_EMPTY_PATH));
	target_close(&target);
}

void call_chown(struct call *call)
{
	serve_chown(call, AT_FDCWD, 0, 1, 0);
}

void call_lchown(struct call *call)
{
	serve_chown(call, AT_FDCWD, 0, 1, AT_SYMLINK_NOFOLLOW);
}

void call_fchownat(struct call *call)
{
	serve_chown(call, call_int(call, 0), 1, 2, call_int(call, 4));
}

void call_fchown(struct call *call)
{
	struct target target;

	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(call, &target,
			      fchown(target.fd, (uid_t)call_arg(call, 1),
				     (gid_t)call_arg(call, 2)));
	target_close(&target);
}

/* ---------------------------------------------------------------- times -- */

static void set_times(struct call *call, int dirfd, unsigned index, int flags,
		      const struct timespec *times)
{
	struct target target;

	if (target_at(call, &target, dirfd, index, target_flags(flags)) == 0)
		target_finish(call, &target,
			      utimensat(AT_FDCWD, target.link, times, 0));
	target_close(&target);
}

void call_utimensat(struct call *call)
{
	int flags = call_int(call, 3);
	struct timespec times[2], *given = NULL;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	if (call_arg(call, 2)) {
		if (call_read(call, call_arg(call, 2), times, sizeof(times))) {
			call_fail(call, EFAULT);
			return;
		}
		given = times;
		if (times[0].tv_nsec == UTIME_OMIT &&
		    times[1].tv_nsec == UTIME_OMIT) {
			call_return(call, 0);
			return;
		}
	}
	if (call_arg(call, 1) != 0 || call_int(call, 0) == AT_FDCWD) {
		set_times(call, call_int(call, 0), 1, flags, given);
		return;
	}
	if (flags & ~AT_EMPTY_PATH) {
		call_fail(call, EINVAL);
		return;
	}
	/* No path: the descriptor itself, as futimens(3) has it. */
	struct target target;

	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(call, &target, futimens(target.fd, given));
	target_close(&target);
}

/* Seconds and microseconds, as the older calls have them. */
static int read_timevals(struct call *call, uint64_t address,
			 struct timespec times[2])
{
	struct timeval values[2];

	if (call_read(call, address, values, sizeof(values)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (values[i].tv_usec < 0 || values[i].tv_usec >= 1000000)
			return -EINVAL;
		times[i].tv_sec = values[i].tv_sec;
		times[i].tv_nsec = values[i].tv_usec * 1000;
	}
	return 0;
}

static void serve_timevals(struct call *call, int dirfd, unsigned index,
			   unsigned at)
{
	struct timespec times[2], *given = NULL;

	if (call_arg(call, at)) {
		int error = read_timevals(call, call_arg(call, at), times);

		if (error) {
			call_result(call, error);
			return;
		}
		given = times;
	}
	set_times(call, dirfd, index, 0, given);
}

void call_utimes(struct call *call)
{
	serve_timevals(call, AT_FDCWD, 0, 1);
}

void call_futimesat(struct call *call)
{
	if (call_arg(call, 1)) {
		serve_timevals(call, call_int(call, 0), 1, 2);
		return;
	}
	struct timespec times[2], *given = NULL;
	struct target target;

	if (call_arg(call, 2)) {
		int error = read_timevals(call, call_arg(call, 2), times);

		if (error) {
			call_result(call, error);
			return;
		}
		given = times;
	}
	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(call, &target, futimens(target.fd, given));
	target_close(&target);
}

void call_utime(struct call *call)
{
	struct timespec times[2] = {0}, *given = NULL;
	struct utimbuf seconds;

	if (call_arg(call, 1)) {
		if (call_read(call, call_arg(call, 1), &seconds,
			      sizeof(seconds))) {
			call_fail(call, EFAULT);
			return;
		}
		times[0].tv_sec = seconds.actime;
		times[1].tv_sec = seconds.modtime;
		given = times;
	}
	set_times(call, AT_FDCWD, 0, 0, given);
}

/* --------------------------------------------------------------- length -- */

/* It waits for who has a lease of the file, and cannot be told not to. */
static void truncate_waiting(struct call *call, struct target *target)
{
	int result;

	if (!call->may_wait) {
		call_hand_over(call);
		return;
	}
	do
		result = truncate(target->link, (off_t)call_arg(call, 1));
	while (result && errno == EINTR && !slow_cancelled(call));
	if (result && errno == EINTR)
		call_result(call, -CALL_RESTART);
	else
		target_finish(call, target, result);
}

void call_truncate(struct call *call)
{
	struct target target;

	if ((int64_t)call_arg(call, 1) < 0) {
		call_fail(call, EINVAL);
		return;
	}
	if (target_at(call, &target, AT_FDCWD, 0, PATH_FOLLOW) == 0) {
		if (S_ISDIR(target.place.stat.st_mode))
			call_fail(call, EISDIR);
		else if (!S_ISREG(target.place.stat.st_mode))
			call_fail(call, EINVAL);
		else
			truncate_waiting(call, &target);
	}
	target_close(&target);
}

/* ------------------------------------------------------ inode attributes -- */

void call_file_setattr(struct call *call)
{
	uint64_t attributes[16] = {0};
	uint64_t size = call_arg(call, 3);
	struct target target;

	if (call_int(call, 4) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	if (size > sizeof(attributes)) {
		call_fail(call, E2BIG);
		return;
	}
	if (call_read(call, call_arg(call, 2), attributes, size)) {
		call_fail(call, EFAULT);
		return;
	}
	if (target_at(call, &target, call_int(call, 0), 1,
		      target_flags(call_int(call, 4))) == 0)
		target_finish(call, &target,
			      (int)syscall(NR_file_setattr, AT_FDCWD,
					   target.link, attributes, size, 0));
	target_close(&target);
}

/* The requests that the filter notifies: flags and attributes of an inode,
 * which succeed on a descriptor that is open for reading only. */
void call_ioctl(struct call *call)
{
	unsigned request = (unsigned)call_int(call, 1);
	struct fsxattr attributes;
	struct target target;
	int flags = 0;
	bool is_flags = request == (unsigned)FS_IOC_SETFLAGS ||
			request == (unsigned)FS_IOC32_SETFLAGS;

	if (request == (unsigned)TIOCGPTPEER) {
		call_terminal_peer(call);
		return;
	}
	if (!is_flags && request != (unsigned)FS_IOC_FSSETXATTR) {
		call_fail(call, EPERM);
		return;
	}
	if (is_flags ? call_read(call, call_arg(call, 2), &flags, sizeof(flags))
		     : call_read(call, call_arg(call, 2), &attributes,
				 sizeof(attributes))) {
		call_fail(call, EFAULT);
		return;
	}
	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(call, &target,
			      is_flags
				      ? ioctl(target.fd, request, &flags)
				      : ioctl(target.fd, request, &attributes));
	target_close(&target);
}
