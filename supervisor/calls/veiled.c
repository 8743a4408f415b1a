#include "supervisor/calls/veiled.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/listing.h"
#include "supervisor/session.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracer.h"

enum {
	ROOM = 32, /* numbers from VEILED_FROM on that there must be */
	/* Where the search for a free one begins. A program's own come from
	 * below, so the two do not meet while others are free; and a table of
	 * descriptors with this many is no more to copy than a page or two. */
	TOP = 1000,
};

bool veiled_may(const struct session *session)
{
	int64_t most = policy_limit(session->policy, LIMIT_FILES, NULL);
	struct rlimit limit;
	struct stat status;

	if (!session->fence || getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur < VEILED_FROM + ROOM ||
	    (most >= 0 && most < VEILED_FROM + ROOM))
		return false;
	for (int fd = 0; fd < 3; fd++)
		if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
			return false;
	return true;
}

/* Looked at anew: the position is the program's. */
static bool is_veiled(struct call *call, int fd)
{
	struct stat status;

	if (fstat(fd, &status) || !S_ISDIR(status.st_mode))
		return false;
	auto_fd again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return again < 0 || listing_differs(call, again);
}

static bool is_path(int fd)
{
	return fcntl(fd, F_GETFL) & O_PATH;
}

/* ------------------------------------------------------------- the number --
 */

/* Under it a free number is found and taken. */
static pthread_mutex_t placing = PTHREAD_MUTEX_INITIALIZER;

static bool is_free(const struct call *call, int number)
{
	struct stat status;
	char link[48];

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", call->tid, number);
	return lstat(link, &status) && errno == ENOENT;
}

/* The program's own limit now, as a number of descriptors. */
static int most_of(const struct call *call)
{
	struct rlimit limit;

	if (prlimit(call->tid, RLIMIT_NOFILE, NULL, &limit))
		return 0;
	return limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

/* Somewhere among those of veiled directories, not below `least`, or -EMFILE. */
static int find_veiled(const struct call *call, int least)
{
	int most = most_of(call), top = most < TOP ? most : TOP;
	int from = least > VEILED_FROM ? least : VEILED_FROM;

	for (int number = top - 1; number >= from; number--)
		if (is_free(call, number))
			return number;
	for (int number = from > TOP ? from : TOP; number < most; number++)
		if (is_free(call, number))
			return number;
	return -EMFILE;
}

/* The first free number that is not below `least`, or -EMFILE. */
static int find_least(const struct call *call, int least)
{
	int most = most_of(call);

	for (int number = least; number < most; number++)
		if (is_free(call, number))
			return number;
	return -EMFILE;
}

/* Are all below it in use, so that the least of all that are free is meant? */
static bool is_least(const struct call *call, int least)
{
	int number = 0;

	while (number < least && !is_free(call, number))
		number++;
	return number == least;
}

/* At the first number that is not below `least`; a veiled directory at one of
 * those for it. The kernel finds the least of all by itself. A number that is
 * found here is not the least, and so none that another thread comes to at the
 * same moment. */
static int put(struct call *call, int fd, int least, bool veiled,
	       bool close_on_exec)
{
	if (!veiled && is_least(call, least))
		return call_put_fd(call, fd, -1, close_on_exec);
	pthread_mutex_lock(&placing);
	int number = veiled ? find_veiled(call, least)
			    : find_least(call, least);

	if (number >= 0)
		number = call_put_fd(call, fd, number, close_on_exec);
	pthread_mutex_unlock(&placing);
	return number == -EBADF ? -EMFILE : number;
}

void veiled_give(struct call *call, int *fd, bool close_on_exec)
{
	if (!call->session->veils || !listing_differs(call, *fd))
		call_give_fd(call, fd, close_on_exec);
	else if (!call->answered)
		call_gave_fd(call, fd, put(call, *fd, 0, true, close_on_exec));
}

/* ------------------------------------------------------------ duplicating --
 */

/* What names a file only, no notification can install. It cannot be listed, so
 * any number will do. */
static void duplicate_path(struct call *call, int fd, int number, int least,
			   bool close_on_exec)
{
	int error = call->answered
			    ? 0
			    : tracer_duplicate_path(call, fd, number, least,
						    close_on_exec);

	if (error)
		call_result(call, error);
}

/* To the first free number that is not below `least`. */
static void duplicate(struct call *call, int least, bool close_on_exec)
{
	auto_fd fd = call_take_fd(call, call_int(call, 0));

	if (fd < 0) {
		call_result(call, fd);
	} else if (least < 0 || (least && least >= most_of(call))) {
		call_fail(call, EINVAL);
	} else if (is_path(fd)) {
		duplicate_path(call, fd, -1, least, close_on_exec);
	} else if (!call->answered) {
		int number = put(call, fd, least, is_veiled(call, fd),
				 close_on_exec);

		call_gave_fd(call, &fd, number);
	}
}

/* To that number, whatever is there. */
static void duplicate_to(struct call *call, int number, bool close_on_exec)
{
	auto_fd fd = call_take_fd(call, call_int(call, 0));

	if (fd < 0) {
		call_result(call, fd);
		return;
	}
	if (number < 0) {
		call_fail(call, EBADF);
		return;
	}
	if (is_path(fd)) {
		duplicate_path(call, fd, number, 0, close_on_exec);
		return;
	}
	if (number < VEILED_FROM && is_veiled(call, fd)) {
		call_fail(call, EACCES);
		return;
	}
	if (call->answered)
		return;
	int put = call_put_fd(call, fd, number, close_on_exec);

	if (put == -EBADF)
		call_fail(call, EBADF);
	else
		call_gave_fd(call, &fd, put);
}

void call_dup(struct call *call)
{
	duplicate(call, 0, false);
}

void call_dup2(struct call *call)
{
	int number = call_int(call, 1);

	if (number != call_int(call, 0)) {
		duplicate_to(call, number, false);
		return;
	}
	auto_fd fd = call_take_fd(call, number);

	call_result(call, fd < 0 ? fd : number);
}

void call_dup3(struct call *call)
{
	int number = call_int(call, 1), flags = call_int(call, 2);

	if ((flags & ~O_CLOEXEC) || number == call_int(call, 0))
		call_fail(call, EINVAL);
	else
		duplicate_to(call, number, flags & O_CLOEXEC);
}

void veiled_fcntl(struct call *call)
{
	duplicate(call, call_int(call, 2),
		  call_int(call, 1) == F_DUPFD_CLOEXEC);
}

/* --------------------------------------------------------------- sending -- */

int veiled_sent(struct call *call, int number, int fd)
{
	char link[40];

	if (!call->session->veils || number < VEILED_FROM || is_path(fd) ||
	    !is_veiled(call, fd))
		return fd;
	int path = open(admit_own_link(fd, link), O_PATH | O_CLOEXEC);
	int error = path < 0 ? -errno : 0;

	close(fd);
	return error ? error : path;
}
