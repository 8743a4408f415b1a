/*
 * execs COUNT: starts /bin/true COUNT times, one after the other, with the
 * environment that it has itself, and prints the median and the 99th percentile
 * of the time until it has ended, in nanoseconds.
 */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	uint64_t *times =
		count > 0 ? calloc((size_t)count, sizeof(*times)) : NULL;
	char *const words[] = {(char[]){"true"}, NULL};

	if (!times)
		return 2;
	for (long i = 0; i < count; i++) {
		uint64_t begin = now();
		int status;
		pid_t pid;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, words,
				environ) ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			return 1;
		times[i] = now() - begin;
	}
	qsort(times, (size_t)count, sizeof(*times), by_size);
	printf("%llu\t%llu\n", (unsigned long long)times[count / 2],
	       (unsigned long long)times[count * 99 / 100]);
	free(times);
	return 0;
}
