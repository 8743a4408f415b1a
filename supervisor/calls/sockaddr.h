/*
 * Sockets and their addresses, as network calls name them.
 *
 * An address is read once, checked as the kernel would, and normalised: what
 * has two meanings is rewritten to the one that is decided about. The kernel is
 * then given this copy, never the program's.
 */
#ifndef SUPERVISOR_CALLS_SOCKADDR_H
#define SUPERVISOR_CALLS_SOCKADDR_H

#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/net/client.h"

struct call;
struct policy_endpoint;

/** The program's socket: a duplicate of its descriptor, and what it is. */
struct endpoint_socket {
	int fd; /**< owned; -1: none */
	int domain, type, protocol;
	bool nonblocking; /**< O_NONBLOCK, which the duplicate shares */
};

/**
 * Take a duplicate of the calling thread's descriptor.
 * Returns 0, or -EBADF, -ENOTSOCK, or what tracee_take_fd() says.
 */
int socket_take(struct call *call, int fd, struct endpoint_socket *socket);
void socket_release(struct endpoint_socket *socket);

/** Is it of a kind whose addresses are understood here? Others can only have
 * been inherited: the filter lets none be made. */
bool socket_known(const struct endpoint_socket *socket);

/** Does it carry a stream of bytes, as TCP and AF_UNIX's SOCK_STREAM do? */
bool socket_streams(const struct endpoint_socket *socket);

bool socket_is_inet(const struct endpoint_socket *socket);

/** The positive error of a wait that the caller's signal ended: CALL_RESTART,
 * or EINTR where a timeout for sending is set, as signal(7) has it. */
int socket_interrupted(const struct endpoint_socket *socket);

/** Bind a netlink socket that is not bound yet as the kernel would for the
 * caller: the port is the id of its process where that is free. */
void socket_netlink_own(struct call *call,
			const struct endpoint_socket *socket);

enum address_kind {
	ADDRESS_NONE = 0, /**< no address was given */
	ADDRESS_UNSPEC,	  /**< AF_UNSPEC: takes a connection back */
	ADDRESS_INET,	  /**< IPv4 or IPv6 */
	ADDRESS_PATH,	  /**< AF_UNIX by path */
	ADDRESS_ABSTRACT, /**< AF_UNIX by abstract name */
	ADDRESS_UNNAMED,  /**< AF_UNIX and no name: autobind */
	ADDRESS_NETLINK,
};

/** Where a decided connection goes: route.h. */
enum address_way {
	ROUTE_DIRECT = 0, /**< to the address */
	ROUTE_RELAY,	  /**< through the broker */
	ROUTE_NAMES,	  /**< to the session's name server, instead */
	ROUTE_PROBE,	  /**< nowhere: a UDP socket that asks for a way */
};

/** An address to act on. */
struct address {
	enum address_kind kind;
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_nl nl;
		struct sockaddr_storage storage;
	};
	/** ADDRESS_PATH: the path with its NUL, which may not fit sun_path. */
	char path[sizeof(struct sockaddr_un)];
	enum address_way way;
	struct net_route route; /**< ROUTE_RELAY */
};

/** What an address is read for. */
enum address_use {
	ADDRESS_CONNECT,
	ADDRESS_BIND,
	ADDRESS_SEND,
};

/**
 * Read an address for a socket. `length` is what the program said it is; 0 is
 * ADDRESS_NONE.
 *
 * Where the kernel takes several spellings, the one that is kept is exact: a
 * v4-mapped address of none and the unspecified ones, to connect or send to,
 * become the loopback's; AF_UNSPEC becomes AF_INET where IPv4 takes it for
 * that; a name that a socket of this kind ignores becomes ADDRESS_NONE.
 *
 * Returns 0, or the -errno of the kernel: -EINVAL, -EFAULT, -EAFNOSUPPORT.
 */
int address_read(struct call *call, const struct endpoint_socket *socket,
		 enum address_use use, uint64_t at, int64_t length,
		 struct address *address);

/** ADDRESS_INET: what the engine is asked about; v4-mapped as IPv4. */
void address_endpoint(const struct endpoint_socket *socket,
		      const struct address *address,
		      struct policy_endpoint *endpoint);

enum { ADDRESS_TEXT = 512 };

/**
 * As people write it: `127.0.0.1:443`, `[::1]:80`, `udp:1.1.1.1:53`,
 * `unix:@name`. A NUL within a name is written `\x00`. Paths are not for here.
 */
void address_text(const struct endpoint_socket *socket,
		  const struct address *address, char text[ADDRESS_TEXT]);

#endif
