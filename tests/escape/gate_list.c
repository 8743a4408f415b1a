/*
 * Hostile code at the gate again: it lists directories. Of one in which
 * something is hidden it has a descriptor, by each way that there is to one,
 *and must not find the name. See gate_list.sh, which lays out
 *
 *	hid/SECRETNAME   hidden
 *	open/            in the fence
 *
 * Usage: gate_list DIRECTORY [TRIES]; gate_list DIRECTORY hand PROGRAM: open
 *it, and have the program tried with it; gate_list DIRECTORY given NUMBER: list
 * what is open as that. Prints FAILED: for what it got.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/gate_call.h"

#define SECRET "SECRETNAME"

enum { NUMBERS = 1100 };

static int failed;
static char hid[2048], top[2048];

/* Does listing it at the gate tell the name? */
static bool lists(long fd)
{
	char bytes[8192];
	long got;

	if (fd < 0)
		return false;
	(void)lseek((int)fd, 0, SEEK_SET);
	while ((got = gate(SYS_getdents64, fd, bytes, sizeof(bytes))) > 0)
		if (memmem(bytes, (size_t)got, SECRET, strlen(SECRET)))
			return true;
	return false;
}

static void try(const char *way, long fd)
{
	if (lists(fd) ||
	    (fd >= 0 && lists((long)(UINT64_C(0xdead) << 32 | (uint64_t)fd)))) {
		printf("FAILED: %s: listed as %ld\n", way, fd);
		failed = 1;
	}
}

static void try_and_close(const char *way, long fd)
{
	try(way, fd);
	if (fd >= 0)
		close((int)fd);
}

static int served(void)
{
	return open(hid, O_RDONLY | O_DIRECTORY);
}

/* --------------------------------------------------------- duplicating -- */

static void by_duplicates(int fd)
{
	static const int least[] = {0, 3, 7, 199, 200, 300};

	try("dup", dup(fd));
	try("dup at the gate", gate(SYS_dup, fd));
	try("dup of a high half",
	    syscall(SYS_dup, UINT64_C(1) << 32 | (unsigned)fd));
	for (int to = 0; to < 12; to += 11) {
		try("dup2", dup2(fd, to));
		try("dup3", dup3(fd, to, O_CLOEXEC));
		try("dup3 at the gate", gate(SYS_dup3, fd, to, 0));
		try("after all that", to);
	}
	for (size_t i = 0; i < sizeof(least) / sizeof(*least); i++) {
		try("F_DUPFD", fcntl(fd, F_DUPFD, least[i]));
		try("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, least[i]));
		try("F_DUPFD at the gate",
		    gate(SYS_fcntl, fd, F_DUPFD, least[i]));
		try("F_DUPFD of high halves",
		    syscall(SYS_fcntl, UINT64_C(7) << 32 | (unsigned)fd,
			    UINT64_C(7) << 32 | F_DUPFD, least[i]));
	}
	/* Down again, from a copy. */
	int copy = dup(fd);

	try("dup2 of a copy", dup2(copy, 9));
	try("the same, to itself", dup2(copy, copy));
}

/* ------------------------------------------------------------- sending -- */

static int receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(socket, &message, MSG_DONTWAIT) > 0 &&
	    CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void by_messages(int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec data = {(char[]){'x'}, 1};
	struct mmsghdr many = {.msg_hdr = {.msg_iov = &data,
					   .msg_iovlen = 1,
					   .msg_control = &control,
					   .msg_controllen = sizeof(control)}};
	int pair[2];

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	sendmsg(pair[0], &many.msg_hdr, 0);
	try("sendmsg", receive(pair[1]));
	sendmmsg(pair[0], &many, 1, 0);
	try("sendmmsg", receive(pair[1]));
	gate(SYS_sendmsg, pair[0], &many.msg_hdr, 0);
	try("sendmsg at the gate", receive(pair[1]));
}

/* --------------------------------------------------------------- paths -- */

static void by_paths(int fd)
{
	static const char *const ways[] = {
		"/proc/self/fd/%d", "/proc/self/fd/%d/.",
		"/proc/thread-self/fd/%d", "/dev/fd/%d",
		"/proc/self/fd/%d/../hid"};
	static const int flags[] = {O_RDONLY, O_RDONLY | O_DIRECTORY,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
				    O_RDONLY | O_NOATIME};
	char path[128];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		for (size_t j = 0; j < sizeof(ways) / sizeof(*ways); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(path, sizeof(path), ways[j], fd);
#pragma GCC diagnostic pop
			try_and_close(ways[j], open_at_gate(path, flags[i]));
			try_and_close(ways[j], open(path, flags[i]));
		}
		try_and_close("its own path", open_at_gate(hid, flags[i]));
		try_and_close("from it",
			      gate(SYS_openat, fd, ".", flags[i], 0));
		try_and_close("from it, served", openat(fd, ".", flags[i]));
		try_and_close("below it, and up",
			      openat(fd, "below/..", flags[i]));
	}
	int named = open(hid, O_PATH | O_DIRECTORY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
	try("O_PATH", named);
	try_and_close("O_PATH, opened at the gate",
		      open_at_gate(path, O_RDONLY | O_DIRECTORY));
	try_and_close("O_PATH, opened", open(path, O_RDONLY | O_DIRECTORY));
	close(named);
	if (fchdir(fd) == 0) {
		try_and_close("fchdir", open_at_gate(".", O_RDONLY));
		try_and_close("fchdir, served", open(".", O_RDONLY));
		try_and_close("/proc/self/cwd",
			      open_at_gate("/proc/self/cwd", O_RDONLY));
		(void)!chdir(top);
	}
}

/* Into a tree of the fence, and listed there. */
static void by_renaming(void)
{
	char to[2100];

	snprintf(to, sizeof(to), "%s/open/moved", top);
	(void)rename(hid, to);
	gate(SYS_renameat2, AT_FDCWD, hid, AT_FDCWD, to, 0);
	try_and_close("renaming it", open_at_gate(to, O_RDONLY));
	(void)rename(to, hid);
	(void)!symlink(hid, to);
	try_and_close("a link to it", open_at_gate(to, O_RDONLY));
	try_and_close("a link to it, served", open(to, O_RDONLY));
	unlink(to);
}

/* What opens or fetches without a path. */
static void by_other_calls(int fd)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[128];
	} room = {.handle = {.handle_bytes = 128}};
	int mount, self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	try("pidfd_getfd", syscall(SYS_pidfd_getfd, self, fd, 0));
	if (name_to_handle_at(fd, "", &room.handle, &mount, AT_EMPTY_PATH) == 0)
		try("open_by_handle_at",
		    open_by_handle_at(fd, &room.handle, O_RDONLY));
	if (syscall(SYS_fanotify_init, 0, O_RDONLY) >= 0) {
		printf("FAILED: fanotify\n");
		failed = 1;
	}
	close(self);
}

/* ----------------------------------------------------------- processes -- */

static void by_children(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		failed = 0;
		try("a child", fd);
		by_duplicates(fd);
		_exit(failed);
	}
	int status = 0;

	waitpid(pid, &status, 0);
	failed |= status != 0;
}

/* With as few descriptors as a process may have, and with all in use. */
static void by_limits(void)
{
	static const rlim_t limits[] = {20, 150, 199, 200, 201, 220, 1000};
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct rlimit limit;

		failed = 0;
		getrlimit(RLIMIT_NOFILE, &limit);
		for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
			limit.rlim_cur = limits[i];
			if (limit.rlim_max < limit.rlim_cur ||
			    setrlimit(RLIMIT_NOFILE, &limit))
				continue;
			int fd = served();

			try("a low limit", fd);
			if (fd >= 0)
				try("a copy, with a low limit", dup(fd));
			while (dup(0) >= 0)
				;
			try("a full table", served());
			for (int number = 3; number < NUMBERS; number++) {
				try("whatever is there", number);
				close(number);
			}
		}
		_exit(failed);
	}
	waitpid(pid, &status, 0);
	failed |= status != 0;
}

/* -------------------------------------------------------------- the race -- */

static atomic_bool over, seen;

/* Whatever comes to be open below the numbers that are served. */
static void *look(void *unused)
{
	char bytes[4096];

	(void)unused;
	while (!atomic_load(&over))
		for (int fd = 0; fd < 240; fd++) {
			long got =
				gate(SYS_getdents64, fd, bytes, sizeof(bytes));

			if (got > 0 && fd < 200 &&
			    memmem(bytes, (size_t)got, SECRET, strlen(SECRET)))
				atomic_store(&seen, true);
		}
	return NULL;
}

static void racing(int tries)
{
	pthread_t other;

	if (pthread_create(&other, NULL, look, NULL))
		exit(99);
	for (int i = 0; i < tries; i++) {
		int fd = served();
		int copy = dup(fd);

		(void)dup2(fd, 100);
		(void)dup2(i % 2 ? 0 : fd, 210);
		close(copy);
		close(fd);
	}
	atomic_store(&over, true);
	pthread_join(other, NULL);
	if (atomic_load(&seen)) {
		printf("FAILED: by a thread\n");
		failed = 1;
	}
}

/* ----------------------------------------------------------------- main -- */

/* The gate is one: else the above would show nothing. And who lists as programs
 * do has the names that are not hidden. */
static void passing(void)
{
	char path[2100], bytes[4096];
	const struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "%s/open", top);
	long fd = open_at_gate(path, O_RDONLY | O_DIRECTORY);
	DIR *directory = opendir(hid);

	if (fd >= 0 && gate(SYS_getdents64, fd, bytes, sizeof(bytes)) > 0 &&
	    memmem(bytes, sizeof(bytes), "plain", 5))
		printf("lists in the fence\n");
	while (directory && (entry = readdir(directory)))
		found |= strcmp(entry->d_name, "below") == 0;
	if (!found) {
		printf("FAILED: not listed at all\n");
		failed = 1;
	}
}

static int hand_on(const char *program)
{
	char number[16];
	int fd = served();

	snprintf(number, sizeof(number), "%d", fd);
	execl(program, program, top, "given", number, (char *)NULL);
	return 99;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 99;
	setvbuf(stdout, NULL, _IONBF, 0);
	snprintf(top, sizeof(top), "%s", argv[1]);
	snprintf(hid, sizeof(hid), "%s/hid", argv[1]);
	if (argc == 4 && strcmp(argv[2], "hand") == 0)
		return hand_on(argv[3]);
	if (gate_map())
		return 99;
	if (argc == 4 && strcmp(argv[2], "given") == 0) {
		try("what was given", atoi(argv[3]));
		return failed;
	}
	int fd = served();

	if (fd < 0 || chdir(top))
		return 99;
	passing();
	try("as it is", fd);
	by_duplicates(fd);
	by_messages(fd);
	by_paths(fd);
	by_other_calls(fd);
	by_children(fd);
	by_limits();
	racing(argc > 2 ? atoi(argv[2]) : 500);
	by_renaming();
	return failed;
}
