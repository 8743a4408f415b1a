/*
 * A program is not changed by having been looked at: refused calls by the
 * hundred beside signals, stops, threads and deaths, each of which must end as
 * it would have without. The argument is a file that may not be opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static atomic_int wrong, handled, interrupted;

/* One refused call; what lives in registers and on the stack is to survive. */
static void refused(bool may_be_interrupted)
{
	unsigned long here[8];

	for (unsigned long i = 0; i < 8; i++)
		here[i] = i * 0x0101010101010101UL;
	int fd = open(path, O_RDONLY);
	int error = errno;

	if (fd < 0 && error == EINTR && may_be_interrupted) {
		interrupted++;
		return;
	}
	for (unsigned long i = 0; i < 8; i++)
		if (here[i] != i * 0x0101010101010101UL)
			wrong++;
	if (fd >= 0 || error != EACCES)
		wrong++;
}

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void under_timer(int flags, int count)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	struct itimerval timer = {{0, 500}, {0, 500}}, none = {{0, 0}, {0, 0}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < count; i++)
		refused(!(flags & SA_RESTART));
	setitimer(ITIMER_REAL, &none, NULL);
}

static void *thread(void *context)
{
	for (int i = 0; i < *(int *)context; i++)
		refused(false);
	return NULL;
}

static void in_threads(int count)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, thread, &count);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* Stopped and continued all the time, and ended by nothing but itself. */
static void stopped(int count)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		for (int i = 0; i < count; i++)
			refused(false);
		_exit(wrong ? 1 : 0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		kill(child, SIGSTOP);
		kill(child, SIGCONT);
		usleep(200);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		wrong++;
}

/* Killed at any moment: gone as ever, and by the signal that was sent. */
static void killed(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			for (;;)
				refused(false);
		usleep((useconds_t)(i * 37 % 2000));
		kill(child, SIGKILL);
		if (waitpid(child, &status, 0) != child ||
		    !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			wrong++;
	}
}

/* The other threads end with the process, wherever they are. */
static void exited(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		int status, forever = 1 << 30;
		pthread_t one;

		if (child == 0) {
			pthread_create(&one, NULL, thread, &forever);
			usleep((useconds_t)(i * 53 % 2000));
			_exit(7);
		}
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 7)
			wrong++;
	}
}

int main(int argc, char **argv)
{
	sigset_t pending;

	if (argc < 2)
		return 2;
	path = argv[1];
	for (int i = 0; i < 500; i++)
		refused(false);
	under_timer(SA_RESTART, 400);
	under_timer(0, 300);
	in_threads(125);
	stopped(200);
	killed(50);
	exited(50);
	/* A signal that was blocked is still there afterwards. */
	sigemptyset(&pending);
	sigaddset(&pending, SIGUSR1);
	sigprocmask(SIG_BLOCK, &pending, NULL);
	raise(SIGUSR1);
	refused(false);
	sigpending(&pending);
	if (!sigismember(&pending, SIGUSR1))
		wrong++;
	printf("%d wrong, %d of 300 interrupted, %s\n", atomic_load(&wrong),
	       atomic_load(&interrupted),
	       handled > 0 ? "signals came" : "no signal came");
	return wrong || !handled ? 1 : 0;
}
