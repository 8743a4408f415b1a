#include "supervisor/net/join.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/scope.h"

enum { PATIENCE_MS = 1000 };

static void loopback(bool six, union net_endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	if (six) {
		endpoint->in6.sin6_family = AF_INET6;
		endpoint->in6.sin6_addr = in6addr_loopback;
	} else {
		endpoint->in.sin_family = AF_INET;
		endpoint->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
}

static int name_of(int fd, union net_endpoint *name)
{
	socklen_t length = sizeof(*name);

	memset(name, 0, sizeof(*name));
	return getsockname(fd, &name->any, &length) ? -errno : 0;
}

/* A socket for IPv6 that goes to an IPv4 address, as the kernel wants it. */
static void dress(int fd, union net_endpoint *endpoint)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	if (endpoint->any.sa_family != AF_INET ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) ||
	    domain != AF_INET6)
		return;
	struct sockaddr_in plain = endpoint->in;

	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->in6.sin6_family = AF_INET6;
	endpoint->in6.sin6_port = plain.sin_port;
	memset(endpoint->in6.sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(endpoint->in6.sin6_addr.s6_addr + 12, &plain.sin_addr, 4);
}

/* And back. */
static void undress(union net_endpoint *endpoint)
{
	struct sockaddr_in6 in6 = endpoint->in6;

	if (in6.sin6_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->in.sin_family = AF_INET;
	endpoint->in.sin_port = in6.sin6_port;
	memcpy(&endpoint->in.sin_addr, in6.sin6_addr.s6_addr + 12, 4);
}

/* Where the other end finds it, bound to all addresses as it may be. */
static void settle(union net_endpoint *endpoint, bool six)
{
	union net_endpoint here;

	loopback(six, &here);
	if (endpoint->any.sa_family == AF_INET) {
		if (endpoint->in.sin_addr.s_addr == htonl(INADDR_ANY) && !six)
			endpoint->in.sin_addr = here.in.sin_addr;
		return;
	}
	if (!IN6_IS_ADDR_UNSPECIFIED(&endpoint->in6.sin6_addr))
		return;
	here.in6.sin6_port = endpoint->in6.sin6_port;
	if (!six)
		here.in.sin_port = endpoint->in6.sin6_port;
	*endpoint = here;
}

static int shared_socket(const union net_endpoint *name)
{
	auto_fd fd = socket(name->any.sa_family,
			    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) ||
	    bind(fd, &name->any, net_endpoint_length(name)))
		return -errno;
	return take_fd(&fd);
}

/* A port that answers no SYN: its listener's queue holds one connection, and
 * that is ours. */
static int make_silent(bool six, union net_endpoint *name, int fds[3])
{
	loopback(six, name);
	auto_fd listener = shared_socket(name);

	if (listener < 0)
		return listener;
	int error = name_of(listener, name);

	if (error)
		return error;
	auto_fd from = shared_socket(name);
	auto_fd filler = socket(name->any.sa_family,
				SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (from < 0 || filler < 0)
		return from < 0 ? from : -errno;
	if (listen(listener, 0))
		return -errno;
	struct pollfd full = {.fd = listener, .events = POLLIN};

	if ((connect(filler, &name->any, net_endpoint_length(name)) &&
	     errno != EINPROGRESS) ||
	    poll(&full, 1, PATIENCE_MS) != 1)
		return -ECONNREFUSED;
	fds[0] = take_fd(&from);
	fds[1] = take_fd(&listener);
	fds[2] = take_fd(&filler);
	return 0;
}

void joining_close(struct joining *joining)
{
	for (int i = 0; i < 3; i++) {
		if (joining->fds[i] >= 0)
			close(joining->fds[i]);
		joining->fds[i] = -1;
	}
}

int join_begin(int socket, bool six, struct joining *joining)
{
	union net_endpoint name, target;

	*joining = (struct joining){.fds = {-1, -1, -1}};
	int error = make_silent(six, &name, joining->fds);

	if (error)
		return error;
	target = name;
	dress(socket, &target);
	error = connect(socket, &target.any, net_endpoint_length(&target))
			? -errno
			: 0;
	if (error == -EINPROGRESS && name_of(socket, &joining->near) == 0)
		undress(&joining->near);
	else
		joining_close(joining);
	return error;
}

/* Somebody else may have come first: it is not the one. */
static int accept_from(int listener, int socket)
{
	union net_endpoint wanted, peer;
	int error = name_of(socket, &wanted);

	undress(&wanted);
	while (!error) {
		struct pollfd ready = {.fd = listener, .events = POLLIN};
		socklen_t length = sizeof(peer);

		if (poll(&ready, 1, PATIENCE_MS) != 1)
			return -ECONNREFUSED;
		memset(&peer, 0, sizeof(peer));
		auto_fd end = accept4(listener, &peer.any, &length,
				      SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (end < 0)
			return -errno;
		if (length == net_endpoint_length(&wanted) &&
		    (peer.any.sa_family == AF_INET
			     ? peer.in.sin_port == wanted.in.sin_port &&
				       peer.in.sin_addr.s_addr ==
					       wanted.in.sin_addr.s_addr
			     : peer.in6.sin6_port == wanted.in6.sin6_port &&
				       memcmp(&peer.in6.sin6_addr,
					      &wanted.in6.sin6_addr, 16) == 0))
			return take_fd(&end);
	}
	return error;
}

int join_now(int socket_fd, bool six, int *end)
{
	union net_endpoint name, target;

	*end = -1;
	loopback(six, &name);
	auto_fd listener =
		socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 ||
	    bind(listener, &name.any, net_endpoint_length(&name)) ||
	    listen(listener, 16))
		return -errno;
	int error = name_of(listener, &name);

	if (error)
		return error;
	target = name;
	dress(socket_fd, &target);
	error = connect(socket_fd, &target.any, net_endpoint_length(&target))
			? -errno
			: 0;
	if (error && error != -EINPROGRESS)
		return error;
	int got = accept_from(listener, socket_fd);

	if (got < 0)
		return got;
	*end = got;
	return error;
}

/* As the kernel would by its first message. */
static int bind_any(int fd, union net_endpoint *name)
{
	int error = name_of(fd, name);

	if (error || (name->any.sa_family == AF_INET ? name->in.sin_port
						     : name->in6.sin6_port))
		return error;
	if (bind(fd, &name->any, net_endpoint_length(name)))
		return -errno;
	return name_of(fd, name);
}

int join_datagrams(int socket_fd, bool six, bool connects, int *end,
		   union net_endpoint *real)
{
	union net_endpoint near;

	*end = -1;
	loopback(six, real);
	auto_fd own = socket(real->any.sa_family,
			     SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (own < 0 || bind(own, &real->any, net_endpoint_length(real)))
		return -errno;
	int error = name_of(own, real);

	if (error)
		return error;
	union net_endpoint target = *real;

	dress(socket_fd, &target);
	if (connects) {
		if (connect(socket_fd, &target.any,
			    net_endpoint_length(&target)))
			return -errno;
		error = name_of(socket_fd, &near);
	} else {
		error = bind_any(socket_fd, &near);
	}
	if (error)
		return error;
	undress(&near);
	settle(&near, six);
	if (connect(own, &near.any, net_endpoint_length(&near)))
		return -errno;
	*real = target;
	*end = take_fd(&own);
	return 0;
}
