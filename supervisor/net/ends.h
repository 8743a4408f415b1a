/*
 * The ends of a flow (ends.c), and what they need of the flow itself (relay.c).
 * Theirs alone.
 */
#ifndef SUPERVISOR_NET_ENDS_H
#define SUPERVISOR_NET_ENDS_H

#include <stdbool.h>

#include "supervisor/net/relay.h"

/** Connect to the far end, which is looked up first where `lookup` says so. The
 * flow goes on from there by itself, or has ended when this returns. */
void flow_reach(struct flow *flow, bool lookup);

/** The flow is going: a lookup of its that is under way leads nowhere. */
void flow_forget_lookup(struct flow *flow);

/** Both ends are there: look at the first bytes. */
void flow_joined(struct flow *flow);

/** Wait for the one thing that the flow is about to need; for `seconds`, or 0:
 * for ever. Returns false where there is no memory. */
bool flow_await(struct flow *flow, int fd, short what, event_callback_fn ready,
		long seconds);

/** Close a descriptor, which is -1 from then on. */
void flow_close_fd(int *fd);

#endif
