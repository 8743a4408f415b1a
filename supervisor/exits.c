/*
 * Theory of operation. The tracer adds processes; the thread takes those out
 * that have ended. A process that is dead and not yet waited for still has its
 * times in /proc; one that its parent was quicker to wait for has not, but from
 * Linux 6.15 on its descriptor has the status. A process id that is used again
 * is told from the former by the descriptor, which stays the dead one's.
 */
#include "supervisor/exits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/limits.h"
#include "supervisor/record.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/worker.h"
#include "supervisor/worth.h"

enum {
	BUCKETS = 1024,	     /* a power of two */
	MOST_WATCHED = 8192, /* and a quarter of what may be open */
	AT_ONCE = 32,
};

/* linux/pidfd.h of 6.15; the headers may be older than the kernel. */
struct pidfd_info_exit {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t status;
};
#define GET_INFO _IOWR(0xFF, 11, struct pidfd_info_exit)
enum { INFO_EXIT = 1 << 3 };

struct watched {
	struct watched *next;
	pid_t pid, parent;
	int fd;
	struct timespec start;
	char *exe;
};

struct exits {
	struct session *session;
	pthread_t thread;
	int epoll, ending; /* an eventfd */
	pthread_mutex_t lock;
	struct watched *buckets[BUCKETS];
	size_t count, most;
};

static struct watched **find(struct exits *exits, pid_t pid)
{
	struct watched **at = &exits->buckets[(unsigned)pid % BUCKETS];

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	return at;
}

static void watched_free(struct watched *watched)
{
	if (!watched)
		return;
	if (watched->fd >= 0)
		close(watched->fd);
	free(watched->exe);
	free(watched);
}

/* ---------------------------------------------------------------- adding -- */

static void watch(struct exits *exits, struct watched *made, int *pidfd)
{
	/* Told once: a child that is forked before the descriptor is closed has
	 * it as well, and epoll(7) would tell of it for as long. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT,
				    .data.ptr = made};
	struct watched **bucket =
		&exits->buckets[(unsigned)made->pid % BUCKETS];

	made->fd = *pidfd >= 0 ? take_fd(pidfd)
			       : (int)syscall(SYS_pidfd_open, made->pid, 0);
	if (made->fd < 0 ||
	    epoll_ctl(exits->epoll, EPOLL_CTL_ADD, made->fd, &event)) {
		watched_free(made);
		return;
	}
	made->next = *bucket;
	*bucket = made;
	exits->count++;
}

/* The same process, which runs another program from now on? */
static bool watch_again(struct exits *exits, pid_t pid, char **exe,
			const struct timespec *now)
{
	struct watched *watched;

	for (watched = *find(exits, pid); watched; watched = watched->next)
		if (watched->pid == pid &&
		    syscall(SYS_pidfd_send_signal, watched->fd, 0, NULL, 0) ==
			    0)
			break;
	if (!watched)
		return false;
	free(watched->exe);
	watched->exe = *exe;
	watched->start = *now;
	*exe = NULL;
	return true;
}

void exits_watch(struct exits *exits, pid_t pid, pid_t parent, const char *exe,
		 int *pidfd)
{
	auto_free char *copy = exits ? strdup(exe) : NULL;
	struct timespec now;

	if (!copy)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&exits->lock);
	if (!watch_again(exits, pid, &copy, &now) &&
	    exits->count < exits->most) {
		struct watched *made = calloc(1, sizeof(*made));

		if (made) {
			made->pid = pid;
			made->parent = parent;
			made->start = now;
			made->exe = copy;
			copy = NULL;
			watch(exits, made, pidfd);
		}
	}
	pthread_mutex_unlock(&exits->lock);
}

/* ---------------------------------------------------------------- ending -- */

static int user_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static bool is_waited_for(const struct watched *watched)
{
	return syscall(SYS_pidfd_send_signal, watched->fd, 0, NULL, 0) != 0;
}

/* In nanoseconds. A process's clock counts its processor time in all threads,
 * and is there until somebody has waited for it (clock_getcpuclockid(3)). */
static int64_t read_clock(const struct watched *watched)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(watched->pid, &clock) ||
	    clock_gettime(clock, &time) || is_waited_for(watched))
		return -1;
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* As wait(2) tells it: the last number of the dead process's line, while it has
 * one. */
static int read_status(const struct watched *watched)
{
	auto_fd fd = tracee_proc_open(watched->pid, "stat", O_RDONLY);
	char text[1024];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *last;
	int status;

	if (length <= 0 || is_waited_for(watched))
		return -1;
	text[length] = '\0';
	last = strrchr(text, ' ');
	if (!last || sscanf(last, "%d", &status) != 1 || status < 0)
		return -1;
	return status;
}

/* From Linux 6.15 on, once it has been waited for. */
static int kept_status(const struct watched *watched)
{
	struct pidfd_info_exit info = {.mask = INFO_EXIT};

	if (ioctl(watched->fd, GET_INFO, &info) || !(info.mask & INFO_EXIT))
		return -1;
	return info.status;
}

static void record(const struct exits *exits, const struct watched *watched)
{
	/* At once: whoever started it is waking up, too. */
	int64_t cpu = read_clock(watched);
	struct record_exit exit = {
		.pid = watched->pid,
		.parent = watched->parent,
		.exe = watched->exe,
		.cpu_ms = cpu < 0 ? cpu : cpu / 1000000,
		.status = -1,
	};
	int status = kept_status(watched);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ns =
		(now.tv_sec - watched->start.tv_sec) * INT64_C(1000000000) +
		now.tv_nsec - watched->start.tv_nsec;

	exit.ms = ns / 1000000;
	worth_end(exits->session->worth, watched->pid, cpu < 0 ? ns : cpu);
	/* It may be waited for between the looks at the one and the other. */
	if (status < 0)
		status = read_status(watched);
	if (status < 0)
		status = kept_status(watched);
	if (status >= 0)
		exit.status = user_status(status);
	/* Of the session's own program it is seen by who waits for it. */
	if (status >= 0 && WIFSIGNALED(status) &&
	    watched->pid != exits->session->program)
		limits_ended(exits->session, watched->pid, WTERMSIG(status));
	record_exit(exits->session, &exit);
}

static void take(struct exits *exits, struct watched *watched)
{
	struct watched **at;

	pthread_mutex_lock(&exits->lock);
	at = &exits->buckets[(unsigned)watched->pid % BUCKETS];
	while (*at && *at != watched)
		at = &(*at)->next;
	if (*at)
		*at = watched->next;
	exits->count--;
	pthread_mutex_unlock(&exits->lock);
	record(exits, watched);
	watched_free(watched);
}

static void *run(void *context)
{
	struct exits *exits = context;
	struct epoll_event events[AT_ONCE];
	int count, wait = -1;

	/* Told to end, it takes those that have ended before. */
	while ((count = epoll_wait(exits->epoll, events, AT_ONCE, wait))) {
		if (count < 0 && errno != EINTR)
			break;
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				take(exits, events[i].data.ptr);
			else
				wait = 0;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------- the object --
 */

static void exits_free(struct exits *exits)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct watched *at = exits->buckets[i];

		while (at) {
			struct watched *next = at->next;

			watched_free(at);
			at = next;
		}
	}
	if (exits->epoll >= 0)
		close(exits->epoll);
	if (exits->ending >= 0)
		close(exits->ending);
	pthread_mutex_destroy(&exits->lock);
	free(exits);
}

int exits_start(struct session *session, struct exits **result)
{
	struct exits *exits = calloc(1, sizeof(*exits));
	/* Once: no pointer tells it from a process. */
	struct epoll_event ending = {.events = EPOLLIN | EPOLLONESHOT};
	struct rlimit files;
	int error = 0;

	if (!exits)
		return -ENOMEM;
	exits->session = session;
	exits->most = MOST_WATCHED;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur / 4 < exits->most)
		exits->most = files.rlim_cur / 4;
	pthread_mutex_init(&exits->lock, NULL);
	exits->epoll = epoll_create1(EPOLL_CLOEXEC);
	exits->ending = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (exits->epoll < 0 || exits->ending < 0 ||
	    epoll_ctl(exits->epoll, EPOLL_CTL_ADD, exits->ending, &ending))
		error = -errno;
	if (!error)
		error = worker_thread(&exits->thread, run, exits);
	if (error) {
		exits_free(exits);
		return error;
	}
	*result = exits;
	return 0;
}

void exits_stop(struct exits *exits)
{
	uint64_t one = 1;

	if (!exits)
		return;
	(void)!write(exits->ending, &one, sizeof(one));
	pthread_join(exits->thread, NULL);
	exits_free(exits);
}
