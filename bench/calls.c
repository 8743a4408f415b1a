/*
 * Repeat one system call, for the benchmark: calls open|stat|getpid COUNT. The
 * whole run is timed from outside, so that all ways pay for the same start.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int once_open(void)
{
	int fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int once_stat(void)
{
	struct stat status;

	return stat("/usr", &status);
}

static int once_getpid(void)
{
	return syscall(SYS_getpid) < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int (*once)(void);
} calls[] = {
	{"open", once_open},
	{"stat", once_stat},
	{"getpid", once_getpid},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(calls) / sizeof(calls[0]);
	     i++) {
		if (strcmp(calls[i].name, argv[1]) != 0)
			continue;
		for (long left = atol(argv[2]); left > 0; left--)
			if (calls[i].once() < 0) {
				perror(argv[1]);
				return 1;
			}
		return 0;
	}
	fprintf(stderr, "usage: calls open|stat|getpid COUNT\n");
	return 2;
}
