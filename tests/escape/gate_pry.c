#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/gate_call.h"
#include "tests/escape/served.h"

static const char secret[] = "TOPSECRET\n";

int gate_hold(const char *directory)
{
	const size_t length = sizeof(secret) - 1;
	int ends[2], memory = memfd_create("held", MFD_CLOEXEC);
	int nameless = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char byte;

	if (nameless < 0) {
		nameless = open(in(directory, "held"),
				O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		unlink(in(directory, "held"));
	}
	if (memory < 0 || nameless < 0 || pipe2(ends, O_CLOEXEC) ||
	    pwrite(memory, secret, length, 0) != (ssize_t)length ||
	    pwrite(nameless, secret, length, 0) != (ssize_t)length ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, memory, 0) == MAP_FAILED)
		return 99;
	for (int i = 0; i < 64; i++)
		if (write(ends[1], secret, length) != (ssize_t)length)
			return 99;
	printf("%d\n", getpid());
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

/* Closes it. */
static bool tells(long fd)
{
	char text[512] = "";
	ssize_t n = fd < 0 ? -1 : pread((int)fd, text, 500, 0);

	if (n < 0 && fd >= 0)
		n = read((int)fd, text, 500);
	if (fd >= 0)
		close((int)fd);
	return n > 0 && strstr(text, "TOPSECRET");
}

static void pry(const char *what, const char *path)
{
	static const int flags[] = {
		O_RDONLY | O_NONBLOCK,
		O_RDWR | O_NONBLOCK,
		O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
		O_RDONLY | O_NONBLOCK | O_CREAT,
		O_RDONLY | O_NONBLOCK | O_DIRECTORY,
		O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW,
		O_RDONLY | O_NONBLOCK | O_NOATIME | O_LARGEFILE,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (tells(open_at_gate(path, flags[i]))) {
			printf("pried: %s\n", what);
			return;
		}
	}
}

/* -- a call that is decided about, and whose path is another afterwards -------
 */

struct turning {
	char path[64], plain[64], there[64];
	atomic_bool stop;
};

static void *turn(void *context)
{
	struct turning *turning = context;

	while (!atomic_load(&turning->stop)) {
		for (int i = 0; i < 2; i++) {
			memcpy(turning->path,
			       i ? turning->there : turning->plain,
			       sizeof(turning->path));
			for (volatile int spin = 0; spin < 2000; spin++)
				;
		}
	}
	return NULL;
}

static void pry_turned(const char *pid, int number)
{
	struct turning turning = {.plain = "/usr/bin/env"};
	pthread_t thread;
	bool got = false;

	snprintf(turning.there, sizeof(turning.there), "/proc/%s/fd/%d", pid,
		 number);
	memcpy(turning.path, turning.plain, sizeof(turning.path));
	if (pthread_create(&thread, NULL, turn, &turning))
		return;
	for (int i = 0; i < 300 && !got; i++)
		got = tells(served(SYS_openat, AT_FDCWD, (long)turning.path,
				   O_RDONLY | O_NONBLOCK, 0, 0));
	atomic_store(&turning.stop, true);
	pthread_join(thread, NULL);
	if (got)
		printf("pried: a path that is turned\n");
}

static void pry_maps(const char *pid)
{
	char path[1024], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, " ")] = '\0';
		snprintf(path, sizeof(path), "/proc/%s/map_files/%s", pid,
			 line);
		if (strstr(line + strlen(line) + 1, "held"))
			pry("map_files", path);
	}
	if (maps)
		fclose(maps);
}

int gate_pry(const char *pid)
{
	static const char *const ways[] = {
		"/proc/%s/fd/%d",
		"/proc/%s/task/%s/fd/%d",
		"/proc/%s/fd/%d/",
		"/proc/%s/fd/%d/.",
		"/proc/%s/cwd/../../../../../../../../proc/%s/fd/%d",
		"/proc/self/root/proc/%s/fd/%d",
	};
	char path[256];

	for (int fd = 3; fd < 12; fd++) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
			if (i == 1 || i == 4)
				snprintf(path, sizeof(path), ways[i], pid, pid,
					 fd);
			else
				snprintf(path, sizeof(path), ways[i], pid, fd);
			pry(ways[i], path);
		}
		/* Links of ours that lead there. */
		snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, fd);
		unlink("turned");
		if (symlink(path, "turned") == 0)
			pry("a link", "turned");
		snprintf(path, sizeof(path), "/proc/%s/fd", pid);
		unlink("turned");
		if (symlink(path, "turned") == 0) {
			snprintf(path, sizeof(path), "turned/%d", fd);
			pry("a link to the directory", path);
		}
		unlink("turned");
		pry_turned(pid, fd);
	}
	pry_maps(pid);
	return 0;
}
