/*
 * Theory of operation. Until the program is launched, whoever helps to make the
 * session has ended but for the writer of the log and, without a fence, the
 * search for what is protected: launch() forks (setup.c).
 * Then the tracer, the workers and the writer of the log run; the main thread
 * sleeps here until the program has ended, the guardian is gone, or something
 * broke. The end goes the same way back (finish.c).
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/ask/relay.h"
#include "supervisor/guardian.h"
#include "supervisor/run_state.h"
#include "supervisor/say.h"
#include "supervisor/sessions.h"

void run_tell(const struct run *run, enum guardian_note_kind kind, int value)
{
	struct guardian_note note = {.kind = kind, .value = value};

	(void)!write(run->notes, &note, sizeof(note));
}

static int user_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static void wait_for_end(struct run *run, int guardian)
{
	struct pollfd fds[2] = {
		{.fd = run->session.wake, .events = POLLIN},
		{.fd = guardian, .events = POLLIN},
	};

	while (!atomic_load(&run->ended) &&
	       !atomic_load(&run->session.failed)) {
		uint64_t count;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		bool alone = fds[1].revents & (POLLHUP | POLLERR);

		if (alone && run->given->relay)
			relay_rescue(run->given->relay);
		if (alone)
			session_fail(&run->session, "interpose was killed");
		(void)!read(run->session.wake, &count, sizeof(count));
	}
}

static void ignore_signals(void)
{
	static const int ignored[] = {
		SIGINT,	 SIGQUIT, SIGHUP,  SIGTERM, SIGTSTP,
		SIGTTIN, SIGTTOU, SIGPIPE, SIGUSR2, SIGALRM,
	};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
}

static int supervise_run(struct run *run, int guardian)
{
	const char *step = "";
	int exec_error = 0;
	int error = run_make(run, &step);

	if (!error)
		error = run_start(run, &step, &exec_error);
	if (error) {
		say("%s: %s; %s was not started", step, strerror(-error),
		    run->given->options->program[0]);
		if (run->files.state_fd >= 0)
			(void)sessions_remove_runtime(&run->files);
		return FAILED;
	}
	wait_for_end(run, guardian);
	int status = user_status(atomic_load(&run->status));

	if (exec_error) {
		say("%s: %s", run->given->options->program[0],
		    exec_error == -EACCES ? "refused by the policy, or not "
					    "executable"
					  : strerror(-exec_error));
		status = exec_error == -ENOENT ? NOT_FOUND : REFUSED;
	}
	if (atomic_load(&run->session.failed))
		status = FAILED;
	return run_finish(run, status);
}

int supervise(void *context, int notes, int guardian)
{
	struct run *run = calloc(1, sizeof(*run));
	sigset_t child;

	if (!run) {
		say("out of memory");
		return FAILED;
	}
	run->given = context;
	run->notes = notes;
	run->files.state_fd = run->files.runtime_fd = run->files.lock_fd = -1;
	/* Signals of the terminal go to the program, not to us. */
	run->terminal = -1;
	run->ruleset = -1;
	if (run->given->relay)
		run->terminal = relay_enter(run->given->relay);
	else
		setpgid(0, 0);
	ignore_signals();
	if (run->given->relay && run->terminal < 0) {
		say("the session's terminal: %s", strerror(-run->terminal));
		free(run);
		return FAILED;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	int status = supervise_run(run, guardian);

	run_tell(run, NOTE_STATUS, status);
	free(run);
	return status;
}
