/*
 * Jobs of the tracer that have a thread make calls: give it an O_PATH
 * descriptor, a directory or a terminal, fetch a descriptor of its own, or take
 * it out of a call for a signal. How a thread is made to is in inject.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/calls/veiled.h"
#include "supervisor/inject.h"
#include "supervisor/own_filter.h"
#include "supervisor/proc.h"
#include "supervisor/session.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer_jobs.h"

static int install(struct tracer *tracer, const struct job *job, int fd)
{
	struct seccomp_notif_addfd add = {
		.id = job->request.id,
		.srcfd = (uint32_t)fd,
		.newfd_flags = O_CLOEXEC,
	};
	int number = ioctl(tracer->session->listener, SECCOMP_IOCTL_NOTIF_ADDFD,
			   &add);

	return number < 0 ? -errno : number;
}

static int inject(struct injection *injection, int64_t *result, long number,
		  uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t arguments[6] = {a, b, c, 0, 0, 0};

	return inject_call(injection, result, number, arguments);
}

/* A datagram socket without a peer that holds nothing but the descriptor. */
static int parcel(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	ssize_t sent = sendmsg(pair[0], &message, 0);
	int error = sent < 0 ? -errno : 0;

	close(pair[0]);
	if (error) {
		close(pair[1]);
		return error;
	}
	return pair[1];
}

/* What recvmsg(2) needs in the program's memory: room for one descriptor. */
struct scratch {
	struct msghdr message;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
};

/* The descriptor that a received control message tells of, or -1. */
static int received_fd(struct scratch *scratch)
{
	struct msghdr message = {
		.msg_control = scratch->control,
		.msg_controllen = sizeof(scratch->control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd;

	if (header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/*
 * Receive the parcel that lies at `socket` in the program: sets `number` to
 * the descriptor it became. The scratch lies below the red zone of the stack
 * and is put back. A sibling that meddles with it only loses descriptors of its
 * own: what is in the parcel is what was decided.
 */
static int unpack(struct tracer *tracer, struct injection *injection,
		  int socket, int *number)
{
	struct scratch scratch = {0}, kept;
	uint64_t at = (registers_stack(&injection->saved) - REGISTERS_RED_ZONE -
		       sizeof(scratch)) &
		      ~UINT64_C(15);
	int64_t result = -EFAULT;

	*number = -1;
	scratch.message.msg_control =
		(void *)(uintptr_t)(at + offsetof(struct scratch, control));
	scratch.message.msg_controllen = sizeof(scratch.control);
	inject_reach(injection->tid, at);
	if (tracee_read(injection->tid, at, &kept, sizeof(kept)) ||
	    tracee_write(injection->tid, at, &scratch, sizeof(scratch)))
		return 0;
	atomic_store(&tracer->guarded, injection->tid);
	int error = inject(injection, &result, SYS_recvmsg, (uint64_t)socket,
			   at, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	atomic_store(&tracer->guarded, 0);
	if (error)
		return error;
	if (result >= 0 &&
	    tracee_read(injection->tid, at, &scratch, sizeof(scratch)) == 0)
		*number = received_fd(&scratch);
	(void)tracee_write(injection->tid, at, &kept, sizeof(kept));
	return 0;
}

/*
 * Put what the parcel became at the number that is wanted. Where any will do it
 * is where the parcel was, the lowest free descriptor, as open(2) would give.
 * From a number that the filter asks about (calls/veiled.h) it cannot be moved:
 * it stays, at the next one, or all below are in use and there is no room.
 */
static int place_path(struct injection *injection, const struct tracer *tracer,
		      const struct job *job, int socket, int number,
		      int64_t *answer)
{
	const bool moves = !tracer->session->veils || number < VEILED_FROM;
	int to = -1;

	if (job->number >= 0)
		to = job->number;
	else if (moves && socket >= job->least)
		to = socket;
	else if (number >= job->least)
		to = number;
	if (to == number) {
		int64_t result;

		*answer = number;
		return job->close_on_exec
			       ? 0
			       : inject(injection, &result, SYS_fcntl,
					(uint64_t)number, F_SETFD, 0);
	}
	if (!moves)
		return 0;
	if (to >= 0)
		return inject(injection, answer, SYS_dup3, (uint64_t)number,
			      (uint64_t)to, job->close_on_exec ? O_CLOEXEC : 0);
	return inject(injection, answer, SYS_fcntl, (uint64_t)number,
		      job->close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD,
		      (uint64_t)job->least);
}

/* Bring an O_PATH descriptor into the program. */
static int give_path(struct injection *injection, struct tracer *tracer,
		     const struct job *job, int socket, int64_t *answer)
{
	int64_t result;
	int number;
	int error = unpack(tracer, injection, socket, &number);

	*answer = -EMFILE;
	if (!error && number >= 0)
		error = place_path(injection, tracer, job, socket, number,
				   answer);
	if (!error && number >= 0 && *answer != number)
		error = inject(injection, &result, SYS_close, (uint64_t)number,
			       0, 0);
	if (!error && *answer != socket)
		error = inject(injection, &result, SYS_close, (uint64_t)socket,
			       0, 0);
	return error;
}

static int change_directory(struct injection *injection, struct tracer *tracer,
			    int socket, int64_t *answer)
{
	int64_t result;
	int number;
	int error = unpack(tracer, injection, socket, &number);

	*answer = -ENOMEM;
	if (!error && number >= 0) {
		error = inject(injection, answer, SYS_fchdir, (uint64_t)number,
			       0, 0);
		if (!error)
			error = inject(injection, &result, SYS_close,
				       (uint64_t)number, 0, 0);
	}
	if (!error)
		error = inject(injection, &result, SYS_close, (uint64_t)socket,
			       0, 0);
	return error;
}

static int take_terminal(struct injection *injection, const struct job *job,
			 int number, int64_t *answer)
{
	int64_t result;
	/* Whether it may have it is the kernel's to say: tty_ioctl(4). */
	int error = inject(injection, &result, SYS_ioctl, (uint64_t)number,
			   TIOCSCTTY, 0);

	if (!error && !job->close_on_exec)
		error = inject(injection, &result, SYS_fcntl, (uint64_t)number,
			       F_SETFD, 0);
	*answer = number;
	return error;
}

/* A thread that a debugger of the session traces cannot be made to call. A
 * directory that is what it seems it may then change to by itself: what is done
 * there is decided about by the directory's own name. */
static void forgo(struct tracer *tracer, const struct job *job)
{
	bool debugged = tracer->session->tracing &&
			tracee_in_session(tracee_tracer(job->tid),
					  tracer->session->supervisor);

	if (debugged && job->kind == JOB_CHDIR && job->plain)
		job_answer(tracer, job, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	else
		job_answer(tracer, job, -EPERM, 0);
}

/* The caller makes its own call, and nobody's exec is settled before it has:
 * who the target is cannot change from what is looked at here. */
static void run_guarded(struct tracer *tracer, const struct job *job)
{
	struct injection injection;
	int64_t answer = -EPERM;
	pid_t target = job->number;
	bool closed = proc_closed(tracer->session, target, job->tid);
	/* It would wait for that exec, and the exec for us. */
	bool busy = exec_under_way(tracer, tracee_process(target));
	int error = inject_begin(&injection, tracer->session->listener,
				 job->request.id, job->tid);

	if (error == -EPERM) {
		job_answer(tracer, job, -EPERM, 0);
		return;
	}
	if (!error && busy) {
		inject_release(&injection); /* and comes again */
		return;
	}
	if (!error && !closed) {
		atomic_store(&tracer->guarded, job->tid);
		error = inject_call(&injection, &answer, job->request.data.nr,
				    (const uint64_t *)job->request.data.args);
		atomic_store(&tracer->guarded, 0);
	}
	if (!error)
		error = inject_end(&injection, answer);
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->tid,
			      "a thread left the calls it was made to make");
}

static void run_injection(struct tracer *tracer, struct job *job)
{
	struct injection injection;
	int64_t answer = -EPERM;
	auto_fd given = job->kind == JOB_GIVE_TERMINAL ? take_fd(&job->fd)
						       : parcel(job->fd);

	if (given < 0) {
		job_answer(tracer, job, -ENOMEM, 0);
		return;
	}
	int number = install(tracer, job, given);

	/* The program's alone before it goes on: a terminal that we still had
	 * open would not hang up with its own close. */
	close(take_fd(&given));
	if (job->fd >= 0)
		close(take_fd(&job->fd));
	if (number < 0) {
		job_answer(tracer, job, number == -EMFILE ? -EMFILE : -EPERM,
			   0);
		return;
	}
	int error = inject_begin(&injection, tracer->session->listener,
				 job->request.id, job->tid);

	if (error == -EPERM) {
		forgo(tracer, job);
		return;
	}
	if (!error) {
		if (job->kind == JOB_GIVE_PATH)
			error = give_path(&injection, tracer, job, number,
					  &answer);
		else if (job->kind == JOB_CHDIR)
			error = change_directory(&injection, tracer, number,
						 &answer);
		else
			error = take_terminal(&injection, job, number, &answer);
	}
	if (!error)
		error = inject_end(&injection, answer);
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->process,
			      "a thread left the calls it was made to make");
}

/* Out of the call, a descriptor fetched, and into the call once more. */
static void run_take_fd(struct tracer *tracer, const struct job *job)
{
	struct injection injection;
	int pair[2], taken, error = take_fd_pair(pair);

	if (error) {
		job_answer(tracer, job, error, 0);
		return;
	}
	auto_fd ours = pair[0], theirs = pair[1];
	int number = install(tracer, job, theirs);

	if (number >= 0)
		error = inject_begin(&injection, tracer->session->listener,
				     job->request.id, job->tid);
	if (number < 0 || error == -EPERM) {
		takings_done(tracer->session->takings, &job->request);
		job_answer(tracer, job, number == -EMFILE ? -EMFILE : -EPERM,
			   0);
		return;
	}
	if (!error)
		error = take_fd_run(&injection, (int[2]){ours, theirs}, number,
				    job->number, &tracer->helper, &taken);
	if (!error && taken < 0) {
		takings_done(tracer->session->takings, &job->request);
		error = inject_end(&injection, taken);
	} else if (!error) {
		/* Kept before it runs on, or the call would not find it. */
		takings_keep(tracer->session->takings, &job->request,
			     job->number, taken);
		error = inject_again(&injection, job->request.data.nr,
				     (const uint64_t *)job->request.data.args);
	}
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->process,
			      "a thread left the calls it was made to make");
}

/* One that a debugger traces installs its own, and bears what follows. */
static void run_filter(struct tracer *tracer, const struct job *job)
{
	struct injection injection;
	uint64_t arguments[6], at;
	int64_t answer = -ENOMEM;
	int error = inject_begin(&injection, tracer->session->listener,
				 job->request.id, job->tid);

	if (error == -EPERM) {
		job_answer(tracer, job, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
		return;
	}
	if (!error)
		error = own_filter_place(&injection, &job->filter, &at);
	if (!error && at) {
		memcpy(arguments, job->request.data.args, sizeof(arguments));
		arguments[2] = at;
		atomic_store(&tracer->guarded, job->tid);
		error = inject_call(&injection, &answer, job->request.data.nr,
				    arguments);
		atomic_store(&tracer->guarded, 0);
		if (!error)
			error = own_filter_remove(&injection, &job->filter, at);
	}
	if (!error)
		error = inject_end(&injection, answer);
	if (error && error != -ESRCH)
		tracer_attack(tracer, job->tid,
			      "a thread left the calls it was made to make");
}

/* Out of the call and on: a trap is pending, so that -ERESTARTSYS is never seen
 * by the program, whatever became of the signal. */
static void run_restart(struct tracer *tracer, const struct job *job)
{
	struct injection injection;
	int error = inject_begin(&injection, tracer->session->listener,
				 job->request.id, job->tid);

	if (error == -EPERM)
		job_answer(tracer, job, -EINTR, 0);
	else if (!error)
		inject_release(&injection);
}

void inject_job(struct tracer *tracer, struct job *job)
{
	if (!job_valid(tracer, job))
		return; /* it was killed */
	if (job->kind == JOB_RESTART)
		run_restart(tracer, job);
	else if (job->kind == JOB_TAKE_FD)
		run_take_fd(tracer, job);
	else if (job->kind == JOB_GUARDED)
		run_guarded(tracer, job);
	else if (job->kind == JOB_FILTER)
		run_filter(tracer, job);
	else
		run_injection(tracer, job);
}
