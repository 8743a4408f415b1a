/*
 * Claim: a thread that was left seized cannot be got rid of later without the
 * program seeing it: PTRACE_INTERRUPT and a detach end epoll_wait and semop
 * with EINTR although no signal came, while a sleep goes on. (So what
 * is seized must stop by itself: see exec-verify.)
 */
#include "inject.h"
#include <sys/epoll.h>
#include <sys/sem.h>

#if defined(__x86_64__)

enum { EPOLL, SEMAPHORE, SLEEP, KINDS };

static const char *const kinds[] = {"epoll_wait", "semtimedop", "nanosleep"};

/* The error a wait of 0.3 s ends with, 0 when it ends by itself. */
static int program(void *argument)
{
	struct timespec time = {0, 300000000};
	struct sembuf down = {0, -1, 0};
	struct epoll_event event;
	int which = *(int *)argument, id, error, r;

	getppid(); /* notified: here it is seized */
	if (which == EPOLL) {
		r = epoll_wait(epoll_create1(EPOLL_CLOEXEC), &event, 1, 300);
	} else if (which == SEMAPHORE) {
		id = semget(IPC_PRIVATE, 1, 0600);
		r = semtimedop(id, &down, 1, &time);
		error = errno;
		semctl(id, 0, IPC_RMID);
		return r < 0 && error != EAGAIN ? error : 0;
	} else {
		r = nanosleep(&time, NULL);
	}
	return r < 0 ? errno : 0;
}

/* Wait until the thread sleeps in something else than its notification. */
static void until_asleep(pid_t tid)
{
	char name[64], line[128];
	bool asleep = false;
	long nr;

	snprintf(name, sizeof(name), "/proc/%d/syscall", tid);
	while (!asleep) {
		FILE *file = fopen(name, "re");

		CLAIM(file && fgets(line, sizeof(line), file));
		fclose(file);
		asleep = sscanf(line, "%ld", &nr) == 1 &&
			 (nr == SYS_epoll_wait || nr == SYS_semtimedop ||
			  nr == SYS_nanosleep || nr == SYS_clock_nanosleep);
	}
}

static void run(int which)
{
	static const int trapped[] = {SYS_getppid};
	struct seccomp_notif call;
	int status, result;
	struct trial t;

	t = trial_start(program, &which, trapped, 1);
	CLAIM(trial_receive(t.listener, &call));
	CLAIM(!ptrace(PTRACE_SEIZE, t.pid, 0, PTRACE_O_EXITKILL));
	CLAIM(!trial_continue(t.listener, call.id));
	until_asleep(t.pid);
	CLAIM(!ptrace(PTRACE_INTERRUPT, t.pid, 0, 0));
	CLAIM(waitpid(t.pid, &status, __WALL) == t.pid);
	CLAIM(status >> 16 == PTRACE_EVENT_STOP);
	CLAIM(!ptrace(PTRACE_DETACH, t.pid, 0, 0));
	result = trial_reap(t.pid);
	close(t.listener);
	printf("%-12s %s\n", kinds[which],
	       result ? strerror(result) : "undisturbed");
	CLAIM(result == (which == SLEEP ? 0 : EINTR));
}

int main(void)
{
	trial_begin(20);
	for (int which = 0; which < KINDS; which++)
		run(which);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
