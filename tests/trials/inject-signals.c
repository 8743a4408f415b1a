/*
 * Claim: signals that come while calls are injected are neither lost nor seen
 * too early. A handler's signal stays pending behind the full mask and is
 * delivered at the detach with its own siginfo; the mask is the program's
 * again. SIGSTOP and SIGTSTP stop the process at the detach, and the parent
 * hears of it; a SIGCONT that comes first wins; SIGKILL ends it, and the
 * supervisor sees -ESRCH.
 */
#include "inject.h"

#if defined(__x86_64__)

enum { HANDLER, STOP, STOP_CONT, TSTP, KILL, SIBLING_STOP, KINDS };

static const char *const kinds[] = {
	"handler",	   "SIGSTOP", "SIGSTOP, then SIGCONT",
	"SIGTSTP pending", "SIGKILL", "stopped before the trap"};

static struct {
	pid_t sender;
	int value, handled, before, after_mask;
} * seen; /* shared with the program */

static void handle(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	seen->handled++;
	seen->sender = info->si_pid;
	seen->value = info->si_value.sival_int;
}

static int program(void *unused)
{
	struct sigaction action = {.sa_sigaction = handle,
				   .sa_flags = SA_SIGINFO};
	sigset_t mask, now;
	long r;

	(void)unused;
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = syscall(SYS_getppid);
	seen->before = seen->handled;
	sigprocmask(SIG_BLOCK, NULL, &now);
	seen->after_mask = sigismember(&now, SIGUSR2) == 1 &&
			   sigismember(&now, SIGUSR1) == 0 &&
			   sigismember(&now, SIGTERM) == 0;
	return r == 4242 ? 0 : 3;
}

static bool stopped_now(pid_t pid)
{
	siginfo_t info = {0};

	CLAIM(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT | WNOHANG) ==
	      0);
	return info.si_pid == pid && info.si_code == CLD_STOPPED;
}

/* Wait until the parent is told that the program has stopped, then go on. */
static void expect_stop(pid_t pid, int signal)
{
	int status;

	CLAIM(waitpid(pid, &status, WUNTRACED) == pid);
	CLAIM(WIFSTOPPED(status) && WSTOPSIG(status) == signal);
	CLAIM(kill(pid, SIGCONT) == 0);
}

/* What happens to the program between its trap and the injected call. */
static void disturb(int kind, pid_t pid)
{
	union sigval value = {.sival_int = 77};

	switch (kind) {
	case HANDLER:
		CLAIM(sigqueue(pid, SIGUSR1, value) == 0);
		break;
	case STOP:
		CLAIM(kill(pid, SIGSTOP) == 0);
		break;
	case STOP_CONT:
		CLAIM(kill(pid, SIGSTOP) == 0);
		break;
	case TSTP:
		CLAIM(kill(pid, SIGTSTP) == 0);
		break;
	case KILL:
		CLAIM(kill(pid, SIGKILL) == 0);
		break;
	}
}

static void run(int kind)
{
	static const int trapped[] = {SYS_getppid};
	struct seccomp_notif call;
	struct inject in;
	struct trial t;
	int64_t result;
	int error;

	memset(seen, 0, sizeof(*seen));
	t = trial_start(program, NULL, trapped, 1);
	CLAIM(trial_receive(t.listener, &call));
	if (kind == SIBLING_STOP)
		CLAIM(kill(t.pid, SIGSTOP) == 0);
	CLAIM(!inject_begin(&in, t.listener, call.id, t.pid));
	disturb(kind, t.pid);
	error = inject_call(&in, &result, SYS_getpid, 0, 0, 0, 0);
	if (kind == KILL) {
		CLAIM(error == -ESRCH);
		printf("%-24s as claimed\n", kinds[kind]);
		return;
	}
	CLAIM(error == 0 && result == t.pid);
	CLAIM(!seen->handled);
	if (kind == STOP_CONT) {
		CLAIM(in.group_stops > 0);
		CLAIM(kill(t.pid, SIGCONT) == 0);
		CLAIM(!inject_call(&in, &result, SYS_getpid, 0, 0, 0, 0));
	}
	CLAIM(!inject_end(&in, 4242));
	if (kind == STOP || kind == SIBLING_STOP)
		expect_stop(t.pid, SIGSTOP);
	if (kind == TSTP)
		expect_stop(t.pid, SIGTSTP);
	if (kind == STOP_CONT)
		CLAIM(!stopped_now(t.pid));
	CLAIM(trial_reap(t.pid) == 0);
	CLAIM(seen->after_mask == 1);
	if (kind == HANDLER)
		CLAIM(seen->handled == 1 && seen->before == 1 &&
		      seen->value == 77 && seen->sender == getpid());
	close(t.listener);
	printf("%-24s as claimed, %u group stops on the way\n", kinds[kind],
	       in.group_stops);
}

int main(void)
{
	trial_begin(20);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(seen != MAP_FAILED);
	for (int kind = 0; kind < KINDS; kind++)
		run(kind);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
