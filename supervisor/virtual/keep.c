#include "supervisor/virtual/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/tree.h"

#define DEPTH_MAX 128

static int copy_directory(int from, int to, unsigned depth);

static int copy_bytes(int from, int to)
{
	char bytes[16384];

	for (;;) {
		ssize_t count = read(from, bytes, sizeof(bytes));
		int error;

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count < 0 ? -errno : 0;
		error = tree_write_all(to, bytes, (size_t)count);
		if (error)
			return error;
	}
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
	auto_fd source = -1;
	auto_fd copy = -1;
	int error;

	source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return -errno;
	copy = openat(to, name,
		      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	if (copy < 0)
		return -errno;
	error = copy_bytes(source, copy);
	if (!error && fchmod(copy, st->st_mode & 0777) < 0)
		error = -errno;
	if (!error && fsync(copy) < 0)
		error = -errno;
	return error;
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX] = "";

	if (readlinkat(from, name, target, sizeof(target) - 1) < 0)
		return -errno;
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_below(int from, const char *name, int to, const char *as,
		      unsigned depth)
{
	auto_fd source = -1;
	auto_fd copy = -1;

	if (mkdirat(to, as, 0700) < 0)
		return -errno;
	source = openat(from, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return -errno;
	copy = openat(to, as, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	return copy_directory(source, copy, depth + 1);
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	/* A program may have shut out its own user. No program runs now. */
	if ((st.st_mode & 0700) != 0700 && S_ISDIR(st.st_mode) &&
	    fchmodat(from, name, 0700, 0) < 0)
		return -errno;
	if (!(st.st_mode & 0400) && S_ISREG(st.st_mode) &&
	    fchmodat(from, name, 0600, 0) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return copy_below(from, name, to, name, depth);
	return copy_file(from, to, name, &st);
}

static int copy_directory(int from, int to, unsigned depth)
{
	struct dirent *entry;
	DIR *list;
	int fd, error = 0;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -ENOMEM;
	}
	while (!error && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			error = copy_entry(from, to, entry->d_name, depth);
	}
	closedir(list);
	return error;
}

int keep_standins(int session_directory, int state_directory)
{
	static const char name[] = "standins", partial[] = "standins.part";
	int error = tree_remove(state_directory, partial);

	if (!error &&
	    renameat(session_directory, name, state_directory, partial) < 0) {
		error = -errno;
		if (error == -EXDEV)
			error = copy_below(session_directory, name,
					   state_directory, partial, 0);
	}
	if (!error)
		error = tree_remove(state_directory, name);
	if (!error &&
	    renameat(state_directory, partial, state_directory, name) < 0)
		error = -errno;
	if (!error && fsync(state_directory) < 0)
		error = -errno;
	return error;
}
