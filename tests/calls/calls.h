/*
 * For the programs of this directory. Each makes its calls in every way it can
 * think of and prints what they came to: results, names of errors, what is
 * there afterwards; never a process id, a time or another thing that differs
 * from run to run. `run` compares a bare run with a supervised one.
 */
#ifndef TESTS_CALLS_CALLS_H
#define TESTS_CALLS_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_PAGE = 4096 };

/* Print what a call came to: its result, or the name of its error. */
static inline long tell(const char *what, long result)
{
	int error = errno;

	if (result == -1) {
		const char *name = strerrorname_np(error);

		printf("%s: %s\n", what, name ? name : "an unknown error");
	} else {
		printf("%s: %ld\n", what, result);
	}
	fflush(stdout);
	errno = error;
	return result;
}

/* The same for a result of no interest beyond its sign: an address, an id. */
static inline long tell_done(const char *what, long result)
{
	tell(what, result == -1 ? -1 : 0);
	return result;
}

/* For what a case only needs: the program ends where it fails. */
static inline int need_at(int line, long result)
{
	if (result < 0) {
		printf("needed in line %d: %s\n", line,
		       strerrorname_np(errno));
		fflush(stdout);
		_exit(1);
	}
	return (int)result;
}

#define need(result) need_at(__LINE__, (long)(result))

/* A raw call, told by its own text. */
#define TELL(...) tell(#__VA_ARGS__, syscall(__VA_ARGS__))

/* A new descriptor: its number, its flags, and closed again. O_NOFOLLOW does
 * nothing to an open file, and what was opened for the program on the very object
 * that was decided about does not show it. */
static inline void tell_fd(const char *what, long fd)
{
	struct stat status;

	if (fd < 0) {
		tell(what, fd);
		return;
	}
	int flags = fcntl((int)fd, F_GETFL);

	if (!(flags & O_PATH))
		flags &= ~O_NOFOLLOW;

	printf("%s: fd %ld, F_GETFD %d, F_GETFL 0%o", what, fd,
	       fcntl((int)fd, F_GETFD), (unsigned)flags);
	if (fstat((int)fd, &status) == 0)
		printf(", mode 0%o", status.st_mode);
	putchar('\n');
	fflush(stdout);
	close((int)fd);
}

#define TELL_FD(...) tell_fd(#__VA_ARGS__, syscall(__VA_ARGS__))

/* Two pages, of which the second is not there: its address is the edge. */
static inline char *edge(void)
{
	static char *pages;

	if (!pages) {
		pages = mmap(NULL, 2 * CALLS_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages == MAP_FAILED)
			_exit(1);
		munmap(pages + CALLS_PAGE, CALLS_PAGE);
	}
	return pages + CALLS_PAGE;
}

/* The text so that its NUL is the last byte before the edge. */
static inline char *at_edge(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(edge() - size, text, size);
}

/* The text without a NUL, up to the edge. */
static inline char *over_edge(const char *text)
{
	size_t size = strlen(text);

	return memcpy(edge() - size, text, size);
}

/* A page that can be read only. */
static inline char *read_only(void)
{
	static char *page;

	if (!page)
		page = mmap(NULL, CALLS_PAGE, PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page;
}

static inline void write_file(const char *path, const char *text)
{
	int fd = need(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			   0644));

	need(write(fd, text, strlen(text)));
	close(fd);
}

/* Wait for a child, and print how it ended. */
static inline void tell_child(const char *what, pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) != child)
		tell(what, -1);
	else if (WIFSIGNALED(status))
		printf("%s: killed by %s\n", what,
		       sigabbrev_np(WTERMSIG(status)));
	else
		printf("%s: ended with %d\n", what, WEXITSTATUS(status));
	fflush(stdout);
}

/* Run the function in a child. */
static inline void in_child(const char *what, void (*run)(void))
{
	fflush(stdout);
	pid_t child = fork();

	if (child == 0) {
		run();
		fflush(stdout);
		_exit(0);
	}
	tell_child(what, child);
}

#endif
