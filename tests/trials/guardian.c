/*
 * Claim: when the supervisor is killed, the guardian ends the session within a
 * second: daemons that forked twice and made their own session, stopped ones, a
 * fork bomb, and comets, processes that do nothing but fork and exit. Killed
 * itself, the guardian is missed by the supervisor, which ends the session the
 * same way. A bomb whose every process makes a session of its own has no group
 * that could be killed at once; how long that takes is shown, not claimed.
 * Where setsid is trapped it fails once the supervisor is dead, and groups end
 * again.
 *
 * Both are subreapers, so every orphan comes to one of them; what is left is
 * found in /proc/self/task/TID/children and below, and waitpid() saying ECHILD
 * is the proof that nothing is.
 */
#include "trial.h"
#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
	TREE,
	DAEMONS,
	STOPPED,
	BOMB,
	COMETS,
	GUARDIAN_DIES,
	SPREAD,
	TRAPPED,
	KINDS
};

static const char *const kinds[] = {
	"a tree of sleepers", "daemons",	  "stopped processes",
	"a fork bomb",	      "comets",		  "the guardian dies",
	"a bomb of sessions", "the same, trapped"};

static struct {
	_Atomic pid_t supervisor;
	_Atomic int listener; /* the number in the program, then 0 */
	_Atomic uint64_t forked;
	uint64_t rounds, kills;
} * seen; /* shared by all */

static void tree(int depth, int width)
{
	for (int i = 0; depth > 0 && i < width; i++) {
		if (fork() == 0) {
			seen->forked++;
			depth--;
			i = -1;
		}
	}
	for (;;)
		pause();
}

static void daemons(int n)
{
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			setsid();
			if (fork())
				_exit(0);
			seen->forked++;
			for (;;)
				pause();
		}
		wait(NULL);
	}
	for (;;)
		pause();
}

static void stopped(int n)
{
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			seen->forked++;
			raise(SIGSTOP);
		}
	}
	raise(SIGSTOP);
}

/* As many processes as the limit allows, each trying for more. */
static void bomb(bool spread)
{
	for (;;) {
		pid_t pid = fork();

		seen->forked += pid > 0;
		if (pid == 0 && spread)
			setsid();
	}
}

static void comet(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		if (pid == 0) {
			seen->forked++;
			setsid();
		}
	}
}

static void session(int kind)
{
	struct rlimit limit = {kind == SPREAD ? 150 : 400, 400};

	static const int trapped[] = {SYS_setsid, SYS_setpgid};

	setsid();
	if (kind == TRAPPED) {
		int listener = trial_filter(
			trapped, 2, SECCOMP_RET_USER_NOTIF,
			SECCOMP_FILTER_FLAG_NEW_LISTENER |
				SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

		seen->listener = listener;
		while (seen->listener)
			sched_yield();
		close(listener);
	}
	if (kind == TREE || kind == GUARDIAN_DIES)
		tree(4, 4);
	if (kind == DAEMONS)
		daemons(50);
	if (kind == STOPPED)
		stopped(50);
	setrlimit(RLIMIT_NPROC, &limit);
	if (kind != COMETS)
		bomb(kind != BOMB);
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			comet();
	comet();
}

static uint64_t kill_below(pid_t pid);

/*
 * A group dies at once: a fork under way in it fails. That ends a bomb that
 * outruns one kill after another. A group of a login session other than ours is
 * of the agent's making, since the agent began in one of its own.
 */
static void kill_with_group(pid_t pid)
{
	pid_t session_id = getsid(pid), group = getpgid(pid);

	if (group > 1 && session_id > 0 && session_id != getsid(0))
		kill(-group, SIGKILL);
	kill(pid, SIGKILL);
}

/* Kill all that one thread begot, before looking at what those begot. */
static uint64_t kill_children(pid_t pid, pid_t tid)
{
	char name[64], list[1 << 12], *at, *end;
	uint64_t killed = 0;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pid, tid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, list, sizeof(list) - 1);
	close(fd);
	list[n > 0 ? n : 0] = 0;
	if (n == sizeof(list) - 1 && strrchr(list, ' '))
		strrchr(list, ' ')[0] = 0; /* half a number is another's */
	for (at = list; *at; at = end + strspn(end, " ")) {
		kill_with_group((pid_t)strtol(at, &end, 10));
		killed++;
	}
	for (at = list; *at; at = end + strspn(end, " "))
		killed += kill_below((pid_t)strtol(at, &end, 10));
	return killed;
}

/* The task directory has a link for each thread and two of its own. */
static uint64_t kill_below(pid_t pid)
{
	uint64_t killed = kill_children(pid, pid);
	struct dirent *d;
	char name[64];
	struct stat s;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/task", pid);
	if (stat(name, &s) || s.st_nlink <= 3)
		return killed;
	dir = opendir(name);
	while (dir && (d = readdir(dir))) {
		pid_t tid = atoi(d->d_name);

		if (tid > 0 && tid != pid)
			killed += kill_children(pid, tid);
	}
	if (dir)
		closedir(dir);
	return killed;
}

/* Until there is nothing left below this process. */
static void end_session(void)
{
	struct timespec moment = {0, 1000000};
	uint64_t before = 0, now;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		pid_t pid;

		now = kill_below(getpid());
		seen->kills += now;
		seen->rounds++;
		while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
			before = 0;
		if (pid < 0 && errno == ECHILD)
			return;
		if (now == before)
			sigtimedwait(&child, NULL, &moment);
		before = now;
	}
}

static void wait_for_death(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	while (poll(&p, 1, -1) < 1)
		;
}

/* Let every trapped call go until the guardian dies. */
static void supervise(int listener, int guardian)
{
	struct pollfd p[2] = {{.fd = guardian, .events = POLLIN},
			      {.fd = listener, .events = POLLIN}};
	struct seccomp_notif call;

	while (poll(p, 2, -1) < 1 || !p[0].revents) {
		memset(&call, 0, sizeof(call));
		if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			trial_continue(listener, call.id);
	}
}

static void supervisor(int kind, int guardian)
{
	int listener = -1;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	pid = fork();
	if (pid == 0) {
		session(kind);
		_exit(0);
	}
	if (kind == TRAPPED) {
		while (!seen->listener)
			sched_yield();
		listener = pidfd_getfd(pidfd_open(pid, 0), seen->listener, 0);
		NEED(listener >= 0);
		seen->listener = 0;
	}
	seen->supervisor = getpid();
	supervise(listener, guardian);
	end_session();
	_exit(0);
}

static void guardian(int kind)
{
	int self = pidfd_open(getpid(), 0), pidfd;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	pid = fork();
	if (pid == 0)
		supervisor(kind, self);
	pidfd = pidfd_open(pid, 0);
	wait_for_death(pidfd);
	end_session();
	_exit(0);
}

static void run(int kind)
{
	int life[2], status, wanted = kind == TREE ? 340 : 49;
	struct pollfd p = {.events = POLLIN};
	double begin, spent;
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	CLAIM(pipe(life) == 0); /* open for reading by all of the session */
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(life[0]);
		guardian(kind);
	}
	close(life[1]);
	while (!seen->supervisor || seen->forked < (uint64_t)wanted)
		usleep(1000);
	usleep(50000); /* let bombs and comets get going */
	begin = trial_now_us();
	kill(kind == GUARDIAN_DIES ? pid : seen->supervisor, SIGKILL);
	p.fd = life[0];
	CLAIM(poll(&p, 1, 30000) == 1);
	spent = trial_now_us() - begin;
	close(life[0]);
	CLAIM(waitpid(pid, &status, 0) == pid);
	printf("%-20s %6llu forked, gone after %.1f ms (%llu rounds, %llu "
	       "kills)\n",
	       kinds[kind], (unsigned long long)seen->forked, spent / 1e3,
	       (unsigned long long)seen->rounds,
	       (unsigned long long)seen->kills);
	CLAIM(spent < 1e6 || kind >= SPREAD);
}

int main(void)
{
	char name[64];

	trial_begin(60);
	snprintf(name, sizeof(name), "/proc/self/task/%d/children", getpid());
	NEED(access(name, R_OK) == 0);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(seen != MAP_FAILED);
	for (int kind = 0; kind < KINDS; kind++)
		run(kind);
	return TRIAL_HOLDS;
}
