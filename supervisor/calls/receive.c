/*
 * Who the other end is, where it is the broker: a program that asks, or looks
 * where an answer came from, finds whom it turned to. All other sockets are the
 * kernel's business; nothing is decided by any of this.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/net/client.h"
#include "supervisor/slow.h"

enum {
	MOST_PARTS = 16,
	MOST_BYTES = 65536,
};

/* Is it a socket to be told otherwise? The socket is the caller's to release.
 */
static bool find(struct call *call, struct endpoint_socket *socket,
		 struct net_socket *entry)
{
	struct net *net = call->session->net;

	socket->fd = -1;
	if (!net || net_sockets_empty(net_sockets(net)) ||
	    socket_take(call, call_int(call, 0), socket))
		return false;
	return net_sockets_find(net_sockets(net), net_socket_cookie(socket->fd),
				entry);
}

/* As move_addr_to_user(): so much of it as fits, and its whole length. */
static int write_name(struct call *call, uint64_t at, uint64_t length_at,
		      const union net_endpoint *name)
{
	int room, length = (int)net_endpoint_length(name);

	if (call_read(call, length_at, &room, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (room > length)
		room = length;
	if (room > 0 && call_write(call, at, name, (size_t)room))
		return -EFAULT;
	return call_write(call, length_at, &length, sizeof(length)) ? -EFAULT
								    : 0;
}

void call_getpeername(struct call *call)
{
	struct endpoint_socket socket;
	struct net_socket entry;
	union net_endpoint peer;
	socklen_t length = sizeof(peer);
	bool found = find(call, &socket, &entry) && entry.connected;
	int error = 0;

	if (found && getpeername(socket.fd, &peer.any, &length))
		error = -errno;
	socket_release(&socket);
	if (call->answered)
		return;
	if (!found) {
		call_continue(call);
		return;
	}
	if (!error)
		error = write_name(call, call_arg(call, 1), call_arg(call, 2),
				   &entry.asked);
	call_result(call, error);
}

/* ------------------------------------------------------------ receiving -- */

/* What was received: one datagram, and from whom. */
struct received {
	uint8_t bytes[MOST_BYTES];
	size_t length;	/* of what fits */
	ssize_t result; /* what the call returns */
	union net_endpoint from;
};

static bool same_endpoint(const union net_endpoint *a,
			  const union net_endpoint *b)
{
	struct net_address one, other;
	uint16_t port, other_port;

	net_address_of(a, &one, &port);
	net_address_of(b, &other, &other_port);
	return port == other_port && memcmp(&one, &other, sizeof(one)) == 0;
}

enum { HAND_OVER = 4096 };

static ssize_t receive(struct call *call, const struct endpoint_socket *socket,
		       const struct net_socket *entry, size_t room, int flags,
		       struct received *received)
{
	bool waits = !socket->nonblocking && !(flags & MSG_DONTWAIT);
	socklen_t length = sizeof(received->from);
	ssize_t got;

	if (!call->may_wait || !waits)
		flags |= MSG_DONTWAIT;
	if (room > sizeof(received->bytes))
		room = sizeof(received->bytes);
	/* What is taken from the socket must reach the caller. */
	if (!call_valid(call))
		return -ESRCH;
	memset(&received->from, 0, sizeof(received->from));
	do {
		got = recvfrom(socket->fd, received->bytes, room, flags,
			       &received->from.any, &length);
	} while (got < 0 && errno == EINTR && !slow_cancelled(call));
	if (got < 0) {
		int error = errno;

		if (error == EAGAIN && waits && !call->may_wait)
			return -HAND_OVER;
		return error == EINTR ? -CALL_RESTART : -error;
	}
	received->length = (size_t)got < room ? (size_t)got : room;
	if (same_endpoint(&received->from, &entry->real))
		received->from = entry->asked;
	return got;
}

static void finish(struct call *call, struct endpoint_socket *socket,
		   ssize_t result)
{
	socket_release(socket);
	if (result == -HAND_OVER)
		call_hand_over(call);
	else
		call_result(call, result);
}

void call_recvfrom(struct call *call)
{
	struct endpoint_socket socket;
	struct net_socket entry;
	struct received buffer; /* touched as needed */

	if (!find(call, &socket, &entry) || !entry.names) {
		socket_release(&socket);
		if (!call->answered)
			call_continue(call);
		return;
	}
	ssize_t result = receive(call, &socket, &entry, call_arg(call, 2),
				 call_int(call, 3), &buffer);

	if (result >= 0 &&
	    call_write(call, call_arg(call, 1), buffer.bytes, buffer.length))
		result = -EFAULT;
	if (result >= 0 && call_arg(call, 4)) {
		int error = write_name(call, call_arg(call, 4),
				       call_arg(call, 5), &buffer.from);

		result = error ? error : result;
	}
	finish(call, &socket, result);
}

static int write_parts(struct call *call, const struct iovec *parts,
		       size_t count, const struct received *received)
{
	size_t done = 0;

	for (size_t i = 0; i < count && done < received->length; i++) {
		size_t here = received->length - done;

		if (here > parts[i].iov_len)
			here = parts[i].iov_len;
		if (here > 0 &&
		    call_write(call, (uint64_t)(uintptr_t)parts[i].iov_base,
			       received->bytes + done, here))
			return -EFAULT;
		done += here;
	}
	return 0;
}

static int write_header(struct call *call, uint64_t at, struct msghdr *header,
			const union net_endpoint *from, bool cut)
{
	if (header->msg_name) {
		socklen_t length = net_endpoint_length(from);
		socklen_t room = header->msg_namelen < length
					 ? header->msg_namelen
					 : length;

		if (call_write(call, (uint64_t)(uintptr_t)header->msg_name,
			       from, room))
			return -EFAULT;
		header->msg_namelen = length;
	}
	header->msg_controllen = 0;
	header->msg_flags = cut ? MSG_TRUNC : 0;
	return call_write(call, at, header, sizeof(*header)) ? -EFAULT : 0;
}

void call_recvmsg(struct call *call)
{
	struct endpoint_socket socket;
	struct net_socket entry;
	struct msghdr header;
	struct iovec parts[MOST_PARTS];
	struct received buffer; /* touched as needed */
	size_t room = 0;
	bool ours = find(call, &socket, &entry) && entry.names;

	/* What is odd about it the kernel says best. */
	if (ours &&
	    (call_read(call, call_arg(call, 1), &header, sizeof(header)) ||
	     header.msg_iovlen > MOST_PARTS ||
	     (header.msg_iovlen > 0 &&
	      call_read(call, (uint64_t)(uintptr_t)header.msg_iov, parts,
			header.msg_iovlen * sizeof(*parts)))))
		ours = false;
	if (!ours) {
		socket_release(&socket);
		if (!call->answered)
			call_continue(call);
		return;
	}
	for (size_t i = 0; i < header.msg_iovlen; i++)
		if (parts[i].iov_len < MOST_BYTES)
			room += parts[i].iov_len;
		else
			room = MOST_BYTES;
	int flags = call_int(call, 2);
	/* To learn whether it was cut. */
	ssize_t result = receive(call, &socket, &entry, room, flags | MSG_TRUNC,
				 &buffer);
	bool cut = result > (ssize_t)room;

	if (result >= 0 &&
	    (write_parts(call, parts, header.msg_iovlen, &buffer) ||
	     write_header(call, call_arg(call, 1), &header, &buffer.from, cut)))
		result = -EFAULT;
	if (cut && !(flags & MSG_TRUNC))
		result = (ssize_t)room;
	finish(call, &socket, result);
}
