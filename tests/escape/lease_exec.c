/*
 * For tests/escape/leases.sh: an exec waits for a lease (fcntl(2), F_SETLEASE)
 * of its program's loader, and another thread of its process makes a call which
 * the supervisor would have it stopped for. Prints how long the execs of other
 * programs wait meanwhile, if at all; 77: the exec never came to wait.
 *
 * lease_exec CALL PROGRAM, in a directory that has the loader as ./ld
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 400, OTHERS = 40, SHORT = 10, MICROSECOND = 1000 };

extern char **environ;

static const char *call;

/* Of the parent and the child. */
static struct {
	atomic_bool ready, execs, failed;
} * shared;

static int go[2]; /* to the other thread, of each try */

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / MICROSECOND;
}

static void run(const char *program)
{
	char *argv[] = {(char[]){"program"}, NULL};

	execve(program, argv, environ);
}

static void *sibling(void *unused)
{
	char byte;

	(void)unused;
	atomic_store(&shared->ready, true);
	if (read(go[0], &byte, 1) != 1)
		_exit(99);
	if (strcmp(call, "chdir") == 0)
		(void)!chdir("/");
	else if (strcmp(call, "path") == 0)
		(void)!open("/", O_PATH);
	else if (strcmp(call, "refused") == 0)
		(void)!open("refused", O_RDONLY);
	else
		run("/bin/true");
	pause();
	return NULL;
}

static pid_t start(const char *program, int held)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Open until the exec is through, or the process has ended. */
	fcntl(held, F_SETFD, FD_CLOEXEC);
	if (pthread_create(&thread, NULL, sibling, NULL))
		_exit(99);
	while (!atomic_load(&shared->ready))
		;
	atomic_store(&shared->execs, true);
	run(program);
	atomic_store(&shared->failed, true);
	_exit(98);
}

/* Take the lease between the supervisor's look at the loader and the kernel's.
 */
static bool take_lease(int loader, long after_us)
{
	const long start_us = now_us(), most_us = 20000;

	while (now_us() - start_us < after_us)
		;
	while (now_us() - start_us < most_us && !atomic_load(&shared->failed))
		if (fcntl(loader, F_SETLEASE, F_WRLCK) == 0)
			return true;
	return false;
}

/* How long the others took, in seconds. */
static long others(void)
{
	const long start_us = now_us();

	for (int i = 0; i < OTHERS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			run("/bin/true");
			_exit(99);
		}
		waitpid(pid, NULL, 0);
		if (chdir("."))
			return -1;
	}
	return (now_us() - start_us) / 1000000;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 99;
	call = argv[1];
	signal(SIGIO, SIG_IGN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < TRIES; i++) {
		int held[2], loader = open("ld", O_RDONLY | O_CLOEXEC);

		memset(shared, 0, sizeof(*shared));
		if (loader < 0 || pipe(held) || pipe2(go, O_CLOEXEC))
			return 99;
		pid_t pid = start(argv[2], held[1]);

		close(held[1]);
		while (!atomic_load(&shared->execs))
			;
		bool leased = take_lease(loader, i % 100 * 5);
		struct pollfd end = {.fd = held[0], .events = POLLIN};
		bool waits = leased && poll(&end, 1, 300) == 0 &&
			     !atomic_load(&shared->failed);
		long took = 0;

		if (waits) {
			if (write(go[1], "", 1) != 1)
				return 99;
			took = others();
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(loader);
		close(held[0]);
		close(go[0]);
		close(go[1]);
		if (!waits)
			continue;
		if (took < 0 || took > SHORT)
			printf("WORKED: %s: others wait, for %ld s\n", call,
			       took);
		else
			puts("nobody else waits");
		return 0;
	}
	return 77;
}
