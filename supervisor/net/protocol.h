/*
 * What the supervisor and the broker say to each other.
 *
 * One SOCK_SEQPACKET socket, one fixed structure a message, so that there is
 * nothing to parse: what has not the size is no message. Descriptors go along
 * as SCM_RIGHTS. Both ends treat what they are told as data: the supervisor
 * because the broker reads hostile bytes, and may have been taken over by them.
 */
#ifndef SUPERVISOR_NET_PROTOCOL_H
#define SUPERVISOR_NET_PROTOCOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the broker is called as, and the descriptor it finds its socket on. */
#define NET_BROKER_NAME "interpose-net"
enum { NET_CONTROL_FD = 3 };

/** Of the broker: a socket to say on, by a byte, that its libraries are loaded,
 * and that ends when it is to go on. */
enum { NET_HOLD_FD = 4 };

enum net_message_type {
	NET_NONE = 0,

	/* To the broker. */
	NET_DNS_UDP, /**< + a UDP socket: answer what comes on it */
	NET_DNS_TCP, /**< + a connected socket: the same */
	NET_CONNECT, /**< to `far`, or with `lookup` to where `name` leads, at
			  its port. `early`: + the three sockets of join.h;
			  else NET_CONNECTED is awaited, then NET_JOIN follows
		      */
	NET_JOIN,    /**< + the socket whose other end is the program's */
	NET_DROP,    /**< nobody waits for that flow any more */
	NET_VERDICT, /**< to the NET_ASK_… of that token: `error`, and to
			  NET_ASK_NAME addresses that need no lookup */
	NET_KEPT,    /**< to NET_FOUND: the addresses that may be told */
	NET_HTTP,  /**< + a pipe of the secrets, and a memory file of the host's
			certificates, `token` bytes of it: requests are
			looked into */
	NET_RENEW, /**< `token`: a secret's index; + a pipe of its new value
			(of its parts, one a line), or `error`: it is to be
			forgotten */
	NET_AGENT_RULES, /**< + a pipe of struct agent_rule */
	NET_AGENT,   /**< + the program's connection to the agent, and ours */
	NET_SERVERS, /**< `text`: the name servers, as c-ares takes them */

	/* From the broker. */
	NET_READY,	 /**< confined, and at work */
	NET_CONNECTED,	 /**< `error`: how NET_CONNECT ended */
	NET_ASK_NAME,	 /**< may `name` be looked up? */
	NET_FOUND,	 /**< what `name` was found to be, for `ttl` seconds */
	NET_ASK_SERVER,	 /**< `name` was asked of the far end: TLS, or Host */
	NET_ASK_REQUEST, /**< `method` and `path`, of a request to `name` */
	NET_ALERT,	 /**< a placeholder went astray: `text` is its secret */
	NET_RENEWED,	 /**< `token`: a secret's index; `path`: its new value,
			      which an answer had */
	NET_FORGOTTEN,	 /**< `token`: a secret's index: it could not be renewed
			      with what NET_RENEW had; `error`: why */
	NET_SWAPPED,	 /**< `token`: the index of a secret that was put into
			      the request `method` and `path` to `name` */
	NET_DENIED,	 /**< a request was answered by us: `text` says why */
	NET_AGENT_REFUSED, /**< `text`: what was asked of the agent */
	NET_HTTP_READY,	   /**< `error`: whether requests can be looked into;
				`path`: the certificate of the session's
				authority, `token` bytes of it */
	NET_REFUSED,	   /**< the flow was ended; `text` says why */
	NET_ENDED,	   /**< the flow is over: `out`, `in`, `ms` */
	NET_FORGET, /**< nobody waits for the answer to `token` any more */
};

/** An address of the Internet, without a port. */
struct net_address {
	uint8_t family; /**< AF_INET or AF_INET6 */
	uint8_t bytes[16];
};

union net_endpoint {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

enum {
	NET_NAME = 256, /**< a host name and its NUL */
	NET_TEXT = 256,
	NET_METHOD = 40,
	NET_PATH = 2048,   /**< what is longer is refused */
	NET_ADDRESSES = 8, /**< most of one answer: they fit 512 bytes */
	NET_FDS = 3,
};

struct net_message {
	enum net_message_type type;
	uint32_t flow;	/**< the supervisor's number for it */
	uint32_t token; /**< the broker's number for a question */
	int32_t error;	/**< 0 or -errno; a verdict: 0 is yes */
	uint32_t ttl;
	uint32_t address_count;
	struct net_address addresses[NET_ADDRESSES];
	union net_endpoint far, near; /**< near: the program's own end */
	uint8_t family; /**< NET_ASK_NAME: of the addresses wanted; or 0 */
	bool early, tls, plain;
	/** NET_CONNECT: it is refused unless it begins with a TLS ClientHello,
	 * or an HTTP request, that names a server. */
	bool must_name;
	bool inspect; /**< requests are looked into */
	bool lookup;  /**< NET_CONNECT: the name has not been looked up yet */
	uint16_t port;
	uint64_t secrets; /**< NET_VERDICT: bits of those that may go there */
	uint64_t out, in, ms;
	char name[NET_NAME];
	char text[NET_TEXT];
	char method[NET_METHOD];
	char path[NET_PATH];
};

/** Descriptors that came along: owned by the receiver, -1 where none. */
struct net_fds {
	int fd[NET_FDS];
};
void net_fds_close(struct net_fds *fds);

/** Send one message; `fds` may be NULL. Returns 0, or -errno of sendmsg(2). */
int net_send(int socket, const struct net_message *message, const int *fds,
	     size_t count, int flags);

/**
 * Receive one. Descriptors for which there is no room are -1, all of them.
 * Returns 1; 0 at the end; -EPROTO for what is no message; or
 * -errno of recvmsg(2).
 */
int net_receive(int socket, struct net_message *message, struct net_fds *fds,
		int flags);

/** The length of an endpoint's structure for the kernel. */
socklen_t net_endpoint_length(const union net_endpoint *endpoint);

#endif
