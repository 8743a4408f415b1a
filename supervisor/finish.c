/*
 * The end of a session, the way back from its making: kill what is left while
 * its calls are still answered, stop the workers, write the log out, keep what
 * was written to stand-ins, remove the session's directory.
 */
#include "supervisor/run_state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/ask/ask.h"
#include "supervisor/audit.h"
#include "supervisor/cgroup.h"
#include "supervisor/exits.h"
#include "supervisor/fence.h"
#include "supervisor/filter.h"
#include "supervisor/identities.h"
#include "supervisor/images.h"
#include "supervisor/limits.h"
#include "supervisor/listeners.h"
#include "supervisor/loading.h"
#include "supervisor/members.h"
#include "supervisor/net/agent.h"
#include "supervisor/net/client.h"
#include "supervisor/net/inspect.h"
#include "supervisor/preload.h"
#include "supervisor/program_env.h"
#include "supervisor/proposal.h"
#include "supervisor/say.h"
#include "supervisor/sealed.h"
#include "supervisor/sessions.h"
#include "supervisor/slow.h"
#include "supervisor/stack/stack.h"
#include "supervisor/surroundings.h"
#include "supervisor/take_fd.h"
#include "supervisor/terminals.h"
#include "supervisor/tracer.h"
#include "supervisor/virtual/standin.h"
#include "supervisor/worker.h"
#include "supervisor/worth.h"

/* For what the program left running. */
enum { GRACE_MS = 200 };

static bool kill_member(void *context, pid_t pid, pid_t group)
{
	int *signal = context;

	(void)group;
	kill(pid, *signal);
	return true;
}

static bool pause_ms(long ms)
{
	struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
	return true;
}

/* What the program left running ends with it: with the supervisor gone its
 * calls would only fail. */
static size_t end_members(struct run *run)
{
	int term = SIGTERM, hard = SIGKILL;
	size_t left = members_each(&run->session, kill_member, &term);
	size_t first = left;

	for (int waited = 0; left > 0 && waited < GRACE_MS; waited += 5) {
		int none = 0;

		pause_ms(5);
		left = members_each(&run->session, kill_member, &none);
	}
	cgroup_kill(run->session.cgroup);
	while (members_each(&run->session, kill_member, &hard) > 0)
		pause_ms(1);
	return first;
}

static void record_end(struct run *run, int status, size_t left)
{
	struct session *session = &run->session;
	struct audit_record record;
	char message[256];

	audit_record_init(&record, AUDIT_END);
	record.status = status;
	snprintf(message, sizeof(message),
		 "%lu refused, %lu hidden, %lu faked, %lu asked, %lu alerts, "
		 "%lu limits reached, %zu programs ended with the session",
		 atomic_load(&session->refused), atomic_load(&session->hidden),
		 atomic_load(&session->faked), atomic_load(&session->asked),
		 atomic_load(&session->alerts), atomic_load(&session->limited),
		 left);
	record.message = message;
	(void)audit_await(session->audit);
	(void)audit_add(session->audit, &record);
}

enum { MOST_CHANGES_TOLD = 20 };

static void count_changed(void *context, const char *path)
{
	size_t *told = context;

	/* A session can make any number. */
	if ((*told)++ < MOST_CHANGES_TOLD)
		say("written to a stand-in, not to the file: %s", path);
}

/* One line, where there is something to tell. */
static void sum_up(struct run *run)
{
	struct session *session = &run->session;
	unsigned long refused =
		atomic_load(&session->refused) + atomic_load(&session->asked);
	unsigned long faked = atomic_load(&session->faked);
	unsigned long alerts = atomic_load(&session->alerts);
	unsigned long limited = atomic_load(&session->limited);

	if (run->given->options->quiet || run->given->judged)
		return; /* of a dry run, the proposal tells */
	if (run->given->options->verbose)
		say("%lu calls came to the supervisor",
		    atomic_load(&session->calls));
	size_t told = 0;
	size_t changed =
		standins_changed(session->standins, count_changed, &told);

	if (changed > MOST_CHANGES_TOLD)
		say("and %zu more", changed - MOST_CHANGES_TOLD);
	if (refused + faked + alerts > 0)
		say("%lu refused, %lu served a stand-in%s: interpose log%s%s "
		    "%s",
		    refused, faked, alerts ? ", attacks were stopped" : "",
		    refused + alerts > 0 ? " --denied" : "",
		    faked > 0 ? " --faked" : "", run->files.id);
	if (limited > 0)
		say("a limit of the policy was reached %lu time%s: interpose "
		    "log --denied %s",
		    limited, limited == 1 ? "" : "s", run->files.id);
	if (changed > 0)
		say("to put what was written on the real files: interpose "
		    "apply %s",
		    run->files.id);
}

int run_finish(struct run *run, int status)
{
	struct session *session = &run->session;
	limits_stop(session->limits);
	size_t left = end_members(run);

	atomic_store(&session->ending, true);
	workers_stop(run->workers);
	ask_stop(session->questions);
	slow_free(session->slow);
	inspect_pause(session);
	agent_stop(session);
	net_stop(session);
	inspect_stop(session);
	tracer_stop(session->tracer);
	exits_stop(session->exits);
	(void)cgroup_remove(session->cgroup);
	stacks_free(session->stacks);
	/* The last of the slow calls may have been asked about; and a stack may
	 * have been taken for a question. */
	ask_free(session->questions);
	session->questions = NULL;
	record_end(run, status, left);
	sum_up(run);
	struct audit_head head;
	bool complete = audit_flush(session->audit, &head) == 0;

	/* Both files are forced to the disk at the same time; but who reads
	 * that the session has ended finds a log that is. */
	audit_end(session->audit);
	int described = run_describe(run, status, complete ? &head : NULL);
	int error = audit_close(session->audit);

	if (error && !atomic_load(&session->failed)) {
		say("the audit log: %s", strerror(-error));
		status = FAILED;
		described = run_describe(run, status, complete ? &head : NULL);
	}
	error = standins_keep(session->standins, run->files.state_fd);
	if (error)
		say("what was written to stand-ins could not be kept: %s",
		    strerror(-error));
	standins_close(session->standins);
	error = described ?: sessions_describe_end(&run->files);
	if (!error)
		error = sessions_remove_runtime(&run->files);
	if (error)
		say("the session's directory: %s", strerror(-error));
	if (run->given->judged &&
	    proposal_after_run(run->given->options, run->given->project,
			       run->files.id, run->files.state_path))
		status = FAILED;
	sessions_release(&run->files);
	filter_free(&run->filter);
	surroundings_free(run->environment);
	listeners_free(session->listeners);
	identities_free(session->identities);
	fence_free(session->fence);
	sealed_free(session->sealed);
	images_free(session->images);
	program_env_free(session->program_env);
	preload_free(session->preload);
	worth_free(session->worth);
	loading_free(session->loading);
	terminals_free(session->terminals);
	takings_free(session->takings);
	return status;
}
