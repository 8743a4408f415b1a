/*
 * Connections that go through the broker: made on the supervisor's word, shown
 * to it by the name that their first bytes bear, then joined.
 */
#ifndef SUPERVISOR_NET_RELAY_H
#define SUPERVISOR_NET_RELAY_H

#include <event2/event.h>

#include "supervisor/net/pump.h"
#include "supervisor/net/protocol.h"
#include "supervisor/net/sniff.h"

enum flow_state {
	FLOW_CONNECTING = 0, /**< to the far end, which may have to be found */
	FLOW_WAITING,	     /**< for NET_JOIN */
	FLOW_JOINING,	     /**< to the program's socket */
	FLOW_LOOKING,	     /**< at the first bytes */
	FLOW_ASKING,	     /**< about the name in them */
	FLOW_OPEN,	     /**< bytes go both ways */
};

/** One connection. */
struct flow {
	struct flow *next, **at;
	enum flow_state state;
	uint32_t id, question;
	int client, server; /**< nonblocking; -1: not there */
	int hold[2];	    /**< what keeps the program's connect() waiting */
	struct event *event;
	struct event *spoken; /* the far end speaks first */
	union net_endpoint near;
	bool early, must_name, inspect;
	bool tls;	/**< a ClientHello was seen */
	bool encrypted; /**< another name may be in it */
	bool word;	/**< the first line may yet be a request's */
	size_t hello;	/**< its bytes */
	char name[NET_NAME];
	struct lookup *lookup;			 /**< of `name`, under way */
	struct net_address found[NET_ADDRESSES]; /**< of it */
	size_t found_count;			 /**< those not yet tried */
	struct pump *pump;
	struct inspected *inspected; /* instead of a pump */
	union net_endpoint far;
	uint64_t started;
};

void flow_connect(const struct net_message *message, struct net_fds *fds);
void flow_join(const struct net_message *message, struct net_fds *fds);
void flow_drop(uint32_t id);

/** Ask the supervisor whether the flow may speak with a server of that name;
 * pump_verdict() follows once the flow is open. */
void flow_ask(struct flow *flow, const char *name);

/** End a flow: the program's connection is reset. `why` is for the user, or
 * NULL where there is nothing to say. */
void flow_refuse(struct flow *flow, const char *why);

/** What service_take() took is over: the flow is. */
void flow_inspected(struct flow *flow, uint64_t out, uint64_t in);

/** The session is over: say of each flow what it carried. */
void flows_finish(void);

/** End a flow that is over. */
void flow_end(struct flow *flow, int error);

#endif
