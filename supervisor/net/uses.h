/*
 * Where the session's secrets were used: an event for the first time that one
 * takes the place of its placeholder in a request of its kind, and at the end
 * how often more.
 */
#ifndef SUPERVISOR_NET_USES_H
#define SUPERVISOR_NET_USES_H

#include "supervisor/net/flows.h"

struct net_message;
struct session;
struct uses;

/** NULL without memory. */
struct uses *uses_new(struct session *session);

/** Record the counts, and forget all. NULL is fine. */
void uses_free(struct uses *uses);

/** NET_SWAPPED came for this flow. For one thread. */
void uses_note(struct uses *uses, const struct net_flow *flow,
	       const struct net_message *message);

#endif
