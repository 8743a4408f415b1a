/*
 * What the supervisor's small steps cost on this machine, and what can be
 * opened through /proc/TID/fd. Claims: an O_PATH open of another thread's
 * /proc/TID/fd/N gives every kind, sockets too, which cannot be opened
 * otherwise (ENXIO); pidfd_open of a thread that is no leader needs
 * PIDFD_THREAD (6.9).
 */
#include "trial.h"
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

#define ROUNDS 4000

static struct trial_times times;
static char names[4][64];
static char memory[256];

/* Time one statement ROUNDS times and print its median. */
#define COST(what, statement)                                                  \
	do {                                                                   \
		times.n = 0;                                                   \
		for (int i_ = 0; i_ < ROUNDS; i_++) {                          \
			double begin_ = trial_now_us();                        \
			statement;                                             \
			trial_note(&times, begin_);                            \
		}                                                              \
		printf("%-52s %6.2f us\n", what,                               \
		       trial_percentile(&times, 50));                          \
	} while (0)

static void read_file(const char *name)
{
	char text[2048];
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	CLAIM(read(fd, text, sizeof(text)) > 0);
	close(fd);
}

static void read_link(const char *name)
{
	char text[256];

	CLAIM(readlink(name, text, sizeof(text)) > 0);
}

static void path_fd(const char *name)
{
	int fd = open(name, O_PATH | O_CLOEXEC);

	CLAIM(fd >= 0);
	close(fd);
}

static void resolve(const char *name, uint64_t how)
{
	struct open_how h = {.flags = O_PATH | O_CLOEXEC, .resolve = how};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, name, &h, sizeof(h));

	CLAIM(fd >= 0);
	close(fd);
}

static void fetch(pid_t pid, int fd)
{
	int pidfd = pidfd_open(pid, 0), copy = pidfd_getfd(pidfd, fd, 0);

	CLAIM(copy >= 0);
	close(copy);
	close(pidfd);
}

static void *thread_tid(void *argument)
{
	*(_Atomic pid_t *)argument = (pid_t)syscall(SYS_gettid);
	pause();
	return NULL;
}

/* Which descriptors of the child an O_PATH open of /proc/TID/fd/N gives. */
static void what_opens(pid_t child)
{
	static const char *const kinds[] = {"directory", "socket", "pipe",
					    "file"};

	for (int i = 0; i < 4; i++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "/proc/%d/fd/%d", child, 100 + i);
		fd = open(name, O_PATH | O_CLOEXEC);
		CLAIM(fd >= 0);
		printf("O_PATH of another's %-10s %s", kinds[i], "given");
		close(fd);
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		printf("; O_RDONLY %s\n", fd < 0 ? strerror(errno) : "given");
		CLAIM(i != 1 || (fd < 0 && errno == ENXIO));
		close(fd);
	}
}

static int getppid_many(void *argument)
{
	for (int i = 0; i < *(int *)argument; i++)
		getppid();
	return 0;
}

static void round_trip(const char *what, unsigned long flags)
{
	static const int trapped[] = {SYS_getppid};
	int n = ROUNDS * 5;
	struct trial t = trial_start(getppid_many, &n, trapped, 1);
	struct seccomp_notif call;
	double begin = trial_now_us();

	if (ioctl(t.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags))
		printf("no synchronous wake-up here (%s)\n", strerror(errno));
	for (int i = 0; i < n; i++) {
		memset(&call, 0, sizeof(call));
		CLAIM(!ioctl(t.listener, SECCOMP_IOCTL_NOTIF_RECV, &call));
		trial_answer(t.listener, call.id, 1, 0, 0);
	}
	printf("%-52s %6.2f us\n", what, (trial_now_us() - begin) / n);
	CLAIM(trial_reap(t.pid) == 0);
	close(t.listener);
}

static void thread_pidfds(void)
{
	_Atomic pid_t tid = 0;
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, thread_tid, &tid);
	while (!tid)
		sched_yield();
	fd = pidfd_open(tid, 0);
	printf("pidfd_open of a thread, plain: %s\n",
	       fd < 0 ? strerror(errno) : "given");
	CLAIM(fd < 0);
	fd = pidfd_open(tid, PIDFD_THREAD);
	printf("pidfd_open of a thread, PIDFD_THREAD: %s\n",
	       fd < 0 ? strerror(errno) : "given");
	CLAIM(fd >= 0 || errno == EINVAL);
}

int main(void)
{
	int ends[2], pipes[2], kept;
	char text[2048];
	pid_t child;

	trial_begin(60);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		dup2(open("/usr", O_RDONLY), 100);
		dup2(socket(AF_INET, SOCK_STREAM, 0), 101);
		CLAIM(!pipe(pipes));
		dup2(pipes[0], 102);
		dup2(open("/etc/passwd", O_RDONLY), 103);
		raise(SIGSTOP);
		_exit(0);
	}
	CLAIM(waitpid(child, ends, WUNTRACED) == child);
	what_opens(child);
	thread_pidfds();
	snprintf(names[0], 64, "/proc/%d/cwd", child);
	snprintf(names[1], 64, "/proc/%d/status", child);
	snprintf(names[2], 64, "/proc/%d/fd/100", child);
	snprintf(names[3], 64, "/proc/self/fd/%d", open("/usr", O_PATH));
	COST("an empty measurement", (void)0);
	COST("process_vm_readv of 256 bytes",
	     CLAIM(!trial_peek(child, (uintptr_t)memory, memory, 256)));
	COST("open(/proc/TID/cwd, O_PATH), close", path_fd(names[0]));
	COST("open(/proc/TID/fd/N, O_PATH), close", path_fd(names[2]));
	COST("readlink(/proc/self/fd/N)", read_link(names[3]));
	COST("readlink(/proc/TID/cwd)", read_link(names[0]));
	COST("read of /proc/TID/status", read_file(names[1]));
	kept = open(names[1], O_RDONLY | O_CLOEXEC);
	COST("the same, kept open, by pread",
	     CLAIM(pread(kept, text, sizeof(text), 0) > 0));
	COST("pidfd_open, pidfd_getfd, close both", fetch(child, 103));
	COST("open(/usr/include/stdio.h, O_PATH), close",
	     path_fd("/usr/include/stdio.h"));
	COST("openat2 of it with RESOLVE_NO_SYMLINKS, close",
	     resolve("/usr/include/stdio.h", RESOLVE_NO_SYMLINKS));
	COST("the same with RESOLVE_CACHED",
	     resolve("/usr/include/stdio.h",
		     RESOLVE_NO_SYMLINKS | RESOLVE_CACHED));
	COST("umask twice", (umask(022), umask(022)));
	kill(child, SIGKILL);
	round_trip("notification round trip", 0);
	round_trip("the same with synchronous wake-up",
		   SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	return TRIAL_HOLDS;
}
