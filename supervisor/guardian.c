#include "supervisor/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/relay.h"
#include "supervisor/cgroup.h"
#include "supervisor/members.h"
#include "supervisor/say.h"
#include "supervisor/tracee.h"
#include "supervisor/warden.h"

/* Of 0.2 ms, for the broker's end. */
enum { MOST_PAUSES = 10 };

struct guardian {
	pid_t warden, program;
	int notes;
	sigset_t early; /* what came before there was a program */
	int status;	/* told by the supervisor; -1: not yet */
	bool supervisor_gone;
	int supervisor_status;
	struct relay *relay; /* NULL: none */
};

/* Signals that are the program's. */
static const int passed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM,
};

/* --------------------------------------------------------------- the end -- */

static bool kill_one(void *context, pid_t pid, pid_t group)
{
	(void)context;
	/* The whole group at once: one by one, those that fork win. But a
	 * process may join any group of its terminal session, such as that of
	 * the user's shell: those are spared. */
	if (group > 1 && getsid(pid) != getsid(0))
		kill(-group, SIGKILL);
	kill(pid, SIGKILL);
	return true;
}

static bool reap_all(void)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0)
			return errno == ECHILD;
		if (pid == 0)
			return false;
	}
}

static void pause_shortly(void)
{
	struct timespec pause = {.tv_nsec = 200000};

	nanosleep(&pause, NULL);
}

void guardian_kill_all(void)
{
	/* No child left is the proof: every orphan becomes ours. */
	while (!reap_all()) {
		members_below(getpid(), kill_one, NULL);
		pause_shortly();
	}
}

/* A warden that ends by itself has seen that nobody of the session is left. Who
 * may be is the broker, which has been told to end: to look for it among all
 * processes takes longer than its end. */
static void await_broker(const struct guardian *guardian)
{
	if (!guardian->supervisor_gone ||
	    !WIFEXITED(guardian->supervisor_status))
		return;
	for (int i = 0; i < MOST_PAUSES && !reap_all(); i++)
		pause_shortly();
}

/* ------------------------------------------------------------- watching -- */

static void pass_on(struct guardian *guardian,
		    const struct signalfd_siginfo *info)
{
	if (guardian->program <= 0) {
		sigaddset(&guardian->early, (int)info->ssi_signo);
		return;
	}
	if (guardian->relay && info->ssi_signo != SIGTERM) {
		/* It is in a session of its own: it has nothing yet, and is a
		 * job there, as it would be of the user's shell. */
		kill(-guardian->program, (int)info->ssi_signo);
		return;
	}
	/* What the terminal sends, it sends to the whole group: the program
	 * has it already. */
	if (info->ssi_code == SI_KERNEL)
		return;
	kill(guardian->program, (int)info->ssi_signo);
}

/* The program has blocked all until it is what was asked for. */
static void begin(struct guardian *guardian, pid_t program)
{
	guardian->program = program;
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		if (sigismember(&guardian->early, passed_on[i]) == 1)
			kill(program, passed_on[i]);
}

static void read_signals(struct guardian *guardian, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGWINCH)
			relay_resized(guardian->relay);
		else if (info.ssi_signo != SIGCHLD)
			pass_on(guardian, &info);
}

static void read_notes(struct guardian *guardian)
{
	struct guardian_note note;

	while (read(guardian->notes, &note, sizeof(note)) ==
	       (ssize_t)sizeof(note)) {
		switch (note.kind) {
		case NOTE_PROGRAM:
			begin(guardian, note.value);
			break;
		case NOTE_STOPPED:
			/* The shell sees its job stop, and takes the
			 * terminal; SIGCONT to the group wakes both. If that
			 * has come already, it would not come again. */
			if (!tracee_stopped(guardian->program))
				break;
			if (guardian->relay)
				relay_pause(guardian->relay);
			kill(getpid(), SIGSTOP);
			if (guardian->relay)
				relay_resume(guardian->relay);
			break;
		case NOTE_STATUS:
			guardian->status = note.value;
			break;
		case NOTE_NONE:
			break;
		}
	}
}

static void reap_supervisor(struct guardian *guardian)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (pid == guardian->warden) {
			guardian->supervisor_gone = true;
			guardian->supervisor_status = status;
		}
	}
}

static void watch(struct guardian *guardian, int signals)
{
	struct pollfd fds[2 + RELAY_FDS] = {
		{.fd = guardian->notes, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};
	struct relay *relay = guardian->relay;

	while (!guardian->supervisor_gone) {
		if (relay)
			relay_poll(relay, fds + 2);
		int ready = poll(fds, relay ? 2 + RELAY_FDS : 2,
				 relay ? relay_timeout(relay) : -1);

		if (ready < 0 && errno != EINTR)
			break;
		if (relay && ready >= 0)
			relay_serve(relay, fds + 2);
		/* The relay comes by here with every few KiB of output. */
		if (fds[1].revents || ready <= 0) {
			read_signals(guardian, signals);
			reap_supervisor(guardian);
		}
		if (fds[0].revents || ready <= 0)
			read_notes(guardian);
		/* Its end of the pipe is closed: it is about to be gone. */
		if (fds[0].revents & (POLLHUP | POLLERR))
			fds[0].fd = -1;
	}
	read_notes(guardian);
}

static int block_signals(sigset_t *old, bool relayed)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (relayed)
		sigaddset(&set, SIGWINCH);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, old);
	/* The program's to act on; we stop when it does. */
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Where standard output or error is closed, the next file that is opened would
 * get its number, the audit log, say, and with it whatever is said. The program
 * still finds the number closed. */
static int fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -EBADF;
	return 0;
}

int guardian_run(int (*supervise)(void *context, int notes, int guardian),
		 void *context, struct relay *relay,
		 const struct cgroup *cgroup, const int *theirs, size_t count)
{
	struct guardian guardian = {.status = -1, .relay = relay};
	int notes[2], alive[2];
	sigset_t old;

	sigemptyset(&guardian.early);
	if (fill_standard())
		return 125;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (pipe2(notes, O_CLOEXEC | O_NONBLOCK) || pipe2(alive, O_CLOEXEC)) {
		say("pipe: %s", strerror(errno));
		return 125;
	}
	auto_fd signals = block_signals(&old, relay);

	fflush(NULL);
	const int ours[] = {notes[0], notes[1], alive[0], alive[1], signals};

	guardian.warden = warden_fork(ours, sizeof(ours) / sizeof(*ours),
				      theirs, count, relay, cgroup);
	if (guardian.warden < 0 || signals < 0) {
		say("fork: %s", strerror(errno));
		return 125;
	}
	if (guardian.warden == 0) {
		close(notes[0]);
		close(alive[1]);
		for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on);
		     i++)
			if (passed_on[i] != SIGCONT)
				signal(passed_on[i], SIG_IGN);
		sigprocmask(SIG_SETMASK, &old, NULL);
		_exit(supervise(context, notes[1], alive[0]));
	}
	close(notes[1]);
	close(alive[0]);
	close_fds(theirs, count);
	auto_fd notes_read = notes[0];

	/* The other pipe stays open for as long as we live: its end is what
	 * tells the supervisor that we do not. */
	guardian.notes = notes_read;
	/* Nobody of the same user may look into it or hold it up; its memory
	 * has the environment as it was before the policy. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (relay)
		relay_begin(relay);
	watch(&guardian, signals);
	/* All at once: who forks cannot win. */
	cgroup_kill(cgroup);
	await_broker(&guardian);
	guardian_kill_all();

	if (relay)
		relay_end(relay, guardian.status < 0 || guardian.status > 124);

	if (guardian.status >= 0)
		return guardian.status;
	if (WIFSIGNALED(guardian.supervisor_status))
		say("the supervisor was killed by signal %d; the session was "
		    "ended",
		    WTERMSIG(guardian.supervisor_status));
	return 125;
}
