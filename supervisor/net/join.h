/*
 * Joining a socket of the session to one of ours, over loopback. The program
 * keeps its own socket, which remains what it was: only whom it is connected to
 * is another.
 */
#ifndef SUPERVISOR_NET_JOIN_H
#define SUPERVISOR_NET_JOIN_H

#include <stdbool.h>

#include "supervisor/net/protocol.h"

/** A connection begun: what the broker needs to complete or refuse it. */
struct joining {
	int fds[3]; /**< to connect from, and two that hold; owned */
	union net_endpoint near; /**< the program's end */
};

/**
 * Begin to connect a TCP socket that does not wait. It is left in SYN_SENT. The
 * result is what connect(2) says: -EINPROGRESS, with `joining` for
 * joining_close(), for a socket that was not connecting yet; anything else is
 * the answer of one that was.
 */
int join_begin(int socket, bool six, struct joining *joining);
void joining_close(struct joining *joining);

/**
 * Connect a TCP socket at once. Returns the other end, or -errno of connect(2),
 * -EINPROGRESS included, where `end` is set all the same.
 */
int join_now(int socket, bool six, int *end);

/**
 * Have a UDP socket's messages come to us. `end` is ours, and hears that socket
 * only. `connects`: the socket is connected to it; else it is bound, and has to
 * send to `real`. Returns 0 or -errno.
 */
int join_datagrams(int socket, bool six, bool connects, int *end,
		   union net_endpoint *real);

#endif
