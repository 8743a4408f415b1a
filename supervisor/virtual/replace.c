#include "supervisor/virtual/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/standin.h"
#include "supervisor/virtual/tree.h"

/* The directory that a path is in, open for fsync(). */
static int open_directory(const char *path, int *directory, const char **name)
{
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd parent = -1;
	int error;

	if (root < 0)
		return -errno;
	error = tree_open_parent(root, path, NULL, NULL, &parent, name);
	if (error)
		return error;
	*directory = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *directory < 0 ? -errno : 0;
}

int replace_read(const char *path, char **bytes, size_t *length,
		 struct stat *st)
{
	auto_fd directory = -1;
	auto_fd fd = -1;
	const char *name;
	int error = open_directory(path, &directory, &name);

	if (error)
		return error;
	fd = openat(directory, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	return tree_read_all(fd, STANDIN_FILE_MAX, bytes, length);
}

static bool is_as_read(int directory, const char *name, const struct stat *st)
{
	struct stat now;

	return fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_dev == st->st_dev && now.st_ino == st->st_ino &&
	       now.st_size == st->st_size &&
	       now.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

/*
 * Write a file beside its place, up to the disk. Its name is removed again on
 * failure; nothing is left by a full disk.
 */
static int write_beside(int directory, char name[48], const char *bytes,
			size_t length, mode_t mode, const struct stat *st)
{
	auto_fd fd = -1;
	uint64_t random;
	int error;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(name, 48, ".interpose-%016llx", (unsigned long long)random);
	fd = openat(directory, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = tree_write_all(fd, bytes, length);
	if (!error && st &&
	    (st->st_uid != geteuid() || st->st_gid != getegid()) &&
	    fchown(fd, st->st_uid, st->st_gid) < 0)
		error = -errno;
	if (!error && fchmod(fd, mode) < 0)
		error = -errno;
	if (!error && fsync(fd) < 0)
		error = -errno;
	if (error)
		unlinkat(directory, name, 0);
	return error;
}

int replace_file(const char *path, const char *bytes, size_t length,
		 const struct stat *st)
{
	auto_fd directory = -1;
	const char *name;
	char beside[48];
	int error = open_directory(path, &directory, &name);

	if (!error)
		error = write_beside(directory, beside, bytes, length,
				     st->st_mode & 07777, st);
	if (error)
		return error;
	if (!is_as_read(directory, name, st))
		error = -ESTALE;
	else if (renameat(directory, beside, directory, name) < 0)
		error = -errno;
	if (error)
		unlinkat(directory, beside, 0);
	else if (fsync(directory) < 0)
		error = -errno;
	return error;
}

int replace_create(const char *path, const char *bytes, size_t length,
		   mode_t mode)
{
	auto_fd directory = -1;
	const char *name;
	char beside[48];
	int error = open_directory(path, &directory, &name);

	if (!error)
		error = write_beside(directory, beside, bytes, length,
				     mode & 0777, NULL);
	if (error)
		return error;
	/* link() and not rename(): what came there meanwhile is kept. */
	if (linkat(directory, beside, directory, name, 0) < 0)
		error = -errno;
	unlinkat(directory, beside, 0);
	if (!error && fsync(directory) < 0)
		error = -errno;
	return error;
}

int replace_mkdir(const char *path, mode_t mode)
{
	auto_fd directory = -1;
	const char *name;
	struct stat st;
	int error = open_directory(path, &directory, &name);

	if (error)
		return error;
	if (mkdirat(directory, name, mode & 0777) == 0)
		return fsync(directory) < 0 ? -errno : 0;
	if (errno == EEXIST &&
	    fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return 0;
	return -errno;
}

int replace_remove(const char *path, const struct stat *st)
{
	auto_fd directory = -1;
	const char *name;
	int error = open_directory(path, &directory, &name);

	if (error)
		return error;
	if (!is_as_read(directory, name, st))
		return -ESTALE;
	if (unlinkat(directory, name, 0) < 0 || fsync(directory) < 0)
		return -errno;
	return 0;
}

int replace_rmdir(const char *path)
{
	auto_fd directory = -1;
	const char *name;
	int error = open_directory(path, &directory, &name);

	if (error)
		return error;
	if (unlinkat(directory, name, AT_REMOVEDIR) < 0 || fsync(directory) < 0)
		return -errno;
	return 0;
}
