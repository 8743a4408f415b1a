/*
 * Execs of what the kernel's fence keeps the kernel itself from opening.
 *
 * Theory of operation. The program's descriptor (a sealed copy, or the
 * interpreter of a script) is put into the process, and the notified thread is
 * made to make its call anew, as execveat(2) of that descriptor. A script's
 * first words are put below its stack; the others stay where they are. From
 * there on it is an exec as any other: what stands ready to run is compared
 * with what was decided. Should it fail, the thread has its own call's
 * registers again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "supervisor/inject.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer_jobs.h"

/* What the kernel keeps to itself; linux/errno.h. */
enum { RESTART_FIRST = 512, RESTART_LAST = 516 };

static bool own_add(struct tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < MOST_OWN_EXECS; i++) {
		int none = 0;

		if (atomic_compare_exchange_strong(&tracer->own_execs[i], &none,
						   tid))
			return true;
	}
	return false;
}

void sealed_forget(struct tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < MOST_OWN_EXECS; i++) {
		int own = tid;

		(void)atomic_compare_exchange_strong(&tracer->own_execs[i],
						     &own, 0);
	}
}

/* Where the call's arguments are in the program's memory. */
struct exec_words {
	uint64_t empty, argv, envp;
};

/* The script's words, and then the pointers to the caller's own from the second
 * on: laid out in one block, to stand at `at`. Returns its size or -errno. */
static ssize_t lay_out(const struct job *job, uint64_t own, uint64_t at,
		       char **block)
{
	const struct exec_plan *plan = &job->plan;
	size_t text = 0, count = plan->new_words, rest = 0;
	const char *word = plan->argv;

	for (size_t i = 0; i < count; i++)
		text += strlen(plan->argv + text) + 1;
	for (const char *p = plan->argv + text;
	     p < plan->argv + plan->argv_length; p += strlen(p) + 1)
		rest++;
	size_t pointers = (count + rest + 1) * sizeof(uint64_t);
	size_t size = 8 + pointers + text;
	uint64_t *list;

	*block = calloc(1, size + 16);
	if (!*block)
		return -ENOMEM;
	list = (uint64_t *)(void *)(*block + 8);
	for (size_t i = 0; i < count; i++) {
		list[i] = at + 8 + pointers + (uint64_t)(word - plan->argv);
		word += strlen(word) + 1;
	}
	memcpy(*block + 8 + pointers, plan->argv, text);
	if (rest && tracee_read(job->tid, own + sizeof(uint64_t), list + count,
				rest * sizeof(uint64_t))) {
		free(*block);
		return -EFAULT;
	}
	return (ssize_t)size;
}

static int put_words(const struct job *job, const struct injection *injection,
		     struct exec_words *words)
{
	bool at_call = job->request.data.nr == SYS_execveat;
	const __u64 *args = job->request.data.args;
	uint64_t own = args[at_call ? 2 : 1];
	uint64_t top = registers_stack(&injection->saved) - REGISTERS_RED_ZONE;
	char *block = NULL;
	/* Its size does not depend on where it stands. */
	ssize_t size = lay_out(job, own, 0, &block);

	free(block);
	if (size < 0)
		return (int)size;
	uint64_t at = (top - (uint64_t)size) & ~UINT64_C(15);

	size = lay_out(job, own, at, &block);
	if (size < 0)
		return (int)size;
	int error = tracee_write(job->tid, at, block, (size_t)size);

	free(block);
	words->empty = at;
	words->argv = job->plan.new_words ? at + 8 : own;
	words->envp = args[at_call ? 3 : 2];
	return error ? -E2BIG : 0;
}

static int install(struct tracer *tracer, const struct job *job)
{
	struct seccomp_notif_addfd add = {
		.id = job->request.id,
		.srcfd = (uint32_t)job->plan.program_fd,
		.newfd_flags = O_CLOEXEC,
	};
	int number = ioctl(tracer->session->listener, SECCOMP_IOCTL_NOTIF_ADDFD,
			   &add);

	return number < 0 ? -errno : number;
}

static int begin(struct tracer *tracer, struct job *job)
{
	struct injection *injection = &job->injection;
	struct exec_words words = {0};
	int error = put_words(job, injection, &words);

	if (!error && !own_add(tracer, job->tid))
		error = -EAGAIN;
	if (error)
		return error;
	const uint64_t arguments[6] = {(uint64_t)job->number, words.empty,
				       words.argv, words.envp, AT_EMPTY_PATH};

	return inject_exec(injection, SYS_execveat, arguments);
}

bool sealed_start(struct tracer *tracer, struct job *job)
{
	job->number = install(tracer, job);
	if (job->number < 0) {
		job_answer(tracer, job,
			   job->number == -EMFILE ? -EMFILE : -EACCES, 0);
		return false;
	}
	int error = inject_begin(&job->injection, tracer->session->listener,
				 job->request.id, job->tid);

	if (error == -EPERM)
		job_answer(tracer, job, -EACCES, 0);
	if (error)
		return false;
	error = begin(tracer, job);
	if (!error)
		return true;
	sealed_forget(tracer, job->tid);
	if (error == -E2BIG || error == -ENOMEM || error == -EFAULT ||
	    error == -EAGAIN)
		error = inject_end(&job->injection, error);
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->process,
			      "a thread left the calls it was made to make");
	return false;
}

void sealed_ready(struct tracer *tracer, const struct job *job, pid_t pid,
		  pid_t former)
{
	sealed_forget(tracer, former);
	/* A mask outlives an exec. */
	(void)ptrace(PTRACE_SETSIGMASK, pid, sizeof(job->injection.mask),
		     &job->injection.mask);
}

void sealed_failed(struct tracer *tracer, struct job *job)
{
	struct injection *injection = &job->injection;
	const uint64_t number[6] = {(uint64_t)job->number};
	int64_t result, closed;

	sealed_forget(tracer, job->tid);
	result = inject_result(injection);
	int error = inject_call(injection, &closed, SYS_close, number);

	if (!error && result <= -RESTART_FIRST && result >= -RESTART_LAST)
		error = inject_again(injection, job->request.data.nr,
				     (const uint64_t *)job->request.data.args);
	else if (!error)
		error = inject_end(injection, result);
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->process,
			      "a thread left the calls it was made to make");
}
