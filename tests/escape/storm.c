/*
 * Many execs at once, and what may be lost with them: threads that posix_spawn,
 * execs of threads that are not the first, several threads of one process that
 * exec at once, under a timer whose signals must all come. Prints what went
 * wrong; nothing at all is right.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8 };

extern char **environ;
static int count;
static atomic_int wrong, children_heard;
static char *self;

static void heard(int number)
{
	if (number == SIGCHLD)
		atomic_fetch_add(&children_heard, 1);
}

static void expect(pid_t pid, int wanted, const char *what)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == wanted)
		return;
	if (atomic_fetch_add(&wrong, 1) < 5)
		printf("%s: %d, status %#x\n", what, got == pid, status);
}

static void *spawn_many(void *context)
{
	char number[16];
	char *words[] = {self, (char *)"exit", number, NULL};

	for (int i = 0; i < count; i++) {
		pid_t pid;
		int wanted = (i + (int)(intptr_t)context) % 100;

		snprintf(number, sizeof(number), "%d", wanted);
		int error = posix_spawn(&pid, self, NULL, NULL, words, environ);

		if (error) {
			printf("posix_spawn: %s\n", strerror(error));
			atomic_fetch_add(&wrong, 1);
			return NULL;
		}
		expect(pid, wanted, "spawned");
	}
	return NULL;
}

static void *exec_here(void *number)
{
	execl(self, self, "exit", number, NULL);
	return NULL;
}

/* All threads but the first exec; one wins, and the others are gone. */
static void exec_by(int threads)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t thread;

		for (int i = 0; i < threads; i++)
			pthread_create(&thread, NULL, exec_here, "7");
		for (;;)
			pause();
	}
	expect(pid, 7, threads > 1 ? "several at once" : "not the first");
}

static void *exec_many(void *none)
{
	(void)none;
	for (int i = 0; i < count; i++)
		exec_by(1 + i % 4);
	return NULL;
}

/* An exec that fails leaves the caller as it was. */
static void *fail_many(void *none)
{
	(void)none;
	char *words[] = {(char *)"/nowhere", NULL};

	for (int i = 0; i < count; i++) {
		pid_t pid;

		if (posix_spawn(&pid, words[0], NULL, NULL, words, environ) !=
		    ENOENT)
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS + 2];
	const struct itimerval timer = {{0, 700}, {0, 700}};
	struct sigaction action = {.sa_handler = heard, .sa_flags = SA_RESTART};

	if (argc == 3 && strcmp(argv[1], "exit") == 0)
		return atoi(argv[2]);
	self = argv[0];
	count = argc > 1 ? atoi(argv[1]) : 20;
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < THREADS + 2; i++)
		pthread_create(&threads[i], NULL,
			       i < THREADS    ? spawn_many
			       : i == THREADS ? exec_many
					      : fail_many,
			       (void *)(intptr_t)i);
	for (int i = 0; i < THREADS + 2; i++)
		pthread_join(threads[i], NULL);
	if (atomic_load(&children_heard) == 0)
		puts("no SIGCHLD came");
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		puts("a child is left");
	return atomic_load(&wrong) != 0;
}
