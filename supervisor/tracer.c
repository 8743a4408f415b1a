#include "supervisor/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/limits.h"
#include "supervisor/record.h"
#include "supervisor/session.h"
#include "supervisor/stack/stack.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer_hold.h"
#include "supervisor/tracer_jobs.h"
#include "supervisor/worker.h"

/* ------------------------------------------------------------ hand-over -- */

void exec_plan_free(struct exec_plan *plan)
{
	free(plan->argv);
	free(plan->subject);
	free(plan->exe);
	if (plan->program_fd >= 0)
		close(plan->program_fd);
	free((char *)(uintptr_t)plan->program.exe);
	free((char *)(uintptr_t)plan->program.script);
	*plan = (struct exec_plan){.program_fd = -1};
}

void job_free(struct job *job)
{
	if (!job)
		return;
	if (job->fd >= 0)
		close(job->fd);
	exec_plan_free(&job->plan);
	free(job->filter.filter);
	free(job);
}

static struct job *job_new(struct call *call, enum job_kind kind, int fd)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->kind = kind;
	job->plan.program_fd = -1;
	job->request = call->request;
	job->tid = call->tid;
	/* Only execs are told apart by process; to kill, a thread will do. */
	job->process = call->tid;
	job->fd = -1;
	if (kind == JOB_EXEC)
		job->fd = tracee_lead(call->tid, &job->process, &job->parent);
	if (fd >= 0) {
		job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (job->fd < 0) {
			free(job);
			return NULL;
		}
	}
	return job;
}

/* Have it run on this processor: a job is for a thread that waits here, and
 * what the two have to say to each other is said sooner where no other
 * processor has to be woken for it. With the lock, so that it has not ended. */
static void call_here(struct tracer *tracer)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == tracer->cpu ||
	    !atomic_load(&tracer->resting) || tracer->ending)
		return;
	CPU_ZERO(&here);
	CPU_SET((unsigned)cpu, &here);
	if (pthread_setaffinity_np(tracer->thread, sizeof(here), &here) == 0)
		tracer->cpu = cpu;
}

void tracer_wake(struct tracer *tracer)
{
	uint64_t one = 1;

	(void)!write(tracer->events, &one, sizeof(one));
}

static void submit_job(struct tracer *tracer, struct job *job)
{
	pthread_mutex_lock(&tracer->lock);
	call_here(tracer);
	*tracer->queue_end = job;
	tracer->queue_end = &job->next;
	pthread_mutex_unlock(&tracer->lock);
	tracer_wake(tracer);
}

static void submit(struct call *call, struct job *job)
{
	call->answered = true;
	submit_job(call->session->tracer, job);
}

int tracer_look(struct tracer *tracer, const struct seccomp_notif *request,
		struct look *look)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->kind = JOB_LOOK;
	job->plan.program_fd = -1;
	job->request = *request;
	job->tid = job->process = (pid_t)request->pid;
	job->fd = -1;
	job->look = look;
	submit_job(tracer, job);
	return 0;
}

int tracer_exec(struct call *call, struct exec_plan *plan)
{
	struct job *job = job_new(call, JOB_EXEC, -1);

	if (!job) {
		exec_plan_free(plan);
		return -ENOMEM;
	}
	job->plan = *plan;
	submit(call, job);
	return 0;
}

static int submit_fd(struct call *call, enum job_kind kind, int fd,
		     bool close_on_exec)
{
	struct job *job = job_new(call, kind, fd);

	if (!job)
		return -ENOMEM;
	job->close_on_exec = close_on_exec;
	submit(call, job);
	return 0;
}

int tracer_give_path(struct call *call, int fd, bool close_on_exec)
{
	return tracer_duplicate_path(call, fd, -1, 0, close_on_exec);
}

int tracer_duplicate_path(struct call *call, int fd, int number, int least,
			  bool close_on_exec)
{
	struct job *job = job_new(call, JOB_GIVE_PATH, fd);

	if (!job)
		return -ENOMEM;
	job->number = number;
	job->least = least;
	job->close_on_exec = close_on_exec;
	submit(call, job);
	return 0;
}

int tracer_chdir(struct call *call, int fd, bool plain)
{
	struct job *job = job_new(call, JOB_CHDIR, fd);

	if (!job)
		return -ENOMEM;
	job->plain = plain;
	submit(call, job);
	return 0;
}

int tracer_guarded(struct call *call, pid_t target)
{
	struct job *job = job_new(call, JOB_GUARDED, -1);

	if (!job)
		return -ENOMEM;
	job->number = target;
	/* The caller's thread makes the same call once more, for us. */
	call->handed_over = true;
	submit(call, job);
	return 0;
}

int tracer_filter(struct call *call, const struct sock_fprog *filter)
{
	struct job *job = job_new(call, JOB_FILTER, -1);

	if (!job)
		return -ENOMEM;
	job->filter = *filter;
	call->handed_over = true;
	submit(call, job);
	return 0;
}

int tracer_give_terminal(struct call *call, int fd, bool close_on_exec)
{
	return submit_fd(call, JOB_GIVE_TERMINAL, fd, close_on_exec);
}

int tracer_restart(struct call *call)
{
	return submit_fd(call, JOB_RESTART, -1, false);
}

int tracer_take_fd(struct call *call, int fd)
{
	struct job *job = job_new(call, JOB_TAKE_FD, -1);

	if (!job)
		return -ENOMEM;
	job->number = fd;
	/* What the call has found stays for when it comes again. */
	call->handed_over = true;
	submit(call, job);
	return 0;
}

bool tracer_own_call(const struct call *call)
{
	struct tracer *tracer = call->session->tracer;

	switch (call->request.data.nr) {
	case SYS_sendmsg:
		return atomic_load(&tracer->helper) == call->tid;
	case SYS_recvmsg:
	case SYS_ptrace:
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
	case SYS_prctl:
	case SYS_seccomp:
		return atomic_load(&tracer->guarded) == call->tid;
	case SYS_execveat:
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < MOST_OWN_EXECS; i++)
		if (atomic_load(&tracer->own_execs[i]) == call->tid)
			return true;
	return false;
}

/* -------------------------------------------------------------- answers -- */

void job_answer(struct tracer *tracer, const struct job *job, int64_t result,
		uint32_t flags)
{
	struct seccomp_notif_resp response = {
		.id = job->request.id,
		.val = result < 0 ? 0 : result,
		.error = result < 0 ? (int)result : 0,
		.flags = flags,
	};

	(void)ioctl(tracer->session->listener, SECCOMP_IOCTL_NOTIF_SEND,
		    &response);
}

bool job_valid(const struct tracer *tracer, const struct job *job)
{
	uint64_t id = job->request.id;

	return ioctl(tracer->session->listener, SECCOMP_IOCTL_NOTIF_ID_VALID,
		     &id) == 0;
}

/* A process that did what it could not have done by itself is not to be
 * trusted any more. */
void tracer_attack(struct tracer *tracer, pid_t pid, const char *what)
{
	kill(pid, SIGKILL);
	record_attack(tracer->session, pid, what);
}
/* -------------------------------------------------------------- waiting -- */

static void reap(struct tracer *tracer)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status,
			      __WALL | WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		bool traced = WIFSTOPPED(status) &&
			      (status >> 16 || *exec_of_thread(tracer, pid));

		if (traced) {
			exec_stopped(tracer, pid, status);
			continue;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			struct job **at = exec_of_thread(tracer, pid);

			if (*at) {
				sealed_forget(tracer, pid);
				exec_settle(tracer, at);
			}
			hold_ended(tracer, pid);
		}
		if (pid != tracer->session->program)
			continue;
		if (WIFSIGNALED(status))
			limits_ended(tracer->session, pid, WTERMSIG(status));
		tracer->changed(tracer->context, status);
	}
}

/* Nothing is begun in a process while its exec is under way. SEIZE would sleep
 * until that has opened its files, and we with it, for everybody: one of them
 * may have a lease (fcntl(2), F_SETLEASE), for which it waits 45 seconds. */
static bool waits_for_exec(struct tracer *tracer, struct job *job)
{
	if (!tracer->active)
		return false;
	if (job->kind != JOB_EXEC)
		job->process = tracee_process(job->tid);
	return exec_under_way(tracer, job->process);
}

bool job_start(struct tracer *tracer, struct job *job)
{
	if (waits_for_exec(tracer, job)) {
		job->next = tracer->deferred;
		tracer->deferred = job;
		return false;
	}
	if (job->kind == JOB_EXEC)
		return exec_start(tracer, job);
	if (job->kind == JOB_LOOK)
		stack_look(job->look);
	else
		inject_job(tracer, job);
	job_free(job);
	return false;
}

/* Returns whether anything was queued. */
static bool run_queue(struct tracer *tracer)
{
	pthread_mutex_lock(&tracer->lock);
	struct job *job = tracer->queue;
	bool any = job != NULL;

	tracer->queue = NULL;
	tracer->queue_end = &tracer->queue;
	pthread_mutex_unlock(&tracer->lock);
	while (job) {
		struct job *next = job->next;

		job->next = NULL;
		/* Reap first, each time: an unreaped traced thread keeps an
		 * exec of its process, and then our SEIZE, waiting. */
		reap(tracer);
		(void)job_start(tracer, job);
		job = next;
	}
	return any;
}

/* What has come: children's changes, jobs. Returns whether it is to end. */
static bool take_events(struct tracer *tracer, const struct pollfd fds[2])
{
	struct signalfd_siginfo infos[4];
	uint64_t count;

	if (fds[0].revents)
		(void)!read(tracer->events, &count, sizeof(count));
	/* One SIGCHLD stands for many: fewer than asked for were all. */
	while (fds[1].revents &&
	       read(tracer->signals, infos, sizeof(infos)) == sizeof(infos))
		;
	pthread_mutex_lock(&tracer->lock);
	bool ending = tracer->ending;

	pthread_mutex_unlock(&tracer->lock);
	return ending;
}

static void *trace(void *context)
{
	struct tracer *tracer = context;
	struct pollfd fds[2] = {
		{.fd = tracer->events, .events = POLLIN},
		{.fd = tracer->signals, .events = POLLIN},
	};

	for (;;) {
		/* With an exec under way it is soon to go on where it is. */
		atomic_store(&tracer->resting, !tracer->active);
		int count = poll(fds, 2, -1);

		atomic_store(&tracer->resting, false);
		if (count < 0 && errno != EINTR)
			break;
		if (count < 0)
			continue;
		bool ending = take_events(tracer, fds);

		takings_prune(tracer->session->takings);
		if (!run_queue(tracer))
			reap(tracer);
		holds_run(tracer);
		if (ending)
			break;
	}
	return NULL;
}

int tracer_start(struct session *session, tracer_program_changed *changed,
		 void *context, struct tracer **result)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	sigset_t child;

	if (!tracer)
		return -ENOMEM;
	tracer->session = session;
	tracer->changed = changed;
	tracer->context = context;
	tracer->queue_end = &tracer->queue;
	tracer->holds.queue_end = &tracer->holds.queue;
	tracer->cpu = -1;
	pthread_mutex_init(&tracer->lock, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	tracer->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tracer->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	int error = tracer->events < 0 || tracer->signals < 0
			    ? -errno
			    : inject_prepare();

	if (!error)
		error = worker_thread(&tracer->thread, trace, tracer);

	if (error) {
		if (tracer->events >= 0)
			close(tracer->events);
		if (tracer->signals >= 0)
			close(tracer->signals);
		free(tracer);
		return error;
	}
	*result = tracer;
	return 0;
}

void tracer_stop(struct tracer *tracer)
{
	if (!tracer)
		return;
	pthread_mutex_lock(&tracer->lock);
	tracer->ending = true;
	pthread_mutex_unlock(&tracer->lock);
	tracer_wake(tracer);
	pthread_join(tracer->thread, NULL);
	while (tracer->active)
		exec_settle(tracer, &tracer->active);
	holds_free(tracer);
	close(tracer->events);
	close(tracer->signals);
	pthread_mutex_destroy(&tracer->lock);
	free(tracer);
}
