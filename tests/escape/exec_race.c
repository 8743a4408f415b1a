/*
 * Execs whose arguments change while they are under way.
 *
 *   exec_race WAY WHAT TRIES   (negative: until the wrong one ran, at most)
 *
 * WAY says who changes them: `shared`, a process by a mapping; `vfork`, a
 * thread of the parent whose memory the child has; `thread`, a second thread,
 * which the exec ends; `other`, the first thread while a second one execs;
 * `second`, the first thread, which execs as well at that moment. WHAT changes:
 * `path`, `argument`, `pointer` (of argv), `descriptor` (of execveat).
 *
 * In the current directory, ok/file and no/file are this program. The second
 * may not be run, nor may the first with the argument `evil`. Prints how often
 * the right one ran, the call failed, the process was killed, the wrong one
 * ran. Exits 1 where that is not 0, 3 where the right one never ran.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RIGHT = 10, WRONG = 11, FAILED = 99, SPIN = 300 };

enum what { PATH, ARGUMENT, POINTER, DESCRIPTOR };

struct arena {
	char path[16], argument[8];
	char *argv[4];
	atomic_int flips;
};

static struct arena *arena;
static enum what what;
static int ok, no, passed; /* descriptors */
static pid_t changer;
static char *const no_environment[] = {NULL};

static void set(bool bad)
{
	static char good_word[] = "good", bad_word[] = "evil";

	if (what == PATH)
		memcpy(arena->path, bad ? "no" : "ok", 2);
	else if (what == ARGUMENT)
		memcpy(arena->argument, bad ? bad_word : good_word, 4);
	else if (what == POINTER)
		arena->argv[1] = bad ? bad_word : good_word;
	else
		dup2(bad ? no : ok, passed);
	atomic_thread_fence(memory_order_seq_cst);
}

static void flip(void)
{
	for (int bad = 1; bad >= 0; bad--) {
		set(bad);
		for (volatile int i = 0; i < SPIN; i++)
			;
	}
	atomic_fetch_add(&arena->flips, 1);
}

static void *flip_always(void *unused)
{
	(void)unused;
	for (;;)
		flip();
	return NULL;
}

static void exec_wrong(void)
{
	if (what == PATH || what == DESCRIPTOR)
		execve("no/file",
		       (char *[]){(char[]){"run"}, (char[]){"good"}, NULL},
		       no_environment);
	else
		execve("ok/file",
		       (char *[]){(char[]){"run"}, (char[]){"evil"}, NULL},
		       no_environment);
}

static void exec(void)
{
	if (what == DESCRIPTOR)
		syscall(SYS_execveat, passed, "", arena->argv, no_environment,
			AT_EMPTY_PATH);
	else
		execve(arena->path, arena->argv, no_environment);
}

static void *exec_here(void *unused)
{
	(void)unused;
	exec();
	_exit(FAILED);
}

static void start(void *(*function)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL))
		_exit(2);
}

static void child(const char *way, int number)
{
	int before = atomic_load(&arena->flips);

	if (strcmp(way, "thread") == 0) {
		start(flip_always);
		while (atomic_load(&arena->flips) == before)
			;
	}
	if (strcmp(way, "other") == 0 || strcmp(way, "second") == 0) {
		start(exec_here);
		for (int i = number;; i++) {
			flip();
			if (*way == 's' && i % 16 == 0)
				exec_wrong();
		}
	}
	exec_here(NULL);
}

static int attempt(const char *way, int number)
{
	int status;
	pid_t pid = strcmp(way, "vfork") == 0 ? vfork() : fork();

	if (pid == 0)
		child(way, number);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	return status;
}

static void prepare(const char *way)
{
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE,
		     MAP_ANONYMOUS |
			     (*way == 's' && way[1] == 'h' ? MAP_SHARED
							   : MAP_PRIVATE),
		     -1, 0);
	if (arena == MAP_FAILED)
		exit(2);
	strcpy(arena->path, "ok/file");
	strcpy(arena->argument, "good");
	arena->argv[0] = strdup("run");
	arena->argv[1] = arena->argument;
	ok = open("ok/file", O_PATH | O_CLOEXEC);
	no = open("no/file", O_PATH | O_CLOEXEC);
	passed = dup(ok);
	if (strcmp(way, "vfork") == 0)
		start(flip_always);
	if (strcmp(way, "shared") == 0) {
		changer = fork();
		if (changer == 0)
			flip_always(NULL);
	}
}

/* The new image: says by its status which one it is. */
static int run(char **argv)
{
	char exe[4096] = "";

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return FAILED;
	return strstr(exe, "/no/file") || strcmp(argv[1], "evil") == 0 ? WRONG
								       : RIGHT;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"path", "argument", "pointer",
					    "descriptor"};
	long counts[4] = {0};

	if (argc == 2 && strcmp(argv[0], "run") == 0)
		return run(argv);
	if (argc != 4)
		return 2;
	for (size_t i = 0; i < 4; i++)
		if (strcmp(argv[2], names[i]) == 0)
			what = (enum what)i;
	prepare(argv[1]);
	long tries = strtol(argv[3], NULL, 10);

	/* And on until the right one ran, however the machine falls in step. */
	for (int i = 0; tries < 0 ? !counts[3] && i < -tries
				  : i < tries || (!counts[0] && i < 50 * tries);
	     i++) {
		int status = attempt(argv[1], i);

		counts[WIFSIGNALED(status)	      ? 2
		       : WEXITSTATUS(status) == RIGHT ? 0
		       : WEXITSTATUS(status) == WRONG ? 3
						      : 1]++;
	}
	printf("%s %s: right %ld, failed %ld, killed %ld, wrong %ld\n", argv[1],
	       argv[2], counts[0], counts[1], counts[2], counts[3]);
	fflush(stdout);
	if (changer)
		kill(changer, SIGKILL);
	return counts[3] ? 1 : counts[0] ? 0 : 3;
}
