#include "supervisor/calls/sockaddr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "policy/policy.h"
#include "supervisor/call.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"

enum {
	/* RFC 2133's sockaddr_in6 had no scope; the kernel still takes it. */
	SHORT_IN6 = offsetof(struct sockaddr_in6, sin6_scope_id),
	PATH_AT = offsetof(struct sockaddr_un, sun_path),
};

static const struct in6_addr mapped_any = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}};
static const struct in6_addr mapped_loopback = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}};

/* ------------------------------------------------------------- sockets -- */

static int socket_option(int fd, int option, int *value)
{
	socklen_t length = sizeof(*value);

	*value = 0;
	return getsockopt(fd, SOL_SOCKET, option, value, &length) ? -errno : 0;
}

int socket_take(struct call *call, int fd, struct endpoint_socket *socket)
{
	socket->fd = call_take_fd(call, fd);
	if (socket->fd < 0) {
		int error = socket->fd;

		socket->fd = -1;
		return error;
	}
	int error = socket_option(socket->fd, SO_DOMAIN, &socket->domain);

	if (!error)
		error = socket_option(socket->fd, SO_TYPE, &socket->type);
	if (!error)
		error = socket_option(socket->fd, SO_PROTOCOL,
				      &socket->protocol);
	if (!error) {
		int flags = fcntl(socket->fd, F_GETFL);

		socket->nonblocking = flags < 0 || (flags & O_NONBLOCK);
	}
	if (error)
		socket_release(socket);
	return error;
}

void socket_release(struct endpoint_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
}

bool socket_is_inet(const struct endpoint_socket *socket)
{
	return socket->domain == AF_INET || socket->domain == AF_INET6;
}

bool socket_known(const struct endpoint_socket *socket)
{
	if (socket_is_inet(socket))
		return (socket->type == SOCK_STREAM &&
			socket->protocol == IPPROTO_TCP) ||
		       (socket->type == SOCK_DGRAM &&
			socket->protocol == IPPROTO_UDP);
	if (socket->domain == AF_NETLINK)
		return socket->protocol == NETLINK_ROUTE;
	return socket->domain == AF_UNIX;
}

bool socket_streams(const struct endpoint_socket *socket)
{
	return socket->type == SOCK_STREAM;
}

int socket_interrupted(const struct endpoint_socket *socket)
{
	struct timeval limit = {0};
	socklen_t length = sizeof(limit);

	if (getsockopt(socket->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &length))
		return CALL_RESTART;
	return limit.tv_sec || limit.tv_usec ? EINTR : CALL_RESTART;
}

void socket_netlink_own(struct call *call, const struct endpoint_socket *socket)
{
	struct sockaddr_nl name = {0};
	socklen_t length = sizeof(name);

	if (getsockname(socket->fd, (struct sockaddr *)&name, &length) ||
	    name.nl_pid != 0)
		return;
	name = (struct sockaddr_nl){.nl_family = AF_NETLINK,
				    .nl_pid = (uint32_t)call_process(call)};
	if (bind(socket->fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return;
	/* Taken by another of its sockets: any number will do. */
	name.nl_pid = 0;
	(void)!bind(socket->fd, (struct sockaddr *)&name, sizeof(name));
}

/* ----------------------------------------------------------- addresses -- */

/* 0.0.0.0 and :: are this machine, for whom they are a destination. What the
 * kernel would choose for them may depend on the socket: be exact. */
static void settle_destination(struct address *address)
{
	struct in6_addr *in6 = &address->in6.sin6_addr;

	if (address->any.sa_family == AF_INET) {
		if (address->in.sin_addr.s_addr == htonl(INADDR_ANY))
			address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (IN6_IS_ADDR_UNSPECIFIED(in6)) {
		*in6 = in6addr_loopback;
	} else if (memcmp(in6, &mapped_any, sizeof(*in6)) == 0) {
		*in6 = mapped_loopback;
	}
}

static int check_in4(enum address_use use, socklen_t length,
		     struct address *address)
{
	if (length < sizeof(address->in))
		return -EINVAL;
	address->in.sin_family = AF_INET;
	address->length = sizeof(address->in);
	address->kind = ADDRESS_INET;
	if (use != ADDRESS_BIND)
		settle_destination(address);
	return 0;
}

static int check_in6(enum address_use use, socklen_t length,
		     struct address *address)
{
	if (length < SHORT_IN6)
		return -EINVAL;
	if (length < sizeof(address->in6))
		address->in6.sin6_scope_id = 0;
	address->length = length < sizeof(address->in6) ? SHORT_IN6
							: sizeof(address->in6);
	address->kind = ADDRESS_INET;
	if (use != ADDRESS_BIND)
		settle_destination(address);
	return 0;
}

/* AF_UNSPEC, which means something else in each place. */
static int check_inet_unspec(const struct endpoint_socket *socket,
			     enum address_use use, socklen_t length,
			     struct address *address)
{
	if (use == ADDRESS_CONNECT) {
		memset(&address->storage, 0, sizeof(address->storage));
		address->kind = ADDRESS_UNSPEC;
		address->length = length;
		return 0;
	}
	if (use == ADDRESS_SEND && socket->domain == AF_INET6) {
		/* udpv6_sendmsg(): as if there were none. A socket that becomes
		 * an IPv4 one meanwhile (IPV6_ADDRFORM) finds port 0. */
		memset(&address->storage, 0, sizeof(address->storage));
		address->kind = ADDRESS_NONE;
		address->length = length;
		return 0;
	}
	if (socket->domain == AF_INET6)
		return length < SHORT_IN6 ? -EINVAL : -EAFNOSUPPORT;
	if (length < sizeof(address->in))
		return -EINVAL;
	/* IPv4 takes it for AF_INET; in bind, of 0.0.0.0 only. */
	if (use == ADDRESS_BIND &&
	    address->in.sin_addr.s_addr != htonl(INADDR_ANY))
		return -EAFNOSUPPORT;
	return check_in4(use, length, address);
}

static int check_inet(const struct endpoint_socket *socket,
		      enum address_use use, socklen_t length,
		      struct address *address)
{
	sa_family_t family = address->any.sa_family;

	if (length < sizeof(family))
		return -EINVAL;
	if (family == AF_UNSPEC)
		return check_inet_unspec(socket, use, length, address);
	if (family == AF_INET &&
	    (socket->domain == AF_INET ||
	     (socket->type == SOCK_DGRAM && use != ADDRESS_BIND)))
		return check_in4(use, length, address);
	if (family == AF_INET6 && socket->domain == AF_INET6)
		return check_in6(use, length, address);
	/* The kernel looks at the length before the family. */
	if (length < (socket->domain == AF_INET ? sizeof(struct sockaddr_in)
						: (size_t)SHORT_IN6))
		return -EINVAL;
	return socket->domain == AF_INET6 && use == ADDRESS_SEND
		       ? -EINVAL
		       : -EAFNOSUPPORT;
}

static int check_unix(const struct endpoint_socket *socket,
		      enum address_use use, socklen_t length,
		      struct address *address)
{
	sa_family_t family = address->any.sa_family;

	if (use == ADDRESS_CONNECT && socket->type == SOCK_DGRAM &&
	    length >= sizeof(family) && family == AF_UNSPEC) {
		memset(&address->storage, 0, sizeof(address->storage));
		address->kind = ADDRESS_UNSPEC;
		address->length = length;
		return 0;
	}
	if (length < PATH_AT || length > sizeof(address->un) ||
	    family != AF_UNIX)
		return -EINVAL;
	address->length = length;
	if (length == PATH_AT) {
		address->kind = ADDRESS_UNNAMED;
		return use == ADDRESS_BIND ? 0 : -EINVAL;
	}
	if (address->un.sun_path[0] == '\0') {
		address->kind = ADDRESS_ABSTRACT;
		return 0;
	}
	/* unix(7): up to 108 bytes, the last of them no NUL. */
	memcpy(address->path, address->un.sun_path, length - PATH_AT);
	address->path[length - PATH_AT] = '\0';
	address->kind = ADDRESS_PATH;
	return 0;
}

static int check_netlink(enum address_use use, socklen_t length,
			 struct address *address)
{
	if (length < sizeof(address->any.sa_family))
		return -EINVAL;
	if (use == ADDRESS_CONNECT && address->any.sa_family == AF_UNSPEC) {
		memset(&address->storage, 0, sizeof(address->storage));
		address->kind = ADDRESS_UNSPEC;
		address->length = length;
		return 0;
	}
	if (length < sizeof(address->nl) ||
	    address->any.sa_family != AF_NETLINK)
		return -EINVAL;
	address->kind = ADDRESS_NETLINK;
	address->length = sizeof(address->nl);
	return 0;
}

/* Streams and seqpackets go where they are connected to: a name is ignored, or
 * is a mistake of its own; it is not looked at either way. */
static bool ignores_name(const struct endpoint_socket *socket)
{
	return socket->type != SOCK_DGRAM && socket->domain != AF_NETLINK;
}

int address_read(struct call *call, const struct endpoint_socket *socket,
		 enum address_use use, uint64_t at, int64_t length,
		 struct address *address)
{
	memset(address, 0, sizeof(*address));
	if (length < 0 || length > (int64_t)sizeof(address->storage))
		return -EINVAL;
	if (length == 0 && use == ADDRESS_SEND)
		return 0;
	if (length > 0 &&
	    call_read(call, at, &address->storage, (size_t)length))
		return -EFAULT;
	if (use == ADDRESS_SEND && ignores_name(socket)) {
		if (socket->domain != AF_UNIX || socket->type != SOCK_STREAM)
			return 0;
		/* unix_stream_sendmsg() has an error for any name. */
		address->any.sa_family = AF_UNIX;
		address->length = sizeof(address->any.sa_family);
		return 0;
	}
	socklen_t size = (socklen_t)length;

	switch (socket->domain) {
	case AF_INET:
	case AF_INET6:
		return check_inet(socket, use, size, address);
	case AF_UNIX:
		return check_unix(socket, use, size, address);
	case AF_NETLINK:
		return check_netlink(use, size, address);
	default:
		return -EAFNOSUPPORT;
	}
}

void address_endpoint(const struct endpoint_socket *socket,
		      const struct address *address,
		      struct policy_endpoint *endpoint)
{
	const uint8_t *bytes = address->in6.sin6_addr.s6_addr;

	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->kind =
		socket->type == SOCK_DGRAM ? ENDPOINT_UDP : ENDPOINT_TCP;
	if (address->any.sa_family == AF_INET) {
		endpoint->family = AF_INET;
		endpoint->port = ntohs(address->in.sin_port);
		memcpy(endpoint->address, &address->in.sin_addr, 4);
		return;
	}
	endpoint->port = ntohs(address->in6.sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr)) {
		endpoint->family = AF_INET;
		memcpy(endpoint->address, bytes + 12, 4);
	} else {
		endpoint->family = AF_INET6;
		memcpy(endpoint->address, bytes, 16);
	}
}

static void abstract_text(const struct address *address,
			  char text[ADDRESS_TEXT])
{
	const char *name = address->un.sun_path + 1;
	size_t length = address->length - PATH_AT - 1;
	size_t used;

	static_assert(ADDRESS_TEXT > sizeof("unix:@") +
					     4 * sizeof(address->un.sun_path),
		      "an escaped name fits");
	used = (size_t)snprintf(text, ADDRESS_TEXT, "unix:@");
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '\0') {
			memcpy(text + used, "\\x00", 4);
			used += 4;
		} else {
			text[used++] = name[i];
		}
	}
	text[used] = '\0';
}

void address_text(const struct endpoint_socket *socket,
		  const struct address *address, char text[ADDRESS_TEXT])
{
	struct policy_endpoint endpoint;
	char number[INET6_ADDRSTRLEN];

	switch (address->kind) {
	case ADDRESS_INET:
		address_endpoint(socket, address, &endpoint);
		inet_ntop(endpoint.family, endpoint.address, number,
			  sizeof(number));
		snprintf(text, ADDRESS_TEXT,
			 endpoint.family == AF_INET6 ? "%s[%s]:%u" : "%s%s:%u",
			 endpoint.kind == ENDPOINT_UDP ? "udp:" : "", number,
			 endpoint.port);
		break;
	case ADDRESS_ABSTRACT:
		abstract_text(address, text);
		break;
	case ADDRESS_UNNAMED:
		snprintf(text, ADDRESS_TEXT, "unix:@");
		break;
	default:
		text[0] = '\0';
	}
}
