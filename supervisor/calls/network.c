/*
 * Connecting, binding and listening.
 *
 * What is examined is what is acted on: a duplicate of the program's socket,
 * and a copy of its address. A sibling thread may put another socket in the
 * descriptor's place, or another address in memory: it changes nothing. The
 * duplicate is gone before the answer, so that a close() that follows is the
 * last.
 *
 * Who asks for the other end's credentials (SO_PEERCRED) gets those of the
 * thread that made the call: the ids are the caller's, the process id is the
 * supervisor's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "supervisor/call.h"
#include "supervisor/calls/bindpath.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/peer.h"
#include "supervisor/calls/reach.h"
#include "supervisor/calls/route.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/listeners.h"
#include "supervisor/path.h"
#include "supervisor/slow.h"

/* -------------------------------------------------------------- connect -- */

/* Might the connection have to be waited for? O_NONBLOCK belongs to the open
 * file, which the program shares: it is never changed here. */
static bool may_block(const struct endpoint_socket *socket,
		      const struct address *address)
{
	return !socket->nonblocking && address->kind != ADDRESS_UNSPEC &&
	       socket->type != SOCK_DGRAM && socket->domain != AF_NETLINK;
}

static int connect_waiting(struct call *call,
			   const struct endpoint_socket *socket,
			   const struct address *address)
{
	for (;;) {
		if (connect(socket->fd, &address->any, address->length) == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
		if (slow_cancelled(call))
			return -socket_interrupted(socket);
	}
}

static void note_address(struct call *call,
			 const struct endpoint_socket *socket,
			 const struct address *address)
{
	char text[ADDRESS_TEXT];

	if (address->kind != ADDRESS_INET)
		return;
	address_text(socket, address, text);
	snprintf(call->served_address, sizeof(call->served_address), "%.*s",
		 (int)sizeof(call->served_address) - 1, text);
}

static int connect_to(struct call *call, const struct endpoint_socket *socket,
		      struct address *address)
{
	struct place place;

	place_init(&place);
	int error = reach(call, socket, address, &place);

	if (!error && socket_is_inet(socket))
		route_forget(call, socket);
	if (!error && address->way != ROUTE_DIRECT) {
		error = route_connect(call, socket, address);
		if (!error || error == -EINPROGRESS)
			note_address(call, socket, address);
		return error;
	}
	if (!error)
		error = peer_assume(call, socket);
	if (!error) {
		if (socket->domain == AF_NETLINK)
			socket_netlink_own(call, socket);
		error = connect_waiting(call, socket, address);
		peer_restore(call, socket);
	}
	if (!error || error == -EINPROGRESS)
		note_address(call, socket, address);
	place_close(&place);
	return error;
}

void call_connect(struct call *call)
{
	struct endpoint_socket socket;
	struct address address;
	int error = socket_take(call, call_int(call, 0), &socket);

	if (!error)
		error = address_read(call, &socket, ADDRESS_CONNECT,
				     call_arg(call, 1), call_int(call, 2),
				     &address);
	if (!error && !socket_known(&socket))
		error = -ECONNREFUSED;
	/* Before anything is decided, so that it is recorded once. */
	bool later = !error && !call->may_wait && may_block(&socket, &address);

	if (!error && !later)
		error = connect_to(call, &socket, &address);
	socket_release(&socket);
	if (later)
		call_hand_over(call);
	else
		call_result(call, error);
}

/* ----------------------------------------------------------------- bind -- */

static int bind_netlink(struct call *call, const struct endpoint_socket *socket,
			struct address *address)
{
	if (address->nl.nl_pid == 0 && address->nl.nl_groups == 0) {
		socket_netlink_own(call, socket);
		return 0;
	}
	if (address->nl.nl_pid == 0)
		address->nl.nl_pid = (uint32_t)call_process(call);
	return bind(socket->fd, &address->any, address->length) ? -errno : 0;
}

static int bind_to(struct call *call, const struct endpoint_socket *socket,
		   struct address *address)
{
	if (address->kind == ADDRESS_PATH)
		return bind_path(call, socket->fd, address);
	if (address->kind == ADDRESS_NETLINK)
		return bind_netlink(call, socket, address);
	bool automatic = reach_is_automatic(call, socket, address);
	int error = automatic ? 0 : reach_listen(call, socket, address);

	if (error)
		return error;
	if (socket_is_inet(socket) && socket->type == SOCK_STREAM)
		error = listeners_bind(call->session->listeners, socket->fd,
				       &address->any, address->length,
				       !automatic);
	else if (bind(socket->fd, &address->any, address->length))
		error = -errno;
	if (error)
		return error;
	note_address(call, socket, address);
	/* TCP's counts from listen() on. */
	if (socket_is_inet(socket) && socket->type == SOCK_DGRAM)
		listeners_add(call->session->listeners, socket->fd);
	return 0;
}

void call_bind(struct call *call)
{
	struct endpoint_socket socket;
	struct address address;
	int error = socket_take(call, call_int(call, 0), &socket);

	if (!error)
		error = address_read(call, &socket, ADDRESS_BIND,
				     call_arg(call, 1), call_int(call, 2),
				     &address);
	if (!error && !socket_known(&socket))
		error = -EACCES;
	if (!error)
		error = bind_to(call, &socket, &address);
	socket_release(&socket);
	call_result(call, error);
}

/* --------------------------------------------------------------- listen -- */

/* Neither listening nor anything else that listen(2) takes. */
static bool is_connected(const struct endpoint_socket *socket)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	return getsockopt(socket->fd, IPPROTO_TCP, TCP_INFO, &info, &length) ==
		       0 &&
	       info.tcpi_state != TCP_CLOSE && info.tcpi_state != TCP_LISTEN;
}

/* Any free port at all addresses: what listen(2) binds a socket to that has no
 * port. One that has, and that was not decided about, could lose it until then,
 * and its address (by a thread that takes back its connection). */
static int decide_listen(struct call *call,
			 const struct endpoint_socket *socket)
{
	struct address address = {.kind = ADDRESS_INET};

	address.any.sa_family = (sa_family_t)socket->domain;
	address.length = socket->domain == AF_INET ? sizeof(address.in)
						   : sizeof(address.in6);
	return reach_listen(call, socket, &address);
}

/* TCP: of a socket that is bound it was decided when it was. */
static int listen_tcp(struct call *call, const struct endpoint_socket *socket,
		      int backlog)
{
	struct listeners *listeners = call->session->listeners;

	if (is_connected(socket))
		return -EINVAL;
	int error = listeners_listen(listeners, socket->fd, backlog, false);

	if (error == -EACCES) {
		error = decide_listen(call, socket);
		if (!error)
			error = listeners_listen(listeners, socket->fd, backlog,
						 true);
	}
	if (!error)
		listeners_add(listeners, socket->fd);
	return error;
}

void call_listen(struct call *call)
{
	struct endpoint_socket socket;
	int backlog = call_int(call, 1);
	int error = socket_take(call, call_int(call, 0), &socket);

	if (!error && !socket_known(&socket))
		error = -EACCES;
	if (!error && socket_is_inet(&socket) && socket.type == SOCK_STREAM) {
		error = listen_tcp(call, &socket, backlog);
	} else if (!error) {
		/* Of the rest only AF_UNIX listens, and only once bound. */
		error = peer_assume(call, &socket);
		if (!error) {
			error = listen(socket.fd, backlog) ? -errno : 0;
			peer_restore(call, &socket);
		}
	}
	socket_release(&socket);
	call_result(call, error);
}
