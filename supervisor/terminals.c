#include "supervisor/terminals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/path.h"
#include "supervisor/tracee.h"

enum {
	MOST_OWN = 4,	  /* of the terminals it was started on */
	MOST_PTYS = 4096, /* kernel.pty.max's default */
	MAJOR_TTY = 4,	  /* virtual consoles, serial lines */
	MAJOR_AUX = 5,	  /* 0: /dev/tty, 1: the console, 2: /dev/ptmx */
	MAJOR_PTS = 136,
	MAJOR_PTS_LAST = 143,
	PTS_PER_MAJOR = 1 << 20,
};

struct terminals {
	dev_t own[MOST_OWN];
	size_t own_count;
	pthread_mutex_t lock;
	/* The time of the last change of the other end of each master that the
	 * session opened. A number is used again once its master is closed, and
	 * may then be another user's terminal: its time tells. */
	struct timespec changed[MOST_PTYS];
};

static void add_own(struct terminals *terminals, dev_t device)
{
	if (device && terminals->own_count < MOST_OWN)
		terminals->own[terminals->own_count++] = device;
}

int terminals_new(struct terminals **result)
{
	struct terminals *terminals = calloc(1, sizeof(*terminals));
	struct tracee_terminal terminal;

	if (!terminals)
		return -ENOMEM;
	pthread_mutex_init(&terminals->lock, NULL);
	if (tracee_terminal(getpid(), &terminal) == 0)
		add_own(terminals, terminal.terminal);
	for (int fd = 0; fd <= 2; fd++) {
		struct stat status;

		if (isatty(fd) && fstat(fd, &status) == 0)
			add_own(terminals, status.st_rdev);
	}
	*result = terminals;
	return 0;
}

void terminals_free(struct terminals *terminals)
{
	if (!terminals)
		return;
	pthread_mutex_destroy(&terminals->lock);
	free(terminals);
}

/* The number N of /dev/pts/N, or -1 for another device. */
static long pts_number(dev_t device)
{
	unsigned high = major(device);

	if (high < MAJOR_PTS || high > MAJOR_PTS_LAST)
		return -1;
	return (long)(high - MAJOR_PTS) * PTS_PER_MAJOR + (long)minor(device);
}

static bool is_terminal(dev_t device)
{
	return pts_number(device) >= 0 || major(device) == MAJOR_TTY ||
	       device == makedev(MAJOR_AUX, 1);
}

static bool is_own(struct terminals *terminals, const struct stat *status)
{
	long number = pts_number(status->st_rdev);

	for (size_t i = 0; i < terminals->own_count; i++)
		if (terminals->own[i] == status->st_rdev)
			return true;
	if (number < 0 || number >= MOST_PTYS)
		return false;
	pthread_mutex_lock(&terminals->lock);
	struct timespec changed = terminals->changed[number];

	pthread_mutex_unlock(&terminals->lock);
	return changed.tv_sec != 0 &&
	       changed.tv_sec == status->st_ctim.tv_sec &&
	       changed.tv_nsec == status->st_ctim.tv_nsec;
}

int terminals_guard(struct call *call, const struct place *place)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY,
					   .final = true};

	if (!is_terminal(place->stat.st_rdev) ||
	    is_own(call->session->terminals, &place->stat))
		return 0;
	call_note(call, ACTION_READ, place->path, &decision);
	return -EACCES;
}

int terminals_open(struct call *call, const struct place *place, int flags)
{
	struct tracee_terminal own, theirs;
	char path[32];

	if (!S_ISCHR(place->stat.st_mode) ||
	    place->stat.st_rdev != makedev(MAJOR_AUX, 0))
		return -ENOSYS;
	if (tracee_terminal(call->tid, &theirs) || theirs.terminal == 0)
		return -ENXIO;
	if (tracee_terminal(getpid(), &own) == 0 &&
	    own.terminal == theirs.terminal)
		return -ENOSYS;
	long number = pts_number(theirs.terminal);

	if (number < 0)
		return -ENXIO;
	snprintf(path, sizeof(path), "/dev/pts/%ld", number);
	int fd = open(path, (flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_NOCTTY |
				    O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void remember(struct terminals *terminals, long number)
{
	struct stat status;
	char path[32];

	if (number < 0 || number >= MOST_PTYS)
		return;
	snprintf(path, sizeof(path), "/dev/pts/%ld", number);
	if (lstat(path, &status))
		return;
	pthread_mutex_lock(&terminals->lock);
	terminals->changed[number] = status.st_ctim;
	pthread_mutex_unlock(&terminals->lock);
}

void terminals_opened(struct call *call, int fd)
{
	unsigned number;

	/* Only a master answers this. */
	if (ioctl(fd, TIOCGPTN, &number) == 0)
		remember(call->session->terminals, (long)number);
}

void terminals_changed(struct call *call, const struct place *place)
{
	long number = S_ISCHR(place->stat.st_mode)
			      ? pts_number(place->stat.st_rdev)
			      : -1;

	if (number >= 0 && is_own(call->session->terminals, &place->stat))
		remember(call->session->terminals, number);
}

bool terminals_takes(struct call *call, int fd)
{
	struct tracee_terminal terminal;
	struct stat status;

	if (!isatty(fd) || fstat(fd, &status) || !is_terminal(status.st_rdev))
		return false;
	if (tracee_terminal(call->tid, &terminal))
		return false;
	return terminal.terminal == 0 && terminal.session == terminal.process;
}
