/*
 * Calls about processes: signals and limits only inside of the session; umask
 * and credentials, of which note is taken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/veiled.h"
#include "supervisor/members.h"
#include "supervisor/own_filter.h"
#include "supervisor/session.h"
#include "supervisor/static_image.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

/* Nothing is decided about these; see syscalls.def. */
void call_setsid(struct call *call)
{
	call_continue(call);
}

void call_setpgid(struct call *call)
{
	call_continue(call);
}

/* The kernel keeps the umask; we look it up once it may differ. */
void call_umask(struct call *call)
{
	mode_t mask = (mode_t)call_arg(call, 0) & 0777;

	if (mask != call->session->umask)
		atomic_store(&call->session->umask_varies, true);
	call_continue(call);
}

static void note_credentials(struct call *call)
{
	atomic_store(&call->session->credentials_vary, true);
	call_continue(call);
}

/* To the ids that every process has until one changes them, nothing is changed
 * (make(1) sets them so before each command that it starts); nor to -1. */
static void note_ids(struct call *call, unsigned count, uint32_t own)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t id = (uint32_t)call_arg(call, i);

		if (id != own && id != UINT32_MAX) {
			note_credentials(call);
			return;
		}
	}
	call_continue(call);
}

#define NOTES(name, count, own)                                                \
	void call_##name(struct call *call)                                    \
	{                                                                      \
		note_ids(call, count, call->session->own);                     \
	}

NOTES(setuid, 1, uid)
NOTES(setgid, 1, gid)
NOTES(setreuid, 2, uid)
NOTES(setregid, 2, gid)
NOTES(setresuid, 3, uid)
NOTES(setresgid, 3, gid)
NOTES(setfsuid, 1, uid)
NOTES(setfsgid, 1, gid)

void call_setgroups(struct call *call)
{
	note_credentials(call);
}

void call_capset(struct call *call)
{
	note_credentials(call);
}

/* Its own filter, so that it lets what we have it call pass. One with a
 * listener the kernel refuses: there is one. */
static bool install(struct call *call)
{
	const bool by_prctl = call->request.data.nr == SYS_prctl;
	struct sock_fprog filter;

	if (by_prctl ? call_arg(call, 1) != SECCOMP_MODE_FILTER
		     : call_int(call, 0) != SECCOMP_SET_MODE_FILTER ||
			       (call_arg(call, 1) &
				SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return false;
	if (own_filter_read(call->tid, call_arg(call, 2), &filter))
		return false;
	if (tracer_filter(call, &filter) == 0)
		return true;
	free(filter.filter);
	return false;
}

void call_seccomp(struct call *call)
{
	atomic_store(&call->session->filters_vary, true);
	static_image_forgo(call->tid);
	if (!install(call))
		call_continue(call);
}

/* One that moves what /proc tells of a process is the tracer's alone. */
void call_prctl(struct call *call)
{
	if (call_int(call, 0) == PR_SET_MM)
		call_fail(call, EPERM);
	else if (call_int(call, 0) == PR_SET_SECCOMP)
		call_seccomp(call);
	else
		note_credentials(call);
}

static void refuse(struct call *call, pid_t pid)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY,
					   .final = true};
	char subject[32];

	snprintf(subject, sizeof(subject), "/proc/%d", pid);
	call_note(call, ACTION_WRITE, subject, &decision);
	call_fail(call, EPERM);
}

/* Only numbers travel in these calls, so the kernel may make them itself once
 * the target is known to be inside. That a process ends and its number goes to
 * one outside in the meantime takes the whole range of numbers to wrap. */
static bool is_inside(struct call *call, pid_t pid)
{
	if (pid == 0 || tracee_in_session(pid, call->session->supervisor))
		return true;
	if (syscall(SYS_kill, pid, 0) && errno == ESRCH)
		call_fail(call, ESRCH);
	else
		refuse(call, pid);
	return false;
}

static void inside_only(struct call *call, pid_t pid)
{
	if (is_inside(call, pid))
		call_continue(call);
}

#define FIRST_IS_PID(name)                                                     \
	void call_##name(struct call *call)                                    \
	{                                                                      \
		inside_only(call, call_int(call, 0));                          \
	}

FIRST_IS_PID(sched_setaffinity)
FIRST_IS_PID(sched_setscheduler)
FIRST_IS_PID(sched_setparam)
FIRST_IS_PID(sched_setattr)
FIRST_IS_PID(migrate_pages)
FIRST_IS_PID(move_pages)

/* --------------------------------------------------------------- limits -- */

/* RLIMIT_CORE: it stays as it is, since less is more where cores go to a
 * program (shim/launch.c). Who wants none has none; `old` may be 0. */
static void keep_core(struct call *call, uint64_t wanted, uint64_t old)
{
	struct rlimit limit, now;

	if (call_read(call, wanted, &limit, sizeof(limit)))
		call_fail(call, EFAULT);
	else if (limit.rlim_cur > limit.rlim_max)
		call_fail(call, EINVAL);
	else if (prlimit(call->tid, RLIMIT_CORE, NULL, &now))
		call_fail(call, ESRCH);
	else if (limit.rlim_max > now.rlim_max)
		call_fail(call, EPERM);
	else if (old && call_write(call, old, &now, sizeof(now)))
		call_fail(call, EFAULT);
	else
		call_result(call, 0);
}

void call_setrlimit(struct call *call)
{
	keep_core(call, call_arg(call, 1), 0);
}

void call_prlimit64(struct call *call)
{
	pid_t pid = call_int(call, 0);

	if (call_int(call, 1) != RLIMIT_CORE || !call_arg(call, 2))
		inside_only(call, pid);
	else if (is_inside(call, pid))
		keep_core(call, call_arg(call, 2), call_arg(call, 3));
}

/* ----------------------------------------------------------- priorities -- */

/*
 * A group, or all of a user, may reach beyond the session: each thread of the
 * session that is meant, by ourselves. Never to a better one, which the kernel
 * would grant by what we may, not the caller.
 */
struct priorities {
	long number; /* the call's */
	int which, value;
	int group; /* 0: any */
	int done, error;
};

static bool is_better(const struct priorities *change, pid_t tid)
{
	if (change->number == SYS_setpriority) {
		errno = 0;
		int now = getpriority(PRIO_PROCESS, (id_t)tid);

		return errno == 0 && change->value < now;
	}
	/* The class is above the 13 bits of the level: 1 is real time. */
	int now = (int)syscall(SYS_ioprio_get, change->which, tid);
	int class = change->value >> 13, level = change->value & 7;

	return class == 1 ||
	       (now >= 0 && class == 2 &&
		(now >> 13 == 3 || (now >> 13 == 2 && level < (now & 7))));
}

static void change_thread(struct priorities *change, pid_t tid)
{
	if (is_better(change, tid))
		change->error = EPERM;
	else if (syscall(change->number, change->which, tid, change->value))
		change->error = errno;
	else
		change->done++;
}

static bool change_process(void *context, pid_t pid, pid_t group)
{
	struct priorities *change = context;

	if (change->group && group != change->group)
		return true;
	int fd = tracee_proc_open(pid, "task", O_RDONLY | O_DIRECTORY);
	DIR *threads = fd < 0 ? NULL : fdopendir(fd);

	if (!threads)
		return true; /* it has ended */
	for (struct dirent *entry; (entry = readdir(threads));)
		if (entry->d_name[0] != '.')
			change_thread(change,
				      (pid_t)strtol(entry->d_name, NULL, 10));
	closedir(threads);
	return true;
}

/* `one` is the number of the call's kind of one process; a group's and a user's
 * follow it. */
static void set_priority(struct call *call, long number, int one)
{
	int which = call_int(call, 0), who = call_int(call, 1);
	struct tracee_status status;
	struct priorities change = {
		.number = number,
		.which = one,
		.value = call_int(call, 2),
		.error = ESRCH,
	};

	if (which == one) {
		inside_only(call, who);
		return;
	}
	if (which == one + 1)
		change.group = who ? who : getpgid(call_process(call));
	else if (which != one + 2)
		change.error = EINVAL;
	else if (who && (tracee_status(call->tid, &status) ||
			 (uid_t)who != status.uid))
		change.error = EPERM;
	if (change.error == ESRCH)
		members_each(call->session, change_process, &change);
	if (change.error == ESRCH && change.done)
		change.error = 0;
	call_result(call, -change.error);
}

void call_setpriority(struct call *call)
{
	set_priority(call, SYS_setpriority, PRIO_PROCESS);
}

/* IOPRIO_WHO_PROCESS is 1. */
void call_ioprio_set(struct call *call)
{
	set_priority(call, SYS_ioprio_set, 1);
}

/* F_SETOWN: whom the kernel will send a signal. */
void call_fcntl(struct call *call)
{
	pid_t owner = call_int(call, 2);

	if (call_int(call, 1) != F_SETOWN)
		veiled_fcntl(call);
	else if (owner < 0)
		call_fail(call, EPERM);
	else
		inside_only(call, owner);
}

/* -------------------------------------------------------------- signals -- */

struct volley {
	struct call *call;
	int group; /* 0: any */
	pid_t not ;
	int signal, sent, error;
};

static bool shoot(void *context, pid_t pid, pid_t group)
{
	struct volley *volley = context;

	if ((volley->group && group != volley->group) || pid == volley->not )
		return true;
	if (kill(pid, volley->signal) == 0)
		volley->sent++;
	else
		volley->error = errno;
	return true;
}

/* To several: each of the session's that is meant, by ourselves. */
static void signal_many(struct call *call, int group, int signal)
{
	struct volley volley = {
		.call = call,
		.group = group,
		.not = group ? 0 : call_process(call),
		.signal = signal,
		.error = ESRCH,
	};

	members_each(call->session, shoot, &volley);
	call_result(call, volley.sent ? 0 : -volley.error);
}

/* Where Landlock does not keep signals inside (before its sixth version). */
void call_kill(struct call *call)
{
	int pid = call_int(call, 0), signal = call_int(call, 1);

	if (pid > 0)
		inside_only(call, pid);
	else if (pid == -1)
		signal_many(call, 0, signal);
	else
		signal_many(call, pid == 0 ? getpgid(call_process(call)) : -pid,
			    signal);
}

void call_tkill(struct call *call)
{
	inside_only(call, call_int(call, 0));
}

void call_tgkill(struct call *call)
{
	inside_only(call, call_int(call, 0));
}

void call_rt_sigqueueinfo(struct call *call)
{
	inside_only(call, call_int(call, 0));
}

void call_rt_tgsigqueueinfo(struct call *call)
{
	inside_only(call, call_int(call, 0));
}

/* A descriptor may be another by the time the kernel looks: the signal is sent
 * through a duplicate, once it is known whose it is. */
void call_pidfd_send_signal(struct call *call)
{
	char name[32], text[512];
	auto_fd pidfd = call_take_fd(call, call_int(call, 0));

	if (pidfd < 0) {
		call_result(call, pidfd);
		return;
	}
	snprintf(name, sizeof(name), "fdinfo/%d", pidfd);
	auto_fd info = tracee_proc_open(getpid(), name, O_RDONLY);
	ssize_t length = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	int pid = 0;

	text[length > 0 ? length : 0] = '\0';
	if (!members_pidfd(text, &pid)) {
		call_fail(call, EBADF);
		return;
	}
	if (pid <= 0 || !tracee_in_session(pid, call->session->supervisor)) {
		if (pid <= 0)
			call_fail(call, ESRCH);
		else
			refuse(call, pid);
		return;
	}
	call_result(call, syscall(SYS_pidfd_send_signal, pidfd,
				  call_int(call, 1), NULL, 0)
				  ? -errno
				  : 0);
}
