/*
 * Claim: an O_PATH open can be left to the kernel and checked before the thread
 * goes on: SEIZE and INTERRUPT, then CONTINUE; the thread makes the call itself
 * and stops on its way out with the new number in rax. The supervisor compares
 * /proc/TID/fd/N with what it decided on (a dup2 by a sibling may fool that
 * one look, so this is a check of what the thread holds, not of all that the
 * process may hold). pidfd_getfd fetches O_PATH descriptors as well.
 */
#include "inject.h"
#include <sys/stat.h>

#if defined(__x86_64__)

#define ROUNDS 5000

static struct trial_times times;

static int program(void *argument)
{
	struct stat s, decided;

	CLAIM(stat("/usr", &decided) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open(argument, O_PATH | O_CLOEXEC);

		CLAIM(fd >= 0 && fstat(fd, &s) == 0);
		CLAIM(s.st_ino == decided.st_ino);
		close(fd);
		CLAIM(open("/no/such", O_PATH) == -1 && errno == ENOENT);
	}
	return 0;
}

/* Let the call go and stop the thread behind it: its result. */
static int64_t run_checked(struct trial *t, const struct seccomp_notif *call)
{
	pid_t tid = (pid_t)call->pid;
	struct user_regs_struct regs;
	int status;

	CLAIM(!ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_EXITKILL));
	CLAIM(!ptrace(PTRACE_INTERRUPT, tid, 0, 0));
	CLAIM(!trial_continue(t->listener, call->id));
	CLAIM(waitpid(tid, &status, __WALL) == tid);
	CLAIM(status >> 16 == PTRACE_EVENT_STOP);
	CLAIM(!ptrace(PTRACE_GETREGS, tid, 0, &regs));
	return (int64_t)regs.rax;
}

int main(void)
{
	static const int trapped[] = {SYS_openat};
	static char path[] = "/usr";
	struct seccomp_notif call;
	struct stat s, decided;
	uint64_t fetched = 0;
	struct trial t;
	char name[64];

	trial_begin(60);
	CLAIM(stat(path, &decided) == 0);
	t = trial_start(program, path, trapped, 1);
	while (trial_receive(t.listener, &call)) {
		double begin = trial_now_us();
		int64_t fd = run_checked(&t, &call);

		if (fd >= 0) {
			snprintf(name, sizeof(name), "/proc/%u/fd/%d", call.pid,
				 (int)fd);
			CLAIM(stat(name, &s) == 0);
			CLAIM(s.st_dev == decided.st_dev &&
			      s.st_ino == decided.st_ino);
		}
		if (fd >= 0 && fetched < 100) {
			int pidfd = pidfd_open((pid_t)call.pid, 0);
			int copy = pidfd_getfd(pidfd, (int)fd, 0);

			CLAIM(copy >= 0 && (fcntl(copy, F_GETFL) & O_PATH));
			close(copy);
			close(pidfd);
			fetched++;
		}
		CLAIM(!ptrace(PTRACE_DETACH, (pid_t)call.pid, 0, 0));
		trial_note(&times, begin);
	}
	CLAIM(trial_reap(t.pid) == 0);
	printf("%zu checked, median %.1f us (10 %% below %.1f); fetched %llu\n",
	       times.n, trial_percentile(&times, 50),
	       trial_percentile(&times, 10), (unsigned long long)fetched);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
