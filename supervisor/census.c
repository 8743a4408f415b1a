#include "supervisor/census.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/tracee.h"

/* The fields of /proc/PID/stat that count; see proc(5). The name, which may
 * hold anything, ends at the last ')'. */
static int read_stat(pid_t pid, struct census_member *member)
{
	char text[1024], state;
	uint64_t user, kernel;
	int64_t children_user, children_kernel;
	int parent;
	auto_fd fd = tracee_proc_open(pid, "stat", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return -ESRCH;
	text[length] = '\0';
	const char *rest = strrchr(text, ')');

	if (!rest ||
	    sscanf(rest + 1,
		   " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		   " %" SCNu64 " %" SCNd64 " %" SCNd64
		   " %*d %*d %*d %*d %" SCNu64,
		   &state, &parent, &user, &kernel, &children_user,
		   &children_kernel, &member->start) != 7)
		return -ESRCH;
	member->pid = pid;
	member->parent = parent;
	member->ticks = user + kernel + (uint64_t)children_user +
			(uint64_t)children_kernel;
	member->memory = 0;
	member->zombie = state == 'Z' || state == 'X';
	member->member = false;
	return 0;
}

/* A line of /proc/PID/status in kB, as bytes. */
static uint64_t line_bytes(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static uint64_t read_memory(pid_t pid)
{
	char text[4096];
	auto_fd fd = tracee_proc_open(pid, "status", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	/* The name comes first and may hold anything but a newline. */
	return line_bytes(text, "\nRssAnon:") + line_bytes(text, "\nRssShmem:");
}

static int add(struct census *census, pid_t pid)
{
	if (census->count == census->room) {
		size_t room = census->room ? 2 * census->room : 512;
		struct census_member *more =
			realloc(census->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		census->list = more;
		census->room = room;
	}
	if (read_stat(pid, &census->list[census->count]) == 0)
		census->count++;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct census_member *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct census_member *find(const struct census *census, pid_t pid)
{
	const struct census_member key = {.pid = pid};

	return bsearch(&key, census->list, census->count, sizeof(key), by_pid);
}

/* Numbers wrap, so a child may stand before its parent: until nothing is found
 * any more. Mostly that is two rounds. */
static void mark(struct census *census, pid_t supervisor)
{
	bool found = true;

	while (found) {
		found = false;
		for (size_t i = 0; i < census->count; i++) {
			struct census_member *one = &census->list[i];

			if (one->member)
				continue;
			const struct census_member *parent =
				find(census, one->parent);

			one->member = one->parent == supervisor ||
				      (parent && parent->member);
			found = found || one->member;
		}
	}
}

/* Only the session's stay in the list. */
static void keep_members(struct census *census, bool memory)
{
	size_t kept = 0;

	for (size_t i = 0; i < census->count; i++) {
		struct census_member *one = &census->list[i];

		if (!one->member)
			continue;
		if (memory && !one->zombie)
			one->memory = read_memory(one->pid);
		census->memory += one->memory;
		census->ticks += one->ticks;
		census->alive += !one->zombie;
		census->list[kept++] = *one;
	}
	census->count = kept;
}

int census_take(struct census *census, pid_t supervisor, bool memory)
{
	DIR *proc = opendir("/proc");
	int error = proc ? 0 : -errno;

	census->count = census->alive = 0;
	census->ticks = census->memory = 0;
	for (struct dirent *entry; !error && (entry = readdir(proc));)
		if (isdigit((unsigned char)entry->d_name[0]))
			error = add(census,
				    (pid_t)strtol(entry->d_name, NULL, 10));
	if (proc)
		closedir(proc);
	if (error)
		return error;
	if (census->count > 0)
		qsort(census->list, census->count, sizeof(*census->list),
		      by_pid);
	mark(census, supervisor);
	keep_members(census, memory);
	return 0;
}

void census_free(struct census *census)
{
	free(census->list);
	*census = (struct census){0};
}

int census_kill(const struct census_member *member)
{
	struct census_member now;
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, member->pid, 0);

	if (pidfd < 0)
		return -errno;
	/* Held by the descriptor now: is it still the one that was counted? */
	if (read_stat(member->pid, &now) || now.start != member->start)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) ? -errno
								       : 0;
}
