/*
 * Claim: a chdir that is served as an injected fchdir on a descriptor the
 * supervisor put in, and closed by an injected close, is right every time:
 * under a 300 us timer with and without SA_RESTART, beside threads that open
 * and close, from a thread that is not the leader, and in a vfork child. All
 * registers of the caller come back, and no descriptor is left behind.
 */
#include "inject.h"
#include <pthread.h>
#include <sys/stat.h>
#include <sys/time.h>

#if defined(__x86_64__)

#define ROUNDS 10000

enum { PLAIN, TIMER_RESTART, TIMER_EINTR, THREADS, VFORK, KINDS };

static const char *const kinds[] = {"plain", "timer, SA_RESTART",
				    "timer, no SA_RESTART", "sibling threads",
				    "vfork children"};

struct report {
	uint64_t wrong, interrupted, signals, registers;
};

static struct report *report; /* shared with the program */
static char places[2][64];
static volatile bool stop;
static struct trial_times times;

static void count(int signal)
{
	(void)signal;
	report->signals++;
}

/* chdir with a known value in every register; counts those that changed. */
static long chdir_checked(const char *path)
{
	register uint64_t r8 asm("r8") = 8, r9 asm("r9") = 9;
	register uint64_t r10 asm("r10") = 10, r12 asm("r12") = 12;
	register uint64_t r13 asm("r13") = 13, r14 asm("r14") = 14;
	uint64_t rdi = (uintptr_t)path, rsi = 5, rdx = 3, rbx = 1;
	double x = 1.5;
	long rax = SYS_chdir;

	asm volatile("movq %[x], %%xmm15\n\tsyscall\n\tmovq %%xmm15, %[x]"
		     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+b"(rbx),
		       "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13),
		       "+r"(r14), [x] "+m"(x)
		     :
		     : "rcx", "r11", "memory", "xmm15");
	if (rdi != (uintptr_t)path || rsi != 5 || rdx != 3 || rbx != 1 ||
	    r8 != 8 || r9 != 9 || r10 != 10 || r12 != 12 || r13 != 13 ||
	    r14 != 14 || x != 1.5)
		report->registers++;
	return rax;
}

/* One in eight names nothing, the others go to and fro. */
static void walk(void)
{
	char now[64];

	for (int i = 0; i < ROUNDS; i++) {
		bool absent = i % 8 == 7;
		const char *to = absent ? "/no/such/place" : places[i & 1];
		long r = chdir_checked(to);

		if (r == -EINTR) {
			report->interrupted++;
			i--;
			continue;
		}
		if (r != (absent ? -ENOENT : 0))
			report->wrong++;
		if (!absent && (!getcwd(now, sizeof(now)) || strcmp(now, to)))
			report->wrong++;
	}
}

static void *walk_thread(void *unused)
{
	walk();
	return unused;
}

static void *churn(void *unused)
{
	while (!stop) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		int other = dup(fd);

		if (fd < 0 || other < 0)
			report->wrong++;
		close(other);
		close(fd);
	}
	return unused;
}

static void walk_vfork(void)
{
	volatile int left = ROUNDS / 20;
	int status;

	while (left--) {
		pid_t child = vfork();

		if (child == 0)
			_exit(chdir_checked(places[left & 1]) == 0 ? 0 : 1);
		if (waitpid(child, &status, 0) != child || status)
			report->wrong++;
	}
}

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

static int program(void *argument)
{
	int kind = *(int *)argument, before = lowest_fd();
	struct itimerval every = {{0, 300}, {0, 300}}, never = {0};
	struct sigaction action = {.sa_handler = count};
	pthread_t walker, churners[2];

	if (kind == TIMER_RESTART)
		action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	if (kind == TIMER_RESTART || kind == TIMER_EINTR)
		setitimer(ITIMER_REAL, &every, NULL);
	if (kind == VFORK) {
		walk_vfork();
	} else if (kind == THREADS) {
		for (int i = 0; i < 2; i++)
			pthread_create(&churners[i], NULL, churn, NULL);
		pthread_create(&walker, NULL, walk_thread, NULL);
		pthread_join(walker, NULL);
		stop = true;
		for (int i = 0; i < 2; i++)
			pthread_join(churners[i], NULL);
	} else {
		walk();
	}
	setitimer(ITIMER_REAL, &never, NULL);
	return lowest_fd() == before ? 0 : 2;
}

/* chdir as the supervisor makes it; `calls` counts what was injected. */
static void serve(struct trial *t, const struct seccomp_notif *call,
		  uint64_t *calls)
{
	struct inject in;
	int64_t result, closed;
	char path[64] = "";
	int place, fd;

	CLAIM(!trial_string((pid_t)call->pid, call->data.args[0], path,
			    sizeof(path)));
	place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place < 0) {
		trial_answer(t->listener, call->id, 0, -errno, 0);
		return;
	}
	fd = trial_addfd(t->listener, call->id, place, 0, O_CLOEXEC);
	close(place);
	CLAIM(fd >= 0);
	CLAIM(!inject_begin(&in, t->listener, call->id, (pid_t)call->pid));
	CLAIM(in.regs.rax == (uint64_t)-TRIAL_ERESTARTSYS);
	CLAIM(in.regs.orig_rax == SYS_chdir);
	CLAIM(in.regs.rip == call->data.instruction_pointer);
	CLAIM(!inject_call(&in, &result, SYS_fchdir, (uint64_t)fd, 0, 0, 0));
	CLAIM(!inject_call(&in, &closed, SYS_close, (uint64_t)fd, 0, 0, 0));
	CLAIM(closed == 0);
	CLAIM(!inject_end(&in, result));
	*calls += 2;
}

static void run(int kind)
{
	static const int trapped[] = {SYS_chdir};
	struct seccomp_notif call;
	uint64_t calls = 0;
	struct trial t;

	memset(report, 0, sizeof(*report));
	times.n = 0;
	t = trial_start(program, &kind, trapped, 1);
	while (trial_receive(t.listener, &call)) {
		uint64_t before = calls;
		double begin = trial_now_us();

		serve(&t, &call, &calls);
		if (calls > before)
			trial_note(&times, begin);
	}
	CLAIM(trial_reap(t.pid) == 0);
	close(t.listener);
	printf("%-22s %6zu served, median %.1f us (10 %% below %.1f); wrong "
	       "%llu, registers %llu, "
	       "signals %llu, EINTR before RECV %llu\n",
	       kinds[kind], times.n, trial_percentile(&times, 50),
	       trial_percentile(&times, 10), (unsigned long long)report->wrong,
	       (unsigned long long)report->registers,
	       (unsigned long long)report->signals,
	       (unsigned long long)report->interrupted);
	CLAIM(report->wrong == 0 && report->registers == 0);
}

int main(void)
{
	char base[] = "/tmp/trial-XXXXXX";

	trial_begin(120);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(report != MAP_FAILED && mkdtemp(base));
	for (int i = 0; i < 2; i++) {
		snprintf(places[i], sizeof(places[i]), "%s/%c", base, 'a' + i);
		CLAIM(mkdir(places[i], 0755) == 0);
	}
	for (int kind = 0; kind < KINDS; kind++)
		run(kind);
	for (int i = 0; i < 2; i++)
		rmdir(places[i]);
	rmdir(base);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
