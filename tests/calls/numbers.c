/*
 * Descriptors with high numbers, duplicated: with a fence the supervisor does
 * it.
 *
 * covers: dup dup2 dup3 fcntl
 */
#include "tests/calls/calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* aarch64 has no such call: its libc makes a dup3(2) of it. */
#ifdef SYS_dup2
#define TELL_DUP2(...) TELL(SYS_dup2, __VA_ARGS__)
#else
#define TELL_DUP2(...) tell("dup2", dup2(__VA_ARGS__))
#endif

static void flags_of(const char *what, int fd)
{
	printf("%s: %d, of file %d\n", what, fcntl(fd, F_GETFD),
	       fcntl(fd, F_GETFL));
}

/* Each way to duplicate what is open as `from`, of which nothing remains. */
static void each_way(const char *what, int from)
{
	printf("-- %s\n", what);
	int first = (int)TELL(SYS_dup, from);
	int second = (int)TELL(SYS_dup, from);

	flags_of("dup", second);
	close(first);
	close(second);
	TELL_DUP2(from, 20);
	TELL_DUP2(from, 20);
	TELL_DUP2(from, from);
	TELL_DUP2(from, 301);
	TELL_DUP2(from, -1);
	TELL_DUP2(from, 1 << 30);
	TELL(SYS_dup3, from, 21, O_CLOEXEC);
	flags_of("dup3", 21);
	TELL(SYS_dup3, from, 21, 0);
	flags_of("dup3", 21);
	TELL(SYS_dup3, from, from, 0);
	TELL(SYS_dup3, from, 22, O_NONBLOCK);
	TELL(SYS_dup3, from, 1 << 30, 0);
	int least[] = {0, 3, 20, 199, 200, 300};

	for (size_t i = 0; i < sizeof(least) / sizeof(*least); i++) {
		int fd = (int)TELL(SYS_fcntl, from, F_DUPFD, least[i]);

		flags_of("F_DUPFD", fd);
		close(fd);
		fd = (int)TELL(SYS_fcntl, from, F_DUPFD_CLOEXEC, least[i]);
		flags_of("F_DUPFD_CLOEXEC", fd);
		close(fd);
	}
	TELL(SYS_fcntl, from, F_DUPFD, -1);
	TELL(SYS_fcntl, from, F_DUPFD, 1 << 30);
	for (int fd = 20; fd < 23; fd++)
		close(fd);
	close(301);
}

static atomic_bool over;

/* Is a new file still open under its number, while another thread duplicates? */
static void *open_and_look(void *lost)
{
	struct stat mine, there;

	need(stat("file", &mine));
	while (!atomic_load(&over)) {
		int fd = need(open("file", O_RDONLY | O_CLOEXEC));

		if (fstat(fd, &there) || there.st_ino != mine.st_ino)
			++*(int *)lost;
		close(fd);
	}
	return NULL;
}

static void beside_another(int from)
{
	pthread_t thread;
	int lost = 0, wrong = 0;

	need(-pthread_create(&thread, NULL, open_and_look, &lost));
	for (int i = 0; i < 2000; i++) {
		int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);

		wrong += fd < 3;
		close(fd);
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	printf("beside another thread: %d wrong, %d lost\n", wrong, lost);
}

int main(void)
{
	struct rlimit limit;
	char text[8] = "";
	int ends[2];

	/* The same for whoever runs it. */
	need(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 1024;
	need(setrlimit(RLIMIT_NOFILE, &limit));
	need(pipe(ends));
	need(dup2(ends[0], 200));
	need(dup2(ends[1], 999));
	close(ends[0]);
	close(ends[1]);
	each_way("a pipe", 200);
	write_file("file", "12345678");
	int file = need(open("file", O_RDONLY));

	need(dup2(file, 600));
	close(file);
	each_way("a file", 600);
	beside_another(200);
	/* One position, and one set of flags. */
	int copy = need(dup(600));

	need(read(600, text, 3));
	TELL(SYS_lseek, copy, 0, SEEK_CUR);
	close(copy);
	need(mkdir("directory", 0755));
	int directory = need(open("directory", O_RDONLY | O_DIRECTORY));

	need(dup2(directory, 500));
	close(directory);
	each_way("a directory", 500);
	each_way("nothing", 400);
	each_way("less than nothing", -1);
	/* What names a file only. */
	int path = need(open("file", O_PATH));

	need(dup2(path, 300));
	close(path);
	each_way("a path", 300);
	for (int fd = 3; fd < 7; fd++) {
		TELL(SYS_dup3, 300, fd, O_CLOEXEC);
		flags_of("dup3", fd);
		TELL(SYS_faccessat, fd, "", R_OK);
		close(fd);
	}
	TELL_DUP2(300, 0);
	TELL_DUP2(200, 0);
	TELL(SYS_dup, 300);
	/* Where no low number is free. */
	int most = 0;

	for (int fd = 0; fd < 205 && fd >= 0; most = fd)
		fd = dup(0);
	int here = open(".", O_PATH);

	tell_done("O_PATH among many", here);
	TELL(SYS_fcntl, here, F_GETFD, 0);
	TELL(SYS_faccessat, here, "file", R_OK);
	here = open("file", O_PATH | O_CLOEXEC);
	TELL(SYS_fcntl, here, F_GETFD, 0);
	tell_done("and another one of it", dup(here));
	for (int fd = 3; fd <= most; fd++)
		if (fd != 200)
			close(fd);
	/* All in use. */
	limit.rlim_cur = 300;
	need(setrlimit(RLIMIT_NOFILE, &limit));
	while (dup(0) >= 0)
		;
	TELL(SYS_dup, 500);
	TELL(SYS_fcntl, 500, F_DUPFD, 250);
	TELL(SYS_fcntl, 500, F_DUPFD, 300);
	TELL_DUP2(500, 299);
	TELL_DUP2(500, 300);
	need(write(999, "x", 1));
	TELL(SYS_read, 200, text, 1L);
	return 0;
}
