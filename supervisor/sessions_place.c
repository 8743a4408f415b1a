#include "supervisor/sessions_place.h"

#include "policy/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

int place_check_parent(int directory)
{
	struct stat st;

	if (fstat(directory, &st))
		return -errno;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	if (st.st_mode & S_ISVTX)
		return 0;
	if (st.st_mode & S_IWOTH)
		return -EPERM;
	/* Where the umask is 002, each user has a group of their own. */
	if (st.st_mode & S_IWGRP && st.st_gid != getegid() && st.st_gid != 0)
		return -EPERM;
	return 0;
}

int place_open_own(int parent, const char *name, bool create)
{
	auto_fd fd = -1;
	struct stat st;

	if (create && mkdirat(parent, name, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(parent, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if (st.st_mode & 077 && fchmod(fd, 0700))
		return -errno;
	return take_fd(&fd);
}

char *place_path(int directory)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", directory);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0 || path[0] != '/')
		return NULL;
	path[length] = '\0';
	return strdup(path);
}

/* Open a directory of which the path is the user's choice; links are fine. */
static int open_base(const char *path, bool create)
{
	auto_free char *parent = NULL;
	const char *slash = strrchr(path, '/');
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT || !create || !slash || slash == path)
		return -errno;
	parent = strndup(path, (size_t)(slash - path));
	if (!parent)
		return -ENOMEM;
	fd = open_base(parent, true);
	if (fd < 0)
		return fd;
	close(fd);
	if (slash[1] && mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int state_base(char **path)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int length;

	/* The specification: a path that is not absolute is to be ignored. */
	if (state && state[0] == '/') {
		*path = strdup(state);
		return *path ? 0 : -ENOMEM;
	}
	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(geteuid());

		if (!user || !user->pw_dir || user->pw_dir[0] != '/')
			return -ENOENT;
		home = user->pw_dir;
	}
	length = asprintf(path, "%s/.local/state", home);
	return length < 0 ? -ENOMEM : 0;
}

/* Open `first`/`second` (which may be NULL) in a base, all the user's own. */
static int open_below(int base, const char *first, const char *second,
		      bool create)
{
	auto_fd fd = -1;
	int error = place_check_parent(base);

	if (error)
		return error;
	fd = place_open_own(base, first, create);
	if (fd < 0 || !second)
		return take_fd(&fd);
	return place_open_own(fd, second, create);
}

static int open_runtime(bool create)
{
	const char *path = getenv("XDG_RUNTIME_DIR");
	auto_fd base = -1;
	struct stat st;

	if (!path || path[0] != '/')
		return -ENOENT;
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0 || fstat(base, &st))
		return -errno;
	/* The specification: the user's own, and 0700. */
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	return open_below(base, "interpose", NULL, create);
}

int place_open(enum place place, bool create)
{
	auto_free char *path = NULL;
	auto_fd base = -1;
	int error;

	if (place == PLACE_RUNTIME)
		return open_runtime(create);
	error = state_base(&path);
	if (error)
		return error;
	base = open_base(path, create);
	if (base < 0)
		return base;
	return open_below(base, "interpose",
			  place == PLACE_RUN ? "run" : "sessions", create);
}
