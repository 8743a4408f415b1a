#include "supervisor/calls/peer.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/credentials.h"
#include "supervisor/tracee.h"

static bool concerned(const struct call *call,
		      const struct endpoint_socket *socket)
{
	return call->credentialed && socket->domain == AF_UNIX;
}

/* Of the calling thread alone, unlike glibc's functions of these names. The
 * saved ids stay the worker's: they are the way back. */
static int set_ids(uid_t uid, uid_t euid, gid_t gid, gid_t egid, bool back)
{
	if (back && syscall(SYS_setresuid, uid, euid, (uid_t)-1))
		return -errno;
	if (syscall(SYS_setresgid, gid, egid, (gid_t)-1))
		return -errno;
	if (!back && syscall(SYS_setresuid, uid, euid, (uid_t)-1))
		return -errno;
	return 0;
}

int peer_assume(struct call *call, const struct endpoint_socket *socket)
{
	struct tracee_status status;

	if (!concerned(call, socket))
		return 0;
	if (tracee_status(call->tid, &status))
		return -ESRCH;
	int error = set_ids(status.uid, status.euid, status.gid, status.egid,
			    false);

	if (error)
		peer_restore(call, socket);
	return error;
}

void peer_restore(struct call *call, const struct endpoint_socket *socket)
{
	struct session *session = call->session;

	if (!concerned(call, socket))
		return;
	/* The way back also puts capabilities and file-system ids in effect
	 * that are not the caller's: take those on again. */
	if (set_ids(session->uid, session->uid, session->gid, session->gid,
		    true) ||
	    credentials_assume(call))
		session_fail(session, "a worker could not take its ids back");
}
