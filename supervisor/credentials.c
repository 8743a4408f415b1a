#include "supervisor/credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"

/* Of all workers, where they have to share one umask. */
static pthread_mutex_t umask_lock = PTHREAD_MUTEX_INITIALIZER;

/* glibc's setgroups() acts on all threads of the process; the system call on
 * the calling one alone, which is what is wanted here. */
static int thread_setgroups(size_t count, const gid_t *groups)
{
	return syscall(SYS_setgroups, count, groups) ? -errno : 0;
}

static int get_capabilities(uint64_t *effective, uint64_t *permitted)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*effective = data[0].effective | (uint64_t)data[1].effective << 32;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int set_capabilities(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)effective,
		 .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)(effective >> 32),
		 .permitted = (uint32_t)(permitted >> 32)},
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static uint64_t bit(unsigned capability)
{
	return UINT64_C(1) << capability;
}

/* What a worker needs beside the session's own: to read any tracee and to take
 * on its ids. None of these opens a file. */
static uint64_t worker_needs(void)
{
	return bit(CAP_SYS_PTRACE) | bit(CAP_SETUID) | bit(CAP_SETGID) |
	       bit(CAP_KILL);
}

uint64_t credentials_withheld(void)
{
	uint64_t mask = bit(CAP_SYS_ADMIN) | bit(CAP_SYS_RAWIO) |
			bit(CAP_SYS_PTRACE) | bit(CAP_NET_ADMIN) |
			bit(CAP_SYS_MODULE) | bit(CAP_MKNOD) |
			bit(CAP_SYS_BOOT) | bit(CAP_SYS_TIME) |
			bit(CAP_SYS_RESOURCE); /* it lifts all limits */

#ifdef CAP_BPF
	mask |= bit(CAP_BPF);
#endif
#ifdef CAP_PERFMON
	mask |= bit(CAP_PERFMON);
#endif
	return mask;
}

int credentials_learn(struct session *session)
{
	uint64_t effective, permitted;
	int error = get_capabilities(&effective, &permitted);

	if (error)
		return error;
	session->uid = geteuid();
	session->gid = getegid();
	session->capabilities = permitted & ~credentials_withheld();
	session->privileged = permitted != 0;
	int count = getgroups(sizeof(session->groups) / sizeof(gid_t),
			      session->groups);

	if (count < 0)
		return -errno;
	session->group_count = (size_t)count;
	return 0;
}

int credentials_worker(const struct session *session)
{
	uint64_t effective, permitted;
	int error = get_capabilities(&effective, &permitted);

	if (error || !session->privileged)
		return error;
	return set_capabilities((session->capabilities | worker_needs()) &
					permitted,
				permitted);
}

static bool same_as_session(const struct session *session,
			    const struct tracee_status *status)
{
	return status->fsuid == session->uid && status->fsgid == session->gid &&
	       status->effective == session->capabilities &&
	       status->group_count == session->group_count &&
	       memcmp(status->groups, session->groups,
		      status->group_count * sizeof(gid_t)) == 0;
}

int credentials_assume(struct call *call)
{
	struct session *session = call->session;
	struct tracee_status status;
	uint64_t effective, permitted;

	call->credentialed = false;
	if (!atomic_load_explicit(&session->credentials_vary,
				  memory_order_relaxed))
		return 0;
	if (tracee_status(call->tid, &status))
		return -ESRCH;
	call->process = status.process;
	if (same_as_session(session, &status))
		return 0;
	if (status.groups_cut)
		return -E2BIG;
	int error = get_capabilities(&effective, &permitted);

	if (!error)
		error = thread_setgroups(status.group_count, status.groups);
	if (error)
		return error;
	call->credentialed = true;
	setfsgid(status.fsgid);
	setfsuid(status.fsuid);
	if ((gid_t)setfsgid((gid_t)-1) != status.fsgid ||
	    (uid_t)setfsuid((uid_t)-1) != status.fsuid) {
		credentials_restore(call);
		return -EPERM;
	}
	/* setfsuid(2) drops the file capabilities of a user other than root,
	 * and gives them back to root: say exactly what is in effect. */
	error = set_capabilities((status.effective | worker_needs()) &
					 permitted,
				 permitted);
	if (error)
		credentials_restore(call);
	return error;
}

void credentials_restore(struct call *call)
{
	struct session *session = call->session;

	if (!call->credentialed)
		return;
	call->credentialed = false;
	if (credentials_worker(session)) {
		session_fail(session, "a worker could not take its ids back");
		return;
	}
	setfsuid(session->uid);
	setfsgid(session->gid);
	if (thread_setgroups(session->group_count, session->groups) ||
	    credentials_worker(session))
		session_fail(session, "a worker could not take its ids back");
}

int credentials_umask(struct call *call)
{
	struct session *session = call->session;
	mode_t mask = session->umask;

	if (atomic_load_explicit(&session->umask_varies,
				 memory_order_relaxed)) {
		struct tracee_status status;

		if (tracee_status(call->tid, &status))
			return -ESRCH;
		mask = status.umask;
	}
	if (!session->kernel.unshare_fs)
		pthread_mutex_lock(&umask_lock);
	umask(mask);
	return 0;
}

void credentials_umask_done(struct call *call)
{
	if (!call->session->kernel.unshare_fs)
		pthread_mutex_unlock(&umask_lock);
}
