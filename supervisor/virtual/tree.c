#include "supervisor/virtual/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"

#define DEPTH_MAX 256

bool tree_is_path(const char *path)
{
	if (path[0] != '/' || !path[1] || strlen(path) >= PATH_MAX)
		return false;
	while (*path) {
		size_t size = strcspn(++path, "/");

		if (size == 0 || size > NAME_MAX ||
		    (size == 1 && path[0] == '.') ||
		    (size == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += size;
	}
	return true;
}

int tree_write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t count = write(fd, at, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		at += count;
		length -= (size_t)count;
	}
	return 0;
}

int tree_read_all(int fd, size_t most, char **bytes, size_t *length)
{
	auto_free char *read_so_far = NULL;
	size_t room = 0, count = 0;

	for (;;) {
		ssize_t got;

		if (count == room) {
			size_t larger = room ? room * 2 : 4096;
			char *moved = malloc(larger + 1);

			if (!moved)
				return -ENOMEM;
			/* Not realloc(): it would leave real bytes behind. */
			if (count) {
				memcpy(moved, read_so_far, count);
				explicit_bzero(read_so_far, count);
			}
			free(read_so_far);
			read_so_far = moved;
			room = larger;
		}
		got = read(fd, read_so_far + count, room - count);
		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0)
			count += (size_t)got;
		if (got < 0 || count > most) {
			int error = got < 0 ? -errno : -EFBIG;

			explicit_bzero(read_so_far, count);
			return error;
		}
		if (got == 0)
			break;
	}
	read_so_far[count] = '\0';
	*bytes = take_ptr(read_so_far);
	*length = count;
	return 0;
}

/* One step down; missing directories are made where `make` is set. */
static int step(int from, const char *name, bool make, int *to)
{
	if (make && mkdirat(from, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	*to = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *to < 0 ? -errno : 0;
}

int tree_open_parent(int root, const char *path, tree_may_make *may_make,
		     void *context, int *parent, const char **name)
{
	auto_fd at = fcntl(root, F_DUPFD_CLOEXEC, 0);
	const char *from = path + 1, *slash;

	if (at < 0)
		return -errno;
	if (!tree_is_path(path))
		return -EINVAL;
	for (; (slash = strchr(from, '/')); from = slash + 1) {
		char part[NAME_MAX + 1] = {0};
		char whole[PATH_MAX] = {0};
		int next = -1;
		int error;

		memcpy(part, from, (size_t)(slash - from));
		memcpy(whole, path, (size_t)(slash - path));
		error = step(at, part, false, &next);
		if (error == -ENOENT && may_make && may_make(context, whole))
			error = step(at, part, true, &next);
		if (error)
			return error;
		close(at);
		at = next;
	}
	*parent = take_fd(&at);
	*name = from;
	return 0;
}

int tree_stat(int root, const char *path, struct stat *st)
{
	auto_fd parent = -1;
	const char *name;
	int error = tree_open_parent(root, path, NULL, NULL, &parent, &name);

	if (error)
		return error;
	return fstatat(parent, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int open_in_tree(int root, const char *path, int flags)
{
	auto_fd parent = -1;
	const char *name;
	int error = tree_open_parent(root, path, NULL, NULL, &parent, &name);
	int fd;

	if (error)
		return error;
	fd = openat(parent, name,
		    flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int tree_open_file(int root, const char *path)
{
	struct stat st;
	int fd = open_in_tree(root, path, O_NOCTTY);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

int tree_open_directory(int root, const char *path)
{
	int fd;

	if (strcmp(path, "/") != 0)
		return open_in_tree(root, path, O_DIRECTORY);
	fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int remove_below(int parent, const char *name, unsigned depth)
{
	int fd = openat(parent, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	DIR *list;
	int error = 0;

	if (fd < 0)
		return -errno;
	if (depth == DEPTH_MAX || !(list = fdopendir(fd))) {
		close(fd);
		return -ELOOP;
	}
	while (!error && (entry = readdir(list))) {
		const char *child = entry->d_name;

		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0)
			continue;
		if (unlinkat(fd, child, 0) == 0)
			continue;
		error = errno == EISDIR ? remove_below(fd, child, depth + 1)
					: -errno;
	}
	closedir(list);
	if (!error && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		error = -errno;
	return error;
}

int tree_remove(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -errno;
	return remove_below(parent, name, 0);
}
