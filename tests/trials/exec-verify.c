/*
 * Claim: every exec can be compared with what was decided before the new image
 * runs, and nothing is ever left seized: SEIZE (TRACEEXEC, EXITKILL),
 * INTERRUPT, then CONTINUE. An exec that succeeds stops in EVENT_EXEC; one that
 * fails, or is to be restarted, stops in the queued trap on its way out. Either
 * way the thread is let go there. One thread of a process at a time: a second
 * exec of the same process waits in its notification until the first is
 * settled, since SEIZE would sleep on the mutex that an exec holds.
 *
 * Asked with threads that posix_spawn, execs that fail after CONTINUE, and
 * four threads of one process that exec at the same moment.
 * TRIAL_ROUNDS=20000 is the number the findings speak of.
 */
#include "inject.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#if defined(__x86_64__)

#define THREADS 8
#define SEATS	64

enum { SPAWN, FAIL, CROWD, KINDS };

static const char *const kinds[] = {"posix_spawn", "failing execs",
				    "four execs at once"};

/* An exec between its notification and its end. */
struct seat {
	uint64_t id;
	pid_t tid, tgid; /* tid 0: free */
	bool let_go;
	dev_t device;
	ino_t inode;
	double begin;
};

static struct seat seats[SEATS];
static struct trial_times times;
static uint64_t verified, failed, restarted, renamed, gone;
static int rounds;
static char *huge;
static pthread_barrier_t together;

static void *spawn_many(void *unused)
{
	char *arguments[] = {(char *)"true", (char *)"yes", NULL};
	pid_t pid;
	int status;

	for (int i = 0; i < rounds / THREADS; i++) {
		CLAIM(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments,
				  environ) == 0);
		CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return unused;
}

/* E2BIG: the file is fine, so that the decision is "allow". */
static void *fail_many(void *unused)
{
	char *arguments[] = {(char *)"true", huge, NULL};

	for (int i = 0; i < rounds / THREADS; i++) {
		CLAIM(execv("/bin/true", arguments) == -1);
		CLAIM(errno == E2BIG);
	}
	return unused;
}

static void *exec_together(void *unused)
{
	pthread_barrier_wait(&together);
	execl("/bin/true", "true", "yes", (char *)NULL);
	return unused;
}

static void in_threads(void *(*body)(void *), int n)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < n; i++)
		CLAIM(pthread_create(&thread[i], NULL, body, NULL) == 0);
	for (int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

static int program(void *argument)
{
	int kind = *(int *)argument, status;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (kind == SPAWN)
		in_threads(spawn_many, THREADS);
	else if (kind == FAIL)
		in_threads(fail_many, THREADS);
	for (int i = 0; kind == CROWD && i < rounds / 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_barrier_init(&together, NULL, 4);
			in_threads(exec_together, 4);
			_exit(1);
		}
		CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return 0;
}

static pid_t process_of(pid_t tid)
{
	char name[64], line[128];
	pid_t tgid = -1;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (file)
		fclose(file);
	return tgid;
}

static bool settled(pid_t tgid)
{
	for (int i = 0; i < SEATS; i++)
		if (seats[i].tid && seats[i].let_go && seats[i].tgid == tgid)
			return false;
	return true;
}

/* Let every exec go whose process has no other one under way. */
static void let_go(int listener)
{
	for (int i = 0; i < SEATS; i++) {
		struct seat *s = &seats[i];

		if (!s->tid || s->let_go || !settled(s->tgid))
			continue;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &s->id) ||
		    ptrace(PTRACE_SEIZE, s->tid, 0,
			   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) {
			s->tid = 0; /* another exec of the process won */
			gone++;
			continue;
		}
		s->let_go = true;
		CLAIM(!ptrace(PTRACE_INTERRUPT, s->tid, 0, 0));
		trial_continue(listener, s->id);
	}
}

static void decide(int listener, const struct seccomp_notif *call)
{
	struct stat file;
	char path[256];

	if (trial_string((pid_t)call->pid, call->data.args[0], path,
			 sizeof(path))) {
		/* Dead already: the exec of another thread won. */
		CLAIM(trial_continue(listener, call->id) == -ENOENT);
		gone++;
		return;
	}
	CLAIM(stat(path, &file) == 0);
	for (int i = 0; i < SEATS; i++) {
		if (seats[i].tid)
			continue;
		seats[i] = (struct seat){.id = call->id,
					 .tid = (pid_t)call->pid,
					 .tgid = process_of((pid_t)call->pid),
					 .device = file.st_dev,
					 .inode = file.st_ino,
					 .begin = trial_now_us()};
		return;
	}
	trial_exit(TRIAL_FAILS, "more execs at once than seats");
}

static struct seat *seat_of(pid_t tid)
{
	for (int i = 0; i < SEATS; i++)
		if (seats[i].tid == tid && seats[i].let_go)
			return &seats[i];
	return NULL;
}

/* The new image stands, not yet run: is it what was decided on? */
static void verify(pid_t pid)
{
	unsigned long former = 0;
	char name[64], words[64];
	struct stat file;
	struct seat *s;
	ssize_t n;
	int fd;

	CLAIM(!ptrace(PTRACE_GETEVENTMSG, pid, 0, &former));
	s = seat_of((pid_t)former);
	CLAIM(s);
	renamed += pid != (pid_t)former;
	snprintf(name, sizeof(name), "/proc/%d/exe", pid);
	CLAIM(stat(name, &file) == 0 && file.st_dev == s->device &&
	      file.st_ino == s->inode);
	snprintf(name, sizeof(name), "/proc/%d/cmdline", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = read(fd, words, sizeof(words));
	close(fd);
	CLAIM(n == 9 && !memcmp(words, "true\0yes", 9));
	CLAIM(!ptrace(PTRACE_DETACH, pid, 0, 0));
	trial_note(&times, s->begin);
	s->tid = 0;
	verified++;
}

static void on_stop(pid_t pid, int status)
{
	struct user_regs_struct regs;
	struct seat *s = seat_of(pid);

	if (status >> 16 == PTRACE_EVENT_EXEC) {
		verify(pid);
		return;
	}
	if (status >> 16 != PTRACE_EVENT_STOP) {
		/* A signal on its way in, before the trap: pass it on. */
		CLAIM(!ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status)));
		return;
	}
	CLAIM(s && !ptrace(PTRACE_GETREGS, pid, 0, &regs));
	if ((int64_t)regs.rax == -E2BIG)
		failed++;
	else
		restarted++;
	CLAIM(!ptrace(PTRACE_DETACH, pid, 0, 0));
	s->tid = 0;
}

/* Take every stop and every end that is there: true at the program's own. */
static bool reap(pid_t program_pid, int *ended)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (WIFSTOPPED(status)) {
			on_stop(pid, status);
			continue;
		}
		if (seat_of(pid))
			seat_of(pid)->tid = 0;
		if (pid == program_pid) {
			*ended = status;
			return true;
		}
	}
	return false;
}

static void run(int kind, int children)
{
	static const int trapped[] = {SYS_execve, SYS_execveat};
	struct trial t = trial_start(program, &kind, trapped, 2);
	struct pollfd p[2] = {{.fd = t.listener, .events = POLLIN},
			      {.fd = children, .events = POLLIN}};
	double begin = trial_now_us();
	struct seccomp_notif call;
	struct signalfd_siginfo info;
	int ended = 0;

	times.n = 0;
	verified = failed = restarted = renamed = gone = 0;
	do {
		poll(p, 2, -1);
		if (p[0].revents & POLLIN) {
			memset(&call, 0, sizeof(call));
			if (!ioctl(t.listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
				decide(t.listener, &call);
		}
		if (p[1].revents & POLLIN)
			CLAIM(read(children, &info, sizeof(info)) > 0);
		let_go(t.listener);
		if (reap(t.pid, &ended))
			break;
		let_go(t.listener);
	} while (true);
	CLAIM(ended == 0);
	close(t.listener);
	printf("%-20s verified %llu (thread id changed %llu), failed %llu, "
	       "restarted %llu, lost to another exec %llu; notification to "
	       "detach %.0f us, %.2f s\n",
	       kinds[kind], (unsigned long long)verified,
	       (unsigned long long)renamed, (unsigned long long)failed,
	       (unsigned long long)restarted, (unsigned long long)gone,
	       trial_percentile(&times, 50), (trial_now_us() - begin) / 1e6);
}

/* The same without a filter, for the cost. */
static void run_bare(int kind)
{
	double begin = trial_now_us();
	pid_t pid = fork();

	if (pid == 0)
		_exit(program(&kind));
	CLAIM(trial_reap(pid) == 0);
	printf("%-20s bare %.2f s\n", kinds[kind],
	       (trial_now_us() - begin) / 1e6);
}

int main(void)
{
	const char *text = getenv("TRIAL_ROUNDS");
	sigset_t child;
	int fd;

	trial_begin(300);
	rounds = text ? atoi(text) : 2000;
	huge = malloc(1 << 18);
	CLAIM(huge);
	memset(huge, 'x', (1 << 18) - 1);
	huge[(1 << 18) - 1] = 0;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	fd = signalfd(-1, &child, SFD_CLOEXEC);
	CLAIM(fd >= 0);
	for (int kind = 0; kind < KINDS; kind++) {
		run_bare(kind);
		run(kind, fd);
	}
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
