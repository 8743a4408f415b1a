#include "supervisor/take_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/inject.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

/* One message may bring 253 (SCM_MAX_FD), each fetched by itself. */
enum { MOST_KEPT = 512 };

struct taking {
	pid_t tid; /* 0: the slot is free */
	struct seccomp_data data;
	uint64_t id; /* of the notification that found it; 0: none yet */
	int number;  /* what the program has it as */
	int fd;
};

struct takings {
	pthread_mutex_t lock;
	struct taking kept[MOST_KEPT];
	size_t count, next;
};

/* ------------------------------------------------------------- the kept -- */

struct takings *takings_new(void)
{
	struct takings *takings = calloc(1, sizeof(*takings));

	if (takings)
		pthread_mutex_init(&takings->lock, NULL);
	return takings;
}

/* Under the lock. */
static void drop(struct takings *takings, struct taking *taking)
{
	if (taking->tid == 0)
		return;
	close(taking->fd);
	*taking = (struct taking){0};
	takings->count--;
}

void takings_free(struct takings *takings)
{
	if (!takings)
		return;
	for (size_t i = 0; i < MOST_KEPT; i++)
		drop(takings, &takings->kept[i]);
	pthread_mutex_destroy(&takings->lock);
	free(takings);
}

void takings_keep(struct takings *takings, const struct seccomp_notif *request,
		  int number, int fd)
{
	struct taking *slot = NULL;

	pthread_mutex_lock(&takings->lock);
	for (size_t i = 0; i < MOST_KEPT; i++) {
		struct taking *taking = &takings->kept[i];

		if (taking->tid == (pid_t)request->pid) {
			bool found = taking->id == request->id &&
				     taking->number != number;

			/* The call finds it again; what an earlier call left
			 * is of no use any more. */
			taking->id = 0;
			if (!found)
				drop(takings, taking);
		}
		if (!slot && taking->tid == 0)
			slot = taking;
	}
	/* With all in use the oldest goes: its call fetches once more. */
	if (!slot)
		slot = &takings->kept[takings->next++ % MOST_KEPT];
	drop(takings, slot);
	*slot = (struct taking){
		.tid = (pid_t)request->pid,
		.data = request->data,
		.number = number,
		.fd = fd,
	};
	takings->count++;
	pthread_mutex_unlock(&takings->lock);
}

void takings_prune(struct takings *takings)
{
	pthread_mutex_lock(&takings->lock);
	for (size_t i = 0; takings->count > 0 && i < MOST_KEPT; i++) {
		struct taking *taking = &takings->kept[i];

		if (taking->tid != 0 && kill(taking->tid, 0) && errno == ESRCH)
			drop(takings, taking);
	}
	pthread_mutex_unlock(&takings->lock);
}

/* Is it still what the number means? A handler may have left the call by
 * longjmp, and the program may make one just like it later. */
static bool still_same(const struct taking *taking, int number)
{
	char link[48];
	struct stat kept, now;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", taking->tid, number);
	return fstat(taking->fd, &kept) == 0 && stat(link, &now) == 0 &&
	       kept.st_dev == now.st_dev && kept.st_ino == now.st_ino;
}

/* A duplicate of what is kept for this very call, or -ENOENT. */
static int find(struct takings *takings, const struct call *call, int number)
{
	const struct seccomp_notif *request = &call->request;
	int fd = -ENOENT;

	pthread_mutex_lock(&takings->lock);
	for (size_t i = 0; takings->count > 0 && i < MOST_KEPT; i++) {
		struct taking *taking = &takings->kept[i];

		if (taking->tid != call->tid || taking->number != number ||
		    memcmp(&taking->data, &request->data,
			   sizeof(taking->data)) != 0)
			continue;
		if (taking->id == 0 && still_same(taking, number))
			taking->id = request->id;
		if (taking->id == request->id) {
			fd = fcntl(taking->fd, F_DUPFD_CLOEXEC, 0);
			fd = fd < 0 ? -errno : fd;
		} else {
			drop(takings, taking);
		}
		break;
	}
	pthread_mutex_unlock(&takings->lock);
	return fd;
}

int call_take_fd(struct call *call, int fd)
{
	const struct session *session = call->session;

	if (session->kernel.pidfd_getfd)
		return tracee_take_fd(call->tid, fd,
				      session->kernel.pidfd_thread);
	int taken = find(session->takings, call, fd);

	if (taken != -ENOENT)
		return taken;
	int error = tracer_take_fd(call, fd);

	return error ? error : -EAGAIN; /* not seen: the call is answered */
}

void call_taken_done(struct call *call)
{
	takings_done(call->session->takings, &call->request);
}

void takings_done(struct takings *takings, const struct seccomp_notif *request)
{
	pthread_mutex_lock(&takings->lock);
	for (size_t i = 0; takings->count > 0 && i < MOST_KEPT; i++)
		if (takings->kept[i].tid == (pid_t)request->pid &&
		    takings->kept[i].id == request->id)
			drop(takings, &takings->kept[i]);
	pthread_mutex_unlock(&takings->lock);
}

/* ---------------------------------------------------------- the fetching -- */

int take_fd_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)
		       ? -errno
		       : 0;
}

/* What sendmsg(2) needs in the program's memory. A byte of data goes along:
 * its sender's end may not be told from an empty message otherwise. */
struct scratch {
	struct msghdr message;
	struct iovec data;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
	char byte;
};

static void pack_fd(struct scratch *scratch, int fd)
{
	struct msghdr message = {
		.msg_control = scratch->control,
		.msg_controllen = sizeof(scratch->control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

static bool is_ours(pid_t tid, int number, int own)
{
	char link[48];
	struct stat there, here;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", tid, number);
	return stat(link, &there) == 0 && fstat(own, &here) == 0 &&
	       there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/* Have the helper send `fd` over `socket`; `result` is sendmsg's. */
static int send_there(struct injection *helper, int socket, int fd,
		      int64_t *result)
{
	struct scratch scratch = {0}, kept;
	uint64_t at = (registers_stack(&helper->saved) - REGISTERS_RED_ZONE -
		       sizeof(scratch)) &
		      ~UINT64_C(15);

	scratch.data = (struct iovec){
		.iov_base = (void *)(uintptr_t)(at + offsetof(struct scratch,
							      byte)),
		.iov_len = 1,
	};
	scratch.message = (struct msghdr){
		.msg_iov = (void *)(uintptr_t)(at + offsetof(struct scratch,
							     data)),
		.msg_iovlen = 1,
		.msg_control = (void *)(uintptr_t)(at + offsetof(struct scratch,
								 control)),
		.msg_controllen = sizeof(scratch.control),
	};
	pack_fd(&scratch, fd);
	*result = -EFAULT;
	inject_reach(helper->tid, at);
	if (tracee_read(helper->tid, at, &kept, sizeof(kept)) ||
	    tracee_write(helper->tid, at, &scratch, sizeof(scratch)))
		return 0;
	const uint64_t arguments[6] = {(uint64_t)socket, at,
				       MSG_DONTWAIT | MSG_NOSIGNAL};
	int error = inject_call(helper, result, SYS_sendmsg, arguments);

	if (!error)
		(void)tracee_write(helper->tid, at, &kept, sizeof(kept));
	return error;
}

/* The descriptor that was sent, and nothing else that a meddler added. */
static int receive(int end)
{
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(end, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -EBADF;
	if (message.msg_controllen < CMSG_LEN(sizeof(int)) ||
	    control.header.cmsg_level != SOL_SOCKET ||
	    control.header.cmsg_type != SCM_RIGHTS)
		return -EBADF;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

int take_fd_run(struct injection *injection, const int pair[2], int socket,
		int fd, atomic_int *helper_tid, int *result)
{
	struct injection helper;
	int64_t sent = -EBADF, closed;

	*result = -EBADF;
	int error = inject_helper(injection, &helper, &sent);

	if (!error && sent < 0) {
		*result = (int)sent; /* no thread to be had */
	} else if (!error) {
		sent = -EBADF;
		atomic_store(helper_tid, helper.tid);
		if (is_ours(helper.tid, socket, pair[1]))
			error = send_there(&helper, socket, fd, &sent);
		atomic_store(helper_tid, 0);
		if (!error)
			error = inject_helper_end(&helper);
		*result = sent < 0 ? (int)sent : receive(pair[0]);
	}
	const uint64_t arguments[6] = {(uint64_t)socket};

	if (!error)
		error = inject_call(injection, &closed, SYS_close, arguments);
	if (error && *result >= 0) {
		close(*result);
		*result = -EBADF;
	}
	return error;
}
