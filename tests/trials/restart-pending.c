/*
 * Claim: a thread whose notified call is to be interrupted is best taken out of
 * it by SEIZE, INTERRUPT, the answer -ERESTARTSYS and a detach at the trap.
 * With a handler's signal pending the program sees what it would bare: EINTR
 * without SA_RESTART, the call made anew with it. With nothing pending the call
 * is made anew. The plain answer without ptrace does the same while a signal is
 * pending for the thread, but 512 leaks to the program when nothing is, and
 * when what /proc shows as pending was meant for a sibling.
 */
#include "inject.h"
#include <pthread.h>

#if defined(__x86_64__)

enum { PLAIN, TRAPPED };
enum { NOTHING, EINTR_HANDLER, RESTART_HANDLER, TAKEN, SIBLINGS, CASES };

static const char *const cases[] = {"nothing pending", "handler, EINTR",
				    "handler, SA_RESTART", "taken by a sibling",
				    "meant for a sibling"};

static struct {
	_Atomic int handled, taken, may_take;
	long result;
} * seen; /* shared with the program */

static void handle(int signal)
{
	(void)signal;
	seen->handled++;
}

static void *take(void *unused)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (!seen->may_take)
		sched_yield();
	seen->taken = sigwaitinfo(&set, &info) == SIGUSR1;
	return unused;
}

static long call_raw(void)
{
	long rax = SYS_getppid;

	asm volatile("syscall" : "+a"(rax) : : "rcx", "r11", "memory");
	return rax;
}

static void *call_in_thread(void *unused)
{
	seen->result = call_raw();
	return unused;
}

static int program(void *argument)
{
	int which = *(int *)argument;
	struct sigaction action = {.sa_handler = handle};
	pthread_t thread;
	sigset_t set;

	if (which == RESTART_HANDLER)
		action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	if (which == TAKEN) {
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		pthread_create(&thread, NULL, take, NULL);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	if (which == SIBLINGS) {
		/* The leader, which signals go to first, waits in a call too.
		 */
		pthread_create(&thread, NULL, call_in_thread, NULL);
		syscall(SYS_getpgrp);
		pthread_join(thread, NULL);
	} else {
		seen->result = call_raw();
	}
	return 0;
}

/* A deliverable signal of the thread, as the supervisor sees it. */
static bool pending(pid_t tid)
{
	unsigned long long own = 0, shared = 0, blocked = 0;
	char name[64], line[128];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	file = fopen(name, "re");
	CLAIM(file);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "SigPnd: %llx", &own);
		sscanf(line, "ShdPnd: %llx", &shared);
		sscanf(line, "SigBlk: %llx", &blocked);
	}
	fclose(file);
	return ((own | shared) & ~blocked) != 0;
}

static void take_out(struct trial *t, const struct seccomp_notif *call, int way)
{
	pid_t tid = (pid_t)call->pid;
	int status;

	if (way == TRAPPED) {
		CLAIM(!ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_EXITKILL));
		CLAIM(!ptrace(PTRACE_INTERRUPT, tid, 0, 0));
	}
	CLAIM(!trial_answer(t->listener, call->id, 0, -TRIAL_ERESTARTSYS, 0));
	if (way == TRAPPED) {
		CLAIM(waitpid(tid, &status, __WALL) == tid);
		CLAIM(status >> 16 == PTRACE_EVENT_STOP);
		CLAIM(!ptrace(PTRACE_DETACH, tid, 0, 0));
	}
}

static void run(int which, int way)
{
	static const long expected[][CASES] = {
		{-TRIAL_ERESTARTSYS, -EINTR, 42, 42, -TRIAL_ERESTARTSYS},
		{42, -EINTR, 42, 42, 42}};
	static const int trapped[] = {SYS_getppid, SYS_getpgrp};
	struct seccomp_notif call, leader = {0};
	unsigned int asked = 1;
	struct trial t;

	memset(seen, 0, sizeof(*seen));
	t = trial_start(program, &which, trapped, 2);
	CLAIM(trial_receive(t.listener, &call));
	if (which == SIBLINGS) {
		CLAIM(trial_receive(t.listener, &leader));
		if (leader.data.nr == SYS_getppid) {
			struct seccomp_notif other = call;

			call = leader;
			leader = other;
		}
	}
	CLAIM(!pending((pid_t)call.pid));
	if (which != NOTHING) {
		CLAIM(kill(t.pid, SIGUSR1) == 0);
		CLAIM(pending((pid_t)call.pid));
	}
	if (which == TAKEN) {
		seen->may_take = 1;
		while (!seen->taken)
			sched_yield();
	}
	take_out(&t, &call, way);
	if (which == SIBLINGS)
		CLAIM(!trial_answer(t.listener, leader.id, 1, 0, 0));
	while (trial_receive(t.listener, &call)) {
		asked++;
		CLAIM(!trial_answer(t.listener, call.id, 42, 0, 0));
	}
	CLAIM(trial_reap(t.pid) == 0);
	close(t.listener);
	printf("%-8s %-20s answered %ld, handled %d, notified %u times\n",
	       way == PLAIN ? "plain" : "trapped", cases[which], seen->result,
	       seen->handled, asked);
	/* Whoever of the two gets there first runs the handler. */
	CLAIM(seen->result == expected[way][which] ||
	      (way == TRAPPED && which == SIBLINGS && seen->result == -EINTR));
	CLAIM(seen->handled == (which != NOTHING && which != TAKEN));
}

int main(void)
{
	trial_begin(20);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(seen != MAP_FAILED);
	for (int way = PLAIN; way <= TRAPPED; way++)
		for (int which = 0; which < CASES; which++)
			run(which, way);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
