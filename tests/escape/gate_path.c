/*
 * A path that is turned to what is hidden while it is opened with O_PATH, or
 * gone to: what such a descriptor, or working directory, is good for.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/gate_call.h"

/* The path lies where another thread writes: what the supervisor has read, and
 * what the kernel reads, if the call goes on. */
struct turning {
	char path[1024], plain[1024], hidden[1024];
	size_t size;
	atomic_bool stop;
};

static void *turn(void *context)
{
	struct turning *turning = context;

	while (!atomic_load(&turning->stop)) {
		memcpy(turning->path, turning->hidden, turning->size);
		memcpy(turning->path, turning->plain, turning->size);
	}
	return NULL;
}

static bool tells(long fd)
{
	char text[64] = "";
	ssize_t got = fd < 0 ? -1 : read((int)fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close((int)fd);
	return got > 0 && strstr(text, "TOPSECRET");
}

static bool told(const char *how, bool is)
{
	if (is)
		printf("FAILED: what a race gave: %s\n", how);
	return is;
}

/* By the gate and by the supervisor. */
static bool opens(const char *how, int at, const char *path)
{
	bool at_gate = tells(gate(SYS_openat, at, path, O_RDONLY, 0, 0));
	bool served = tells(syscall(SYS_openat, at, path, O_RDONLY, 0));

	return told(how, at_gate || served);
}

static bool lists(const char *how, int at, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY;
	long fds[] = {gate(SYS_openat, at, path, flags, 0, 0),
		      syscall(SYS_openat, at, path, flags, 0)};
	char entries[1024];
	bool failed = false;

	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		failed |= told(how, syscall(SYS_getdents64, fds[i], entries,
					    sizeof(entries)) > 0);
		close((int)fds[i]);
	}
	return failed;
}

static bool changes(int at)
{
	bool failed = told("a mode changed", fchmodat(at, "x", 0600, 0) == 0);

	failed |= told("times changed", utimensat(at, "x", NULL, 0) == 0);
	failed |= told("a directory made", mkdirat(at, "made", 0700) == 0);
	failed |= told("a file removed", unlinkat(at, "x", 0) == 0);
	return failed;
}

static bool use_file(int fd, const char *directory)
{
	char link[64], made[1100], text[64];
	bool failed = false;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	snprintf(made, sizeof(made), "%s/made", directory);
	failed |= opens("opened by its link", AT_FDCWD, link);
	failed |= opens("opened by no name", fd, "");
	if (linkat(AT_FDCWD, link, AT_FDCWD, made, AT_SYMLINK_FOLLOW) == 0) {
		failed |= opens("linked", AT_FDCWD, made);
		unlink(made);
	}
	if (linkat(fd, "", AT_FDCWD, made, AT_EMPTY_PATH) == 0) {
		failed |= opens("linked without a name", AT_FDCWD, made);
		unlink(made);
	}
	failed |= told("read", pread(fd, text, sizeof(text), 0) > 0);
	return failed;
}

static bool use_working_directory(void)
{
	char target[64];

	bool failed = opens("by the working directory", AT_FDCWD, "x");

	failed |= opens("below the working directory", AT_FDCWD, "below/x");
	failed |= opens("by the link of it", AT_FDCWD, "/proc/self/cwd/x");
	failed |= lists("the working directory", AT_FDCWD, ".");
	failed |= lists("a directory in it", AT_FDCWD, "below");
	failed |= told("a link's target in the working directory",
		       readlink("link", target, sizeof(target)) >= 0);
	return failed;
}

static bool use_link(int fd)
{
	char target[64];

	return told("its target",
		    readlinkat(fd, "", target, sizeof(target)) >= 0);
}

static bool use_directory(int fd, const char *directory)
{
	char link[64], name[96], target[64];
	bool failed = false;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	snprintf(name, sizeof(name), "%s/x", link);
	failed |= opens("below its link", AT_FDCWD, name);
	failed |= opens("below it", fd, "x");
	failed |= opens("and by way of another", fd, "below/../x");
	failed |= opens("deeper below it", fd, "below/x");
	failed |= changes(fd);
	failed |= lists("a directory in it, listed", fd, "below");
	failed |= lists("listed by its link", AT_FDCWD, link);
	failed |= lists("listed", fd, ".");
	failed |= told("a target of a link",
		       readlinkat(fd, "link", target, sizeof(target)) >= 0);
	if (fchdir(fd) == 0)
		failed |= use_working_directory();
	(void)!chdir(directory);
	return failed;
}

static bool is_hidden(const struct stat *status, const char *inode)
{
	return status->st_ino == strtoull(inode, NULL, 10);
}

static bool use(int fd, mode_t mode, const char *directory)
{
	if (S_ISDIR(mode))
		return use_directory(fd, directory);
	return S_ISLNK(mode) ? use_link(fd) : use_file(fd, directory);
}

/* Returns 1 where it was won, 2 where it was of use, too. */
static int try_descriptor(const struct turning *turning, const char *inode,
			  const char *directory, int flags)
{
	int fd = open(turning->path, O_PATH | O_CLOEXEC | flags), result = 0;
	struct stat got;

	if (fd < 0)
		return 0;
	if (fstat(fd, &got) == 0 && is_hidden(&got, inode))
		result = 1 + use(fd, got.st_mode, directory);
	close(fd);
	return result;
}

static int try_directory(const struct turning *turning, const char *inode,
			 const char *directory)
{
	struct stat got;
	int result = 0;

	if (chdir(turning->path) == 0 &&
	    gate(SYS_newfstatat, AT_FDCWD, ".", &got, 0) == 0 &&
	    is_hidden(&got, inode))
		result = 1 + use_working_directory();
	(void)!chdir(directory);
	return result;
}

int gate_turned(const char *hidden, const char *inode, const char *plain,
		const char *directory, int tries)
{
	struct turning turning = {.stop = false};
	int won = 0, result = 0;
	pthread_t thread;

	snprintf(turning.hidden, sizeof(turning.hidden), "%s", hidden);
	snprintf(turning.plain, sizeof(turning.plain), "%s", plain);
	memcpy(turning.path, turning.plain, sizeof(turning.path));
	turning.size = strlen(turning.plain) + 1;
	if (pthread_create(&thread, NULL, turn, &turning))
		return 99;
	for (int i = 0; i < tries && result < 2; i++) {
		result = i % 2 ? try_directory(&turning, inode, directory)
			       : try_descriptor(&turning, inode, directory,
						i % 4 ? O_NOFOLLOW : 0);
		won += result > 0;
	}
	atomic_store(&turning.stop, true);
	pthread_join(thread, NULL);
	printf("turned to %s: %d times\n", hidden, won);
	return result > 1;
}
