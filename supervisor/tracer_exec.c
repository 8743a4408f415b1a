/*
 * The tracer's execs: let go under trace, and compared with what was decided
 * when the new image stands ready, before its first instruction.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/exits.h"
#include "supervisor/image_stack.h"
#include "supervisor/prepare.h"
#include "supervisor/record.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer_jobs.h"

static struct job **find_active(struct tracer *tracer, pid_t process)
{
	struct job **at = &tracer->active;

	while (*at && (*at)->process != process)
		at = &(*at)->next;
	return at;
}

struct job **exec_of_thread(struct tracer *tracer, pid_t tid)
{
	struct job **at = &tracer->active;

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

bool exec_under_way(struct tracer *tracer, pid_t process)
{
	return *find_active(tracer, process) != NULL;
}

static void record(struct tracer *tracer, pid_t pid, const char *exe,
		   const char *cwd, const struct job *job)
{
	record_exec(tracer->session,
		    &(struct record_exec){
			    .pid = pid,
			    .parent = job->parent,
			    .exe = exe,
			    .argv = job->plan.argv,
			    .argv_length = job->plan.argv_length,
			    .cwd = cwd,
			    .subject = job->plan.subject,
			    .decision = &job->plan.decision,
		    });
}

/* A program that another one of the session debugs is not ours to trace, and so
 * not to compare: `allow ptrace` says that it may do as its debugger likes. */
static bool is_debugged(struct tracer *tracer, const struct job *job)
{
	struct session *session = tracer->session;
	pid_t by = session->tracing ? tracee_tracer(job->tid) : 0;

	if (by <= 0 || !tracee_in_session(by, session->supervisor))
		return false;
	/* What was granted to the caller alone would not be taken out. */
	return !job->plan.starter ||
	       !policy_grants_beyond(session->policy, job->plan.starter, NULL);
}

static void refuse_unseen(struct tracer *tracer, const struct job *job)
{
	job_answer(tracer, job, -EACCES, 0);
	record_error(tracer->session,
		     "exec refused: the process cannot be looked at "
		     "(it is being traced, or not dumpable)");
}

bool exec_start(struct tracer *tracer, struct job *job)
{
	if (!job_valid(tracer, job)) {
		job_free(job);
		return false;
	}
	/* The exec waits for the other threads to die, and one that is traced
	 * until it is reaped: it would be us for whom it waits. */
	hold_none(tracer, job->process);
	if (job->plan.program_fd >= 0) {
		bool started = sealed_start(tracer, job);

		if (started) {
			job->next = tracer->active;
			tracer->active = job;
		} else {
			job_free(job);
		}
		return started;
	}
	if (ptrace(PTRACE_SEIZE, job->tid, 0,
		   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) {
		if (is_debugged(tracer, job)) {
			record(tracer, job->process, job->plan.subject, "",
			       job);
			job_answer(tracer, job, 0,
				   SECCOMP_USER_NOTIF_FLAG_CONTINUE);
			job_free(job);
			return false;
		}
		/* One that was killed since has left its call. */
		if (job_valid(tracer, job))
			refuse_unseen(tracer, job);
		job_free(job);
		return false;
	}
	/* Queued before the answer: a success stops with EVENT_EXEC first, and
	 * the detach there clears it; a failure stops on its way out. */
	(void)ptrace(PTRACE_INTERRUPT, job->tid, 0, 0);
	job->next = tracer->active;
	tracer->active = job;
	job_answer(tracer, job, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	return true;
}

static struct job *take_deferred(struct tracer *tracer, pid_t process)
{
	for (struct job **at = &tracer->deferred; *at; at = &(*at)->next) {
		if ((*at)->process == process) {
			struct job *job = *at;

			*at = job->next;
			return job;
		}
	}
	return NULL;
}

void exec_settle(struct tracer *tracer, struct job **at)
{
	struct job *job = *at;
	pid_t process = job->process;

	*at = job->next;
	job_free(job);
	do
		job = take_deferred(tracer, process);
	while (job && !job_start(tracer, job));
}

static bool same_file(pid_t pid, const struct exec_plan *plan)
{
	struct stat status;
	char link[32];

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	return stat(link, &status) == 0 && status.st_dev == plan->device &&
	       status.st_ino == plan->inode;
}

static void read_link(pid_t pid, const char *name, char target[PATH_MAX])
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/%d/%s", pid, name);
	ssize_t length = readlink(link, target, PATH_MAX - 1);

	target[length > 0 ? length : 0] = '\0';
}

static void record_image(struct tracer *tracer, pid_t pid, struct job *job)
{
	char found[PATH_MAX], cwd[PATH_MAX];
	const char *exe = job->plan.exe;

	if (!exe) {
		read_link(pid, "exe", found);
		exe = found;
	}
	read_link(pid, "cwd", cwd);
	record(tracer, pid, exe, cwd, job);
	exits_watch(tracer->session->exits, pid, job->parent, exe, &job->fd);
}

/* What is killed leaves its stop at once, and its image with it: then there is
 * nothing to compare, and nothing that will run. */
static bool is_killed(pid_t pid)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, pid, 0, &info) && errno == ESRCH;
}

static void make_ready(struct tracer *tracer, struct image_stack *stack,
		       const struct exec_plan *plan)
{
	pid_t pid = stack->pid;

	if (!prepare_image(tracer->session, stack, plan) || is_killed(pid))
		return;
	kill(pid, SIGKILL);
	record_error(tracer->session,
		     "a program was ended before it ran: its environment could "
		     "not be made ready");
}

/* A new image stands ready, its first instruction not yet run. */
static void verify(struct tracer *tracer, pid_t pid)
{
	struct image_stack stack = {0};
	unsigned long former = 0;

	(void)ptrace(PTRACE_GETEVENTMSG, pid, 0, &former);
	struct job **at = exec_of_thread(tracer, (pid_t)former);

	if (*at && (*at)->plan.program_fd >= 0)
		sealed_ready(tracer, *at, pid, (pid_t)former);
	const char *wrong = NULL;

	if (!*at || !same_file(pid, &(*at)->plan))
		wrong = "another program than the one decided about was about "
			"to run: its path was changed during the call";
	else if (image_stack_read(pid, &stack) ||
		 !image_stack_has_argv(&stack, (*at)->plan.argv,
				       (*at)->plan.argv_length))
		wrong = "a program was about to run with other arguments than "
			"those decided about";
	if (!wrong) {
		record_image(tracer, pid, *at);
		make_ready(tracer, &stack, &(*at)->plan);
	} else if (!is_killed(pid)) {
		tracer_attack(tracer, pid, wrong);
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
	image_stack_free(&stack);
	if (*at)
		exec_settle(tracer, at);
}

void exec_stopped(struct tracer *tracer, pid_t pid, int status)
{
	if (status >> 16 == PTRACE_EVENT_EXEC) {
		verify(tracer, pid);
		return;
	}
	struct job **at = exec_of_thread(tracer, pid);
	int signal = status >> 16 ? 0 : WSTOPSIG(status);

	if (*at && (*at)->plan.program_fd >= 0) {
		if (signal != (SIGTRAP | 0x80)) {
			/* SIGSTOP, which cannot be blocked: on to the exit. */
			(void)ptrace(PTRACE_SYSCALL, pid, 0,
				     (void *)(uintptr_t)(unsigned)signal);
			return;
		}
		sealed_failed(tracer, *at);
		exec_settle(tracer, at);
		return;
	}
	/* On its way out of an exec that failed, or a signal came first. */
	ptrace(PTRACE_DETACH, pid, 0, (void *)(uintptr_t)(unsigned)signal);
	if (*at)
		exec_settle(tracer, at);
}
