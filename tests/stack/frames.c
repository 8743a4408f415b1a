/*
 * Opens the file of its argument, from functions that a stack is to show. With
 * a second argument, from a thread, or from the handler of a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *path;
static volatile int result;

int innermost(const char *name);
int in_between(const char *name);

__attribute__((noinline)) int innermost(const char *name)
{
	result = open(name, O_RDONLY);
	return result < 0 ? errno : 0;
}

__attribute__((noinline)) int in_between(const char *name)
{
	return innermost(name) + (result > 0);
}

static void *in_thread(void *unused)
{
	result = in_between(path);
	return unused;
}

static void in_handler(int number)
{
	(void)number;
	result = in_between(path);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	path = argv[1];
	if (argc > 2 && strcmp(argv[2], "thread") == 0) {
		pthread_create(&thread, NULL, in_thread, NULL);
		pthread_join(thread, NULL);
	} else if (argc > 2) {
		signal(SIGUSR1, in_handler);
		raise(SIGUSR1);
	} else {
		result = in_between(path);
	}
	return result == EACCES ? 0 : 1;
}
