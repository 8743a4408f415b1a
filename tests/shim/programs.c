/*
 * What a program may do around its file calls: signals that come in the middle,
 * forks, cancellation, bad pointers, registers. Run bare and with the shim;
 * what is printed must be the same.
 *
 *   programs NAME DIRECTORY, the names being those of main()
 */
#include "tests/shim/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *early = "no constructor ran";

/* Before main, and before most: nothing of the shim may be there to see. */
__attribute__((constructor)) static void at_the_beginning(void)
{
	early = getenv("LD_PRELOAD") ? "LD_PRELOAD is set" : "it is not set";
}

/* -- signals, threads, forks ---------------------------------------------- */

enum { ROUNDS = 400, FORKS = 60 };
static atomic_long wrong;
static atomic_bool over;

static void check(bool right)
{
	if (!right)
		atomic_fetch_add(&wrong, 1);
}

static void use_files(void)
{
	struct stat status;
	char link[PATH_MAX];
	int fd = open("there", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	check(fstat(fd, &status) == 0 && status.st_size == 6);
	close(fd);
	check(open("missing", O_RDONLY) < 0 && errno == ENOENT);
	check(stat("there", &status) == 0 && S_ISREG(status.st_mode));
	check(access("there", R_OK) == 0);
	check(readlink("there", link, sizeof(link)) < 0 && errno == EINVAL);
	check(readlink("link", link, sizeof(link)) == 5 &&
	      memcmp(link, "there", 5) == 0);
}

static void on_signal(int number)
{
	int kept = errno;

	(void)number;
	use_files();
	errno = kept;
}

static void *in_thread(void *context)
{
	(void)context;
	while (!atomic_load(&over))
		use_files();
	return NULL;
}

static void fork_and_exec(bool vforks)
{
	char *arguments[] = {(char *)(uintptr_t) "true", NULL};
	pid_t pid = vforks ? vfork() : fork();
	int status;

	if (pid == 0) {
		if (!vforks)
			use_files();
		execv("/bin/true", arguments);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	check(pid > 0 && status == 0);
}

static int hammer(void)
{
	struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
	struct sigaction action = {.sa_handler = on_signal,
				   .sa_flags = SA_RESTART};
	pthread_t threads[2];

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, in_thread, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < ROUNDS; i++)
		use_files();
	for (int i = 0; i < FORKS; i++)
		fork_and_exec(i % 2);
	setitimer(ITIMER_REAL, &never, NULL);
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%ld wrong\n", atomic_load(&wrong));
	return atomic_load(&wrong) != 0;
}

/* -- cancellation --------------------------------------------------------- */

static atomic_int cleaned;

static void clean(void *context)
{
	(void)context;
	atomic_fetch_add(&cleaned, 1);
}

static void *wait_in_open(void *context)
{
	pthread_cleanup_push(clean, NULL);
	int fd = open(context, O_RDONLY);

	printf("opened %d\n", fd >= 0);
	pthread_cleanup_pop(0);
	return NULL;
}

static int cancel(void)
{
	pthread_t thread;
	void *result = NULL;

	mkfifo("fifo", 0600);
	pthread_create(&thread, NULL, wait_in_open, (void *)(uintptr_t) "fifo");
	/* Whether it has come to the open by now or not, it ends there. */
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("cancelled %d, cleaned up %d\n", result == PTHREAD_CANCELED,
	       atomic_load(&cleaned));
	unlink("fifo");
	return 0;
}

/* -- calls by syscall(2), and programs that are not there ----------------- */

static int raw(void)
{
	struct stat status;
	int value = 1, child;

	for (int i = 0; i < 300; i++)
		check(syscall(SYS_newfstatat, AT_FDCWD, "there", &status, 0) ==
		      0);
	printf("stat %ld",
	       syscall(SYS_newfstatat, AT_FDCWD, "there", &status, 0));
	printf(" %ld\n", (long)status.st_size);
	errno = 0;
	printf("bad flags %ld",
	       syscall(SYS_newfstatat, AT_FDCWD, 16, &status, 1));
	printf(" %d\n", errno);
	errno = 0;
	printf("bad mode %ld", syscall(SYS_faccessat, AT_FDCWD, 16, 0x80));
	printf(" %d\n", errno);
	printf("a descriptor %ld\n",
	       syscall(SYS_newfstatat, 0, "", &status, AT_EMPTY_PATH));
	printf("six arguments %d\n",
	       syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1);
	printf("a thread %d\n", syscall(SYS_gettid) == getpid());
	printf("waits %ld", syscall(202 /* futex */, &value, 0, 0, NULL));
	printf(" %d\n", errno);
	printf("no call %ld", syscall(100000));
	printf(" %d\n", errno);
	fflush(stdout);
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		value = access("there", R_OK) + 3;
		syscall(SYS_exit_group, value);
	}
	printf("forks %d", waitpid((pid_t)pid, &child, 0) == (pid_t)pid);
	printf(" %d, %d\n", WEXITSTATUS(child), value);
	return 0;
}

static void start(const char *what, const char *path)
{
	char *arguments[] = {(char *)(uintptr_t) "true", NULL};

	errno = 0;
	printf("%s: %d", what, execv(path, arguments));
	printf(" %d\n", errno);
}

static int starts(void)
{
	/* Not for the compiler to see. */
	char *volatile bad = (char *)(uintptr_t)16;
	pid_t pid;
	int status = 1;

	start("nothing", "missing");
	start("below a file", "there/below");
	start("a directory", "directory");
	start("a file that is none", "there");
	start("a link that leads nowhere", "dangling");
	start("a loop", "loop");
	start("the empty path", "");
	start("a bad pointer", bad);
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		execl("missing", "missing", NULL);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	printf("then the right one: %d\n", status);
	return 0;
}

/* -- the beginning -------------------------------------------------------- */

static int begin(void)
{
	printf("in a constructor: %s\n", early);
	for (char **variable = environ; *variable; variable++)
		printf("%s\n", *variable);
	/* Behind the environment stands the auxiliary vector. */
	char **end = environ;

	while (*end)
		end++;
	printf("behind it: %d\n", end[1] != NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} runs[] = {
		{"hammer", hammer},
		{"cancel", cancel},
		{"errors", programs_errors},
		{"listings", programs_listings},
		{"raw", raw},
		{"starts", starts},
		{"begin", begin},
		{"registers", programs_registers},
		{"stacks", programs_stacks},
		{"tight", programs_tight},
	};

	if (argc != 3 || chdir(argv[2]))
		return 2;
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		if (strcmp(argv[1], runs[i].name) == 0)
			return runs[i].run();
	return 2;
}
