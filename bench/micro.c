/*
 * The time of single system calls, as one process sees them.
 *
 * micro DIRECTORY COUNT makes each call COUNT times (what starts a program, a
 * hundredth of that) in a directory that it may fill, and prints a line a call:
 * its name, and the median and the 99th percentile in nanoseconds. The calls
 * take turns in blocks, so that other load on the machine falls on all alike.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 50, ENTRIES = 32 };

static int listed = -1; /* a directory of ENTRIES files */
static int listening = -1;
static struct sockaddr_in own;
static char *const no_environment[] = {NULL};

static int do_getpid(void)
{
	return syscall(SYS_getpid) < 0;
}

static int do_stat(void)
{
	struct stat status;

	return stat("/usr/bin/env", &status);
}

static int do_open_absolute(void)
{
	int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int do_open_relative(void)
{
	int fd = open("list/f0", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int do_access(void)
{
	return access("/usr/bin/env", R_OK);
}

static int do_readlink(void)
{
	char target[16];

	return readlink("link", target, sizeof(target)) < 0;
}

static int do_getdents(void)
{
	char entries[4096];

	if (lseek(listed, 0, SEEK_SET) < 0)
		return -1;
	return syscall(SYS_getdents64, listed, entries, sizeof(entries)) <= 0;
}

static int do_mkdir_rmdir(void)
{
	return mkdir("made", 0777) || rmdir("made");
}

static int do_rename(void)
{
	static bool there;

	there = !there;
	return there ? rename("name", "other") : rename("other", "name");
}

static int do_chdir(void)
{
	return chdir(".");
}

static int do_open_path(void)
{
	int fd = open("list", O_PATH | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* To a port of one's own. */
static int do_connect(void)
{
	int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int failed = to < 0 || connect(to, (const struct sockaddr *)&own,
				       sizeof(own));
	int from = failed ? -1 : accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (to >= 0)
		close(to);
	return from < 0 ? -1 : close(from);
}

static int do_exec(void)
{
	char *const argv[] = {(char[]){"true"}, NULL};
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, no_environment))
		return -1;
	return waitpid(pid, &status, 0) != pid || status != 0;
}

static const struct {
	const char *name;
	int (*once)(void);
	long share; /* one of so many */
} calls[] = {
	{"getpid", do_getpid, 1},
	{"stat", do_stat, 1},
	{"open+close", do_open_absolute, 1},
	{"open+close relative", do_open_relative, 1},
	{"access", do_access, 1},
	{"readlink", do_readlink, 1},
	{"getdents", do_getdents, 1},
	{"mkdir+rmdir", do_mkdir_rmdir, 1},
	{"rename", do_rename, 1},
	{"chdir", do_chdir, 5},
	{"open O_PATH+close", do_open_path, 5},
	{"connect+accept+close", do_connect, 10},
	{"fork+exec", do_exec, 100},
};

enum { CALLS = sizeof(calls) / sizeof(*calls) };

static uint32_t *times[CALLS];
static long taken[CALLS];

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static int prepare(const char *directory)
{
	char name[32];

	if (chdir(directory) || (mkdir("list", 0777) && errno != EEXIST))
		return -1;
	for (int i = 0; i <= ENTRIES; i++) {
		snprintf(name, sizeof(name), "list/f%d", i);
		if (i == ENTRIES)
			snprintf(name, sizeof(name), "name");
		int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

		if (fd < 0 || close(fd))
			return -1;
	}
	if (symlink("list", "link") && errno != EEXIST)
		return -1;
	listed = open("list", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return listed < 0 ? -1 : 0;
}

static int listen_here(void)
{
	socklen_t length = sizeof(own);

	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	own.sin_family = AF_INET;
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return listening < 0 ||
	       bind(listening, (const struct sockaddr *)&own, length) ||
	       listen(listening, BLOCK) ||
	       getsockname(listening, (struct sockaddr *)&own, &length);
}

static int run_block(size_t call, long most)
{
	for (int i = 0; i < BLOCK && taken[call] < most; i++) {
		uint64_t begin = now();

		if (calls[call].once()) {
			perror(calls[call].name);
			return -1;
		}
		times[call][taken[call]++] = (uint32_t)(now() - begin);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return (first > second) - (first < second);
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? atol(argv[2]) : 0;

	if (count < 100) {
		fprintf(stderr, "usage: micro DIRECTORY COUNT (at least 100)\n");
		return 2;
	}
	if (prepare(argv[1]) || listen_here()) {
		perror(argv[1]);
		return 1;
	}
	for (size_t i = 0; i < CALLS; i++) {
		times[i] = calloc((size_t)count, sizeof(*times[i]));
		if (!times[i])
			return 1;
	}
	for (long done = 0; done < count; done += BLOCK)
		for (size_t i = 0; i < CALLS; i++)
			if (run_block(i, (done + BLOCK) / calls[i].share))
				return 1;
	for (size_t i = 0; i < CALLS; i++) {
		size_t n = (size_t)taken[i];

		qsort(times[i], n, sizeof(*times[i]), compare);
		printf("%s\t%u\t%u\n", calls[i].name, times[i][n / 2],
		       times[i][n * 99 / 100]);
		free(times[i]);
	}
	return 0;
}
