/*
 * Sockets of the session whose other end is the broker, and what their programs
 * believe it to be. They are known by the kernel's own number for each
 * (SO_COOKIE), which is never used twice.
 */
#ifndef SUPERVISOR_NET_SOCKETS_H
#define SUPERVISOR_NET_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/net/protocol.h"

struct net_sockets;

struct net_socket {
	uint64_t cookie;
	uint32_t flow;
	bool names;		  /**< UDP, to the session's name server */
	bool connected;		  /**< it has a peer */
	union net_endpoint asked; /**< what the program asked for */
	union net_endpoint real;  /**< names: our end */
};

struct net_sockets *net_sockets_new(void);
void net_sockets_free(struct net_sockets *sockets);

/** The kernel's number of a socket, or 0. */
uint64_t net_socket_cookie(int fd);

/** Remember, in the place of what was known of the same socket; where there
 * are too many, in that of the one that was put in first. */
void net_sockets_put(struct net_sockets *sockets,
		     const struct net_socket *socket);
bool net_sockets_find(struct net_sockets *sockets, uint64_t cookie,
		      struct net_socket *socket);
void net_sockets_forget(struct net_sockets *sockets, uint64_t cookie);
/** Forget it where it is still that flow's, which is over. */
void net_sockets_flow_over(struct net_sockets *sockets, uint64_t cookie,
			   uint32_t flow);
bool net_sockets_empty(const struct net_sockets *sockets);

#endif
