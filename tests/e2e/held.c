/*
 * held SUPERVISOR FILE FILE: holds the supervisor's worker that is about to
 * read the memory of a program, in the middle of a call, and sees whether one
 * of the files grows nevertheless, by which the session's programs tell that
 * their calls are served. Exits 0, 1 where neither does, 77 where no thread of
 * the supervisor may be stopped or none was seen to serve.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { LOOKS = 1000, GROWN = 50, MOST_THREADS = 64 };

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Wait for a stop, for some seconds. */
static bool stopped(pid_t thread)
{
	int status;

	for (int i = 0; i < LOOKS; i++) {
		pid_t got = waitpid(thread, &status, __WALL | WNOHANG);

		if (got)
			return got == thread && WIFSTOPPED(status);
		pause_a_little();
	}
	return false;
}

static bool reads_memory(pid_t thread)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof(info),
		      &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_process_vm_readv;
}

/* Stop the thread where it serves: it stays traced and stopped. One that does
 * not come to it, since it waits, is let go. */
static bool hold(pid_t thread)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, 0, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, thread, 0, 0) || !stopped(thread))
		return false;
	for (int calls = 0, idle = 0; calls < LOOKS && idle < 50;) {
		if (ptrace(PTRACE_SYSCALL, thread, 0, 0))
			return false;
		for (idle = 0; idle < 50; idle++) {
			if (waitpid(thread, &status, __WALL | WNOHANG))
				break;
			pause_a_little();
		}
		if (idle < 50 && reads_memory(thread))
			return true;
		calls++;
	}
	(void)ptrace(PTRACE_INTERRUPT, thread, 0, 0);
	(void)stopped(thread);
	(void)ptrace(PTRACE_DETACH, thread, 0, 0);
	return false;
}

static long long size(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : (long long)status.st_size;
}

static bool grows(char *const paths[2])
{
	long long first[2] = {size(paths[0]), size(paths[1])};

	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; j < 2; j++)
			if (size(paths[j]) > first[j] + GROWN)
				return true;
		pause_a_little();
	}
	return false;
}

static size_t threads_of(const char *process, pid_t threads[MOST_THREADS])
{
	char path[64];
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%s/task", process);
	DIR *directory = opendir(path);

	for (struct dirent *entry;
	     directory && count < MOST_THREADS && (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			threads[count++] =
				(pid_t)strtol(entry->d_name, NULL, 10);
	if (directory)
		closedir(directory);
	return count;
}

int main(int argc, char **argv)
{
	pid_t threads[MOST_THREADS];
	size_t count = argc == 4 ? threads_of(argv[1], threads) : 0;

	for (size_t i = 0; i < count; i++) {
		if (!hold(threads[i]))
			continue;
		bool grown = grows(argv + 2);

		/* To the end of it, and on. */
		(void)ptrace(PTRACE_DETACH, threads[i], 0, 0);
		printf("held thread %d: %s\n", threads[i],
		       grown ? "others are served" : "nobody is served");
		return grown ? 0 : 1;
	}
	return 77;
}
