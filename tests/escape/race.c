/*
 * Races between a call and what it names: another thread, a process that shares
 * the memory, or a mapping shared by two processes changes the argument while
 * the call is under way, or a process changes what lies on the disk.
 *
 *   race WAY WHAT TRIES    (negative: until the wrong one is met, at most)
 *                          WAY: thread, clone, shared; links, dirs, last
 *                          WHAT: open, openat2, stat, unlink, exec, argv, link,
 *                          dirfd (of threads only)
 *   race swap WAY          until it is killed: what WAY links, dirs or last
 *                          meets
 *
 * In the current directory, ok/ may be used and no/ may not, nor "exit 1" be an
 * argument. Prints how often the right object was met, how often the call
 * failed, and how often the wrong one was met; exits 1 where that is not 0, 3
 * where the right one was never met.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/served.h"

enum { STACK = 64 * 1024, SPIN = 300 };

struct arena {
	char path[64]; /* or an argument */
	struct open_how how;
	atomic_bool stop;
};

/* Two bytes of the path that are the one thing or the other. */
static size_t flip_at;
static const char *good = "ok", *bad = "no";

/* A number that is the one directory or the other; -1: not flipped. */
static int dirfd_ok, dirfd_no, dirfd_used = -1;

static struct arena *arena;
static long right, failed, wrong;

#define SERVED(number, one, two, three, four, five)                            \
	served(number, (long)(one), (long)(two), (long)(three), (long)(four),  \
	       (long)(five))

static void spin(void)
{
	for (volatile int i = 0; i < SPIN; i++)
		;
}

static void name(const char *two)
{
	memcpy(arena->path + flip_at, two, 2);
	atomic_signal_fence(memory_order_seq_cst);
}

static int flip(void *unused)
{
	(void)unused;
	while (!atomic_load(&arena->stop)) {
		name(bad);
		if (dirfd_used >= 0)
			dup2(dirfd_no, dirfd_used);
		arena->how.resolve = RESOLVE_NO_SYMLINKS;
		spin();
		name(good);
		if (dirfd_used >= 0)
			dup2(dirfd_ok, dirfd_used);
		arena->how.resolve = 0;
		spin();
	}
	return 0;
}

static void *flip_thread(void *unused)
{
	flip(unused);
	return NULL;
}

static bool on_disk(const char *way)
{
	return strcmp(way, "links") == 0 || strcmp(way, "dirs") == 0 ||
	       strcmp(way, "last") == 0;
}

static void start(const char *way)
{
	static char stack[STACK];
	pthread_t thread;

	if (on_disk(way))
		return; /* another process does it, outside */
	if (strcmp(way, "thread") == 0) {
		if (pthread_create(&thread, NULL, flip_thread, NULL))
			exit(2);
	} else if (strcmp(way, "clone") == 0) {
		if (clone(flip, stack + STACK, CLONE_VM | SIGCHLD, NULL) < 0)
			exit(2);
	} else {
		pid_t pid = fork();

		if (pid < 0)
			exit(2);
		if (pid == 0)
			_exit(flip(NULL));
	}
}

/* What was opened: its one line says which it is. */
static void judge_fd(int fd)
{
	char text[16] = "";

	if (fd < 0) {
		failed++;
		return;
	}
	if (read(fd, text, sizeof(text) - 1) > 0 && text[0] == 'S')
		wrong++;
	else
		right++;
	close(fd);
}

static void try_open(void)
{
	judge_fd(
		(int)SERVED(SYS_openat, AT_FDCWD, arena->path, O_RDONLY, 0, 0));
}

static void try_dirfd(void)
{
	judge_fd((int)SERVED(SYS_openat, dirfd_used, "file", O_RDONLY, 0, 0));
}

static void try_openat2(void)
{
	judge_fd((int)SERVED(SYS_openat2, AT_FDCWD, arena->path, &arena->how,
			     sizeof(arena->how), 0));
}

/* What is hidden has no metadata either; it is the larger file. */
static void try_stat(void)
{
	struct stat status;

	if (SERVED(SYS_newfstatat, AT_FDCWD, arena->path, &status, 0, 0))
		failed++;
	else if (status.st_size > 100)
		wrong++;
	else
		right++;
}

/* Only what may be written to may go. */
static void try_unlink(void)
{
	if (SERVED(SYS_unlinkat, AT_FDCWD, arena->path, 0, 0, 0))
		failed++;
	else
		right++;
	if (access("no/file", F_OK) && errno == ENOENT)
		wrong++;
	close(open("ok/file", O_CREAT | O_WRONLY, 0600));
}

static void try_link(void)
{
	struct stat status;

	if (SERVED(SYS_linkat, AT_FDCWD, arena->path, AT_FDCWD, "ok/new", 0)) {
		failed++;
		return;
	}
	if (stat("ok/new", &status) == 0 && status.st_size > 100)
		wrong++;
	else
		right++;
	unlink("ok/new");
}

/* The right one exits with 0, the wrong one with 1. A swap that wins is killed.
 */
static void run(const char *path, char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(path, argv);
		_exit(99);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == 99)
		failed++;
	else if (WEXITSTATUS(status) == 0)
		right++;
	else
		wrong++;
}

static void try_exec(void)
{
	run(arena->path, (char *[]){(char[]){"file"}, NULL});
}

static void try_argv(void)
{
	run("/bin/sh",
	    (char *[]){(char[]){"sh"}, (char[]){"-c"}, arena->path, NULL});
}

static const struct {
	const char *name;
	void (*try)(void);
} kinds[] = {
	{"open", try_open},	{"openat2", try_openat2}, {"stat", try_stat},
	{"unlink", try_unlink}, {"link", try_link},	  {"exec", try_exec},
	{"argv", try_argv},	{"dirfd", try_dirfd},
};

/* Outside of the session, as fast as the disk allows. */
static int swap(const char *way)
{
	bool last = strcmp(way, "last") == 0;

	for (unsigned i = 0;; i++) {
		if (strcmp(way, "dirs") == 0) {
			/* A directory and a link in each other's place. */
			if (syscall(SYS_renameat2, AT_FDCWD, "turn", AT_FDCWD,
				    "next", RENAME_EXCHANGE))
				return 2;
			continue;
		}
		const char *ok = last ? "ok/file" : "ok";
		const char *no = last ? "no/file" : "no";

		if (symlink(i % 2 ? no : ok, "next") || rename("next", "turn"))
			return 2;
	}
}

static void set_out(const char *way, const char *what)
{
	bool argument = strcmp(what, "argv") == 0;

	if (strcmp(what, "dirfd") == 0) {
		dirfd_ok = open("ok", O_PATH | O_CLOEXEC);
		dirfd_no = open("no", O_PATH | O_CLOEXEC);
		dirfd_used = dup(dirfd_ok);
	}
	strcpy(arena->path, argument		       ? "exit 0"
			    : strcmp(way, "last") == 0 ? "turn"
			    : on_disk(way)	       ? "turn/file"
						       : "ok/file");
	if (argument) {
		flip_at = 4;
		good = " 0";
		bad = " 1";
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "swap") == 0)
		return swap(argv[2]);
	if (argc != 4)
		return 2;
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		return 2;
	set_out(argv[1], argv[2]);
	arena->how.flags = O_RDONLY;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		if (strcmp(argv[2], kinds[k].name) != 0)
			continue;
		start(argv[1]);
		long tries = strtol(argv[3], NULL, 10);

		for (long i = labs(tries); i > 0 && (tries > 0 || !wrong); i--)
			kinds[k].try();
		/* The right one is hit seldom where two names are exchanged
		 * all the time. */
		for (long i = 50 * tries; i > 0 && !right; i--)
			kinds[k].try();
		atomic_store(&arena->stop, true);
		printf("%s %s: right %ld, failed %ld, wrong %ld\n", argv[1],
		       argv[2], right, failed, wrong);
		return wrong ? 1 : right ? 0 : 3;
	}
	return 2;
}
