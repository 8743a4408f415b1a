/*
 * The network broker: a process of its own, because it reads hostile bytes.
 *
 * It is this program executed anew, with an empty environment and nothing but
 * its control socket, so that none of the supervisor's memory is in it. The
 * supervisor hands it sockets and verdicts; it opens connections that the
 * supervisor asked for, and asks about every name that it is shown. When either
 * of the two ends, so does what ran through it.
 */
#ifndef SUPERVISOR_NET_BROKER_H
#define SUPERVISOR_NET_BROKER_H

#include "supervisor/net/protocol.h"

struct event_base;

/** Be the broker. Returns the exit status. */
int broker_main(void);

/* -- what its parts share ----------------------------------------------------
 */

struct event_base *broker_base(void);

/** Queue a message for the supervisor. A supervisor that takes none ends it. */
void broker_tell(const struct net_message *message);

/**
 * Ask the supervisor, and call `answered` with its verdict. Sets the message's
 * token. `answered` is not called any more after broker_forget() of the token.
 */
typedef void broker_answered(void *context, const struct net_message *verdict);
uint32_t broker_ask(struct net_message *message, broker_answered *answered,
		    void *context);
void broker_forget(uint32_t token);

/** Leave, as a fault that is not to be gone on from. */
void broker_die(void);

#endif
