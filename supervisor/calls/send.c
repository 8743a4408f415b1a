/*
 * Sending: sendto with an address, sendmsg and sendmmsg.
 *
 * A message is sent whole by the supervisor, on a duplicate of the program's
 * socket: its address is decided about as a connection's is, and data, control
 * data and address are the one copy that was read. What goes without an address
 * by write() or send() is native: it goes where a served connect let it.
 *
 * A worker tries without waiting. What has to be waited for, because the
 * program's socket is a blocking one and full, is done from the start again by
 * a thread that may wait; so the worker must not have sent a part of it.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/message.h"
#include "supervisor/calls/peer.h"
#include "supervisor/calls/reach.h"
#include "supervisor/calls/route.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/path.h"
#include "supervisor/slow.h"

enum {
	CHUNK = 128 * 1024,	  /* of a stream, at a time */
	MOST_DATAGRAM = 16 << 20, /* far beyond what kernels take */
	MOST_UDP = 65535,
	MOST_MESSAGES = 1024, /* of one sendmmsg: UIO_MAXIOV */
	HAND_OVER = 4096,     /* beside the errors: it must be waited for */
};

/* The flags that mean something to a sender. What else is in them the kernel
 * ignores, or keeps for itself. */
enum {
	KNOWN_FLAGS = MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR |
		      MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE,
	LAST_FLAGS = MSG_OOB | MSG_EOR, /* they mark the end of the data */
};

struct sending {
	struct call *call;
	const struct endpoint_socket *socket;
	int flags;	      /* the program's */
	bool waits;	      /* it is a blocking socket, and a blocking call */
	struct msghdr header; /* for the kernel, but for the data */
};

static int socket_number(const struct endpoint_socket *socket, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	if (getsockopt(socket->fd, SOL_SOCKET, option, &value, &length))
		return 0;
	return value;
}

/* ----------------------------------------------------------------- data -- */

/* Send what is in the buffer; the control data goes with the first of it. */
static ssize_t transmit(struct sending *sending, void *bytes, size_t length,
			bool last)
{
	struct call *call = sending->call;
	struct iovec part = {.iov_base = bytes, .iov_len = length};
	int flags = (sending->flags & KNOWN_FLAGS) | MSG_NOSIGNAL;

	if (!last)
		flags &= ~LAST_FLAGS;
	if (!call->may_wait || !sending->waits)
		flags |= MSG_DONTWAIT;
	sending->header.msg_iov = &part;
	sending->header.msg_iovlen = 1;
	/* What was read belongs to the caller only if it still waits. */
	if (!call_valid(call))
		return -ESRCH;
	int error = peer_assume(call, sending->socket);

	if (error)
		return error;
	ssize_t sent;

	do {
		sent = sendmsg(sending->socket->fd, &sending->header, flags);
		if (sent < 0)
			sent = -errno;
	} while (sent == -EINTR && !slow_cancelled(call));
	peer_restore(call, sending->socket);
	if (sent == -EINTR)
		return -socket_interrupted(sending->socket);
	if (sent == -EAGAIN && sending->waits && !call->may_wait)
		return -HAND_OVER;
	return sent;
}

/* One that arrives whole or not at all. */
static ssize_t send_datagram(struct sending *sending, struct message *message)
{
	size_t most =
		socket_is_inet(sending->socket)
			? MOST_UDP
			: (size_t)socket_number(sending->socket, SO_SNDBUF);
	char few[4096];
	auto_free char *many = NULL;
	char *bytes = few;

	if (message->total > most || message->total > MOST_DATAGRAM)
		return -EMSGSIZE;
	if (message->total > sizeof(few)) {
		bytes = many = malloc(message->total);
		if (!many)
			return -ENOMEM;
	}
	ssize_t got =
		message_data(sending->call, message, bytes, message->total);

	return got < 0 ? got : transmit(sending, bytes, (size_t)got, true);
}

/* Is there room for all of it, so that no part of it will have to wait? Asked
 * for a buffer that is mostly empty: the kernel's accounts are not exact. */
static bool has_room(const struct endpoint_socket *socket, size_t length)
{
	struct pollfd ready = {.fd = socket->fd, .events = POLLOUT};

	return length <= (size_t)socket_number(socket, SO_SNDBUF) / 4 &&
	       poll(&ready, 1, 0) == 1;
}

static ssize_t send_stream(struct sending *sending, struct message *message)
{
	size_t size = message->total < CHUNK ? message->total : CHUNK;
	char few[4096];
	auto_free char *many = NULL;
	char *bytes = few;
	size_t done = 0;

	if (sending->waits && !sending->call->may_wait &&
	    !has_room(sending->socket, message->total))
		return -HAND_OVER;
	if (size > sizeof(few)) {
		bytes = many = malloc(size);
		if (!many)
			return -ENOMEM;
	}
	do {
		ssize_t got = message_data(sending->call, message, bytes, size);

		if (got < 0)
			return done ? (ssize_t)done : got;
		bool last = done + (size_t)got == message->total;
		ssize_t sent = transmit(sending, bytes, (size_t)got, last);

		if (sent < 0)
			return done ? (ssize_t)done : sent;
		done += (size_t)sent;
		sending->header.msg_control = NULL;
		sending->header.msg_controllen = 0;
		/* Full, or ended by a signal. */
		if (sent < got)
			break;
	} while (done < message->total);
	return (ssize_t)done;
}

/* ---------------------------------------------------------- one message -- */

static int check_flags(const struct endpoint_socket *socket, int flags)
{
	bool tcp = socket_is_inet(socket) && socket->type == SOCK_STREAM;

	/* A connection in disguise. Programs that get this connect first. */
	if (tcp && (flags & MSG_FASTOPEN))
		return -EOPNOTSUPP;
	/* The pages would be ours, and the end of their use told to the
	 * program. This is what it gets where too many wait already. */
	if ((flags & MSG_ZEROCOPY) && socket_number(socket, SO_ZEROCOPY))
		return -ENOBUFS;
	return 0;
}

/* The write end is gone: send(2) has a signal for it, on streams. */
static void raise_pipe(const struct sending *sending)
{
	struct call *call = sending->call;
	pid_t process = call_process(call);

	if (socket_streams(sending->socket) && process > 0 &&
	    !(sending->flags & MSG_NOSIGNAL) && call_valid(call))
		(void)syscall(SYS_tgkill, process, call->tid, SIGPIPE);
}

/* An address on a socket whose kind is not known has not been decided on. */
static int settle_address(struct sending *sending, struct message *message,
			  struct address *address, struct place *place)
{
	int error = address_read(sending->call, sending->socket, ADDRESS_SEND,
				 message->name, message->name_length, address);

	if (!error && address->kind != ADDRESS_NONE &&
	    !socket_known(sending->socket))
		error = -EACCES;
	if (!error)
		error = reach(sending->call, sending->socket, address, place);
	if (!error && address->way != ROUTE_DIRECT)
		error = route_send(sending->call, sending->socket, address);
	if (!error && address->length > 0) {
		sending->header.msg_name = &address->any;
		sending->header.msg_namelen = address->length;
	}
	return error;
}

static ssize_t send_one(struct call *call, const struct endpoint_socket *socket,
			struct message *message, int flags)
{
	struct sending sending = {
		.call = call,
		.socket = socket,
		.flags = flags,
		.waits = !socket->nonblocking && !(flags & MSG_DONTWAIT),
	};
	struct address address;
	struct place place;
	ssize_t result = check_flags(socket, flags);

	if (result)
		return result;
	place_init(&place);
	result = settle_address(&sending, message, &address, &place);
	if (!result)
		result = message_control(call, socket, message);
	if (!result) {
		sending.header.msg_control = message->control;
		sending.header.msg_controllen = message->control_length;
		if (socket->domain == AF_NETLINK)
			socket_netlink_own(call, socket);
		result = socket_streams(socket)
				 ? send_stream(&sending, message)
				 : send_datagram(&sending, message);
	}
	place_close(&place);
	if (result == -EPIPE)
		raise_pipe(&sending);
	return result;
}

/* ---------------------------------------------------------------- calls -- */

static void finish(struct call *call, struct endpoint_socket *socket,
		   ssize_t result)
{
	/* Before the answer: a close() that follows it is to be the last. */
	socket_release(socket);
	if (result == -HAND_OVER) {
		/* It is decided again there, and recorded there. */
		call->event_count = 0;
		call->text_used = 0;
		call_hand_over(call);
	} else {
		call_result(call, result);
	}
}

void call_sendto(struct call *call)
{
	struct endpoint_socket socket;
	struct message message;
	ssize_t result = socket_take(call, call_int(call, 0), &socket);

	if (!result) {
		message_single(&message, call_arg(call, 1), call_arg(call, 2));
		if (call_arg(call, 4)) {
			message.name = call_arg(call, 4);
			message.name_length = call_int(call, 5);
		}
		result = send_one(call, &socket, &message, call_int(call, 3));
		message_free(&message);
	}
	finish(call, &socket, result);
}

static ssize_t send_at(struct call *call, const struct endpoint_socket *socket,
		       uint64_t at, int flags)
{
	struct message message;
	ssize_t result = message_read(call, at, &message);

	if (!result)
		result = send_one(call, socket, &message, flags);
	message_free(&message);
	return result;
}

void call_sendmsg(struct call *call)
{
	struct endpoint_socket socket;
	ssize_t result = socket_take(call, call_int(call, 0), &socket);

	if (!result)
		result = send_at(call, &socket, call_arg(call, 1),
				 call_int(call, 2));
	finish(call, &socket, result);
}

/* sendmmsg(2): as many as go, and an error only where none went. */
static ssize_t send_many(struct call *call,
			 const struct endpoint_socket *socket, uint64_t at,
			 unsigned count, int flags)
{
	unsigned done = 0;

	if (count > MOST_MESSAGES)
		count = MOST_MESSAGES;
	while (done < count) {
		uint64_t here = at + done * sizeof(struct mmsghdr);
		uint64_t length_at = here + offsetof(struct mmsghdr, msg_len);

		/* What could not be recorded is not sent: the program comes
		 * again with the rest. A message has up to two events. */
		if (done > 0 && call->event_count + 2 > CALL_EVENTS)
			break;
		ssize_t sent = send_at(call, socket, here, flags);
		unsigned length = (unsigned)sent;

		if (sent < 0)
			return done ? (ssize_t)done : sent;
		if (call_write(call, length_at, &length, sizeof(length)))
			return done ? (ssize_t)done : -EFAULT;
		done++;
	}
	return (ssize_t)done;
}

void call_sendmmsg(struct call *call)
{
	struct endpoint_socket socket;
	ssize_t result = socket_take(call, call_int(call, 0), &socket);

	if (!result)
		result = send_many(call, &socket, call_arg(call, 1),
				   (unsigned)call_int(call, 2),
				   call_int(call, 3));
	finish(call, &socket, result);
}
