/*
 * The supervisor's side of the network: starts the broker, hands it sockets,
 * answers its questions by the policy, and keeps what the session looked up.
 *
 * There is none of it where no rule names a host.
 */
#ifndef SUPERVISOR_NET_CLIENT_H
#define SUPERVISOR_NET_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/net/join.h"
#include "supervisor/net/names.h"
#include "supervisor/net/protocol.h"
#include "supervisor/net/sockets.h"

struct broker_started;
struct call;
struct policy;
struct session;

/** The network of a session that has names in its policy. */
struct net;

/** Has the policy rules that only a broker can keep to? It may be asked as soon
 * as the rules are known. */
bool net_named(const struct policy *policy);

/** Does the session's policy, or what was granted, have rules that only a
 * broker can keep to, or may a person be asked about a name? */
bool net_needed(const struct session *session);

/** Take the broker that was started, or start one: session->net. It may be told
 * what it is to do. Returns 0 or -errno. */
int net_start(struct session *session, const struct broker_started *started);

/** Where there is a broker, wait until its libraries are loaded, or it is gone.
 * Returns 0, or -errno where that takes too long, which is said: it is ended.
 */
int net_await_loaded(const struct session *session);

/** Let it go on from there. */
void net_go_on(struct session *session);

/** Start to answer it. Returns 0 or -errno. */
int net_serve(struct session *session);

/** End both. */
void net_stop(struct session *session);

/** Is the broker there? Where it is gone nothing is reached through it. */
bool net_alive(const struct net *net);

struct net_names *net_names(struct net *net);
struct net_sockets *net_sockets(struct net *net);

/** Some rule refuses a host by name: then each connection is shown. */
bool net_refuses_names(const struct net *net);

/* -- connections -------------------------------------------------------------
 */

enum { NET_FLOW_NAMES = NET_NAMES_OF_ONE };

/** What was decided about a connection that goes through the broker. */
struct net_route {
	const char *names[NET_FLOW_NAMES]; /**< that may be spoken with */
	size_t name_count;
	bool lookup;	 /**< the address stands in: the name is to be found */
	bool must_name;	 /**< TLS's port, or HTTP's */
	bool by_address; /**< the address alone was allowed */
	bool inspect;
};

/**
 * Note a flow of the caller's: what the broker says of it is recorded as the
 * caller's. `cookie` is its socket's. Returns its number, or 0 where there are
 * too many.
 */
uint32_t net_flow_new(struct net *net, struct call *call,
		      const struct net_route *route,
		      const union net_endpoint *far, uint64_t cookie);
void net_flow_over(struct net *net, uint32_t flow);

/** Hand a message and sockets over. Returns 0 or -errno. */
int net_tell(struct net *net, const struct net_message *message, const int *fds,
	     size_t count);

/**
 * Have the broker connect a flow (NET_CONNECT), and wait until it has, or the
 * caller was interrupted (-EINTR: nobody waits any more). Returns 0, or -errno
 * of the connection: then the flow is over.
 */
int net_flow_connect(struct net *net, const struct net_message *message,
		     const struct call *call);

#endif
