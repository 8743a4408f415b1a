/*
 * The flows that the broker has in hand: whose they are, what was decided about
 * them, and who waits for them.
 */
#ifndef SUPERVISOR_NET_FLOWS_H
#define SUPERVISOR_NET_FLOWS_H

#include <limits.h>
#include <sys/types.h>

#include "supervisor/net/client.h"

struct net_flows;
struct policy_program;

struct net_flow {
	uint32_t id; /* 0: free */
	pid_t pid, tid, parent;
	char *exe;
	/* What the caller ran then, whatever it or its heirs run since. */
	const struct policy_program *program;
	struct net_route route;
	union net_endpoint far;
	uint64_t cookie;
	int answered; /* eventfd; -1: nobody waits */
	int error;    /* of the connection, once it is there */
};

struct net_flows *net_flows_new(void);
void net_flows_free(struct net_flows *flows);

/** Note one: takes `exe` over. Returns its number, or 0: too many. */
uint32_t net_flows_add(struct net_flows *flows, struct net_flow *flow);

/** A copy of what is known; `exe` is malloc()ed for the caller, or NULL. */
bool net_flows_find(struct net_flows *flows, uint32_t id,
		    struct net_flow *flow);
void net_flows_over(struct net_flows *flows, uint32_t id);

/** Make an eventfd for who is going to wait: the flow's. Returns it or -errno.
 */
int net_flows_await(struct net_flows *flows, uint32_t id);

/** How it ended, and nobody waits any more. */
int net_flows_outcome(struct net_flows *flows, uint32_t id);

/** Wake who waits for the flow; id 0: all. */
void net_flows_answer(struct net_flows *flows, uint32_t id, int error);

#endif
