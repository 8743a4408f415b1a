/*
 * The ends of a flow: the far one is looked up and connected to, address by
 * address, before the program is told; then the program's socket is joined.
 * When and why is told in relay.c.
 */
#include "supervisor/net/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "supervisor/net/broker.h"
#include "supervisor/net/upstream.h"

enum {
	JOIN_SECONDS = 60,
	NEXT_SECONDS = 10, /* for one of several addresses */
};

/* A lookup outlives the flow that wanted it. */
struct lookup {
	struct flow *flow; /* NULL: it is over */
	int family;
};

static int socket_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return -errno;
	return -error;
}

static void client_joined(evutil_socket_t fd, short what, void *context)
{
	struct flow *flow = context;
	int error = what & EV_TIMEOUT ? -ETIMEDOUT : socket_error(fd);

	if (error)
		flow_end(flow, error);
	else
		flow_joined(flow);
}

static void nobody_came(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	flow_end(context, -ETIMEDOUT);
}

static void join_early(struct flow *flow)
{
	flow->state = FLOW_JOINING;
	if (connect(flow->client, &flow->near.any,
		    net_endpoint_length(&flow->near)) &&
	    errno != EINPROGRESS)
		flow_end(flow, -errno);
	else if (!flow_await(flow, flow->client, EV_WRITE, client_joined,
			     JOIN_SECONDS))
		flow_end(flow, -ENOMEM);
}

static void server_done(struct flow *flow, int error)
{
	struct net_message connected = {
		.type = NET_CONNECTED,
		.flow = flow->id,
		.error = error,
	};

	if (!flow->early)
		broker_tell(&connected);
	if (error) {
		flow_end(flow, error);
	} else if (flow->early) {
		join_early(flow);
	} else {
		flow->state = FLOW_WAITING;
		if (!flow_await(flow, -1, 0, nobody_came, JOIN_SECONDS))
			flow_end(flow, -ENOMEM);
	}
}

static void connect_server(struct flow *flow);

/* The next of the addresses that the name leads to. Returns false where there
 * is none. */
static bool try_next(struct flow *flow)
{
	const struct net_address *address;
	in_port_t port = flow->far.any.sa_family == AF_INET6
				 ? flow->far.in6.sin6_port
				 : flow->far.in.sin_port;

	if (flow->found_count == 0)
		return false;
	address = &flow->found[--flow->found_count];
	memset(&flow->far, 0, sizeof(flow->far));
	flow->far.any.sa_family = address->family;
	if (address->family == AF_INET6) {
		flow->far.in6.sin6_port = port;
		memcpy(&flow->far.in6.sin6_addr, address->bytes, 16);
	} else {
		flow->far.in.sin_port = port;
		memcpy(&flow->far.in.sin_addr, address->bytes, 4);
	}
	flow_close_fd(&flow->server);
	connect_server(flow);
	return true;
}

static void server_tried(struct flow *flow, int error)
{
	if (!error || !try_next(flow))
		server_done(flow, error);
}

static void server_connected(evutil_socket_t fd, short what, void *context)
{
	server_tried(context,
		     what & EV_TIMEOUT ? -ETIMEDOUT : socket_error(fd));
}

static void connect_server(struct flow *flow)
{
	flow->server = socket(flow->far.any.sa_family,
			      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (flow->server < 0)
		server_tried(flow, -errno);
	else if (connect(flow->server, &flow->far.any,
			 net_endpoint_length(&flow->far)) == 0)
		server_done(flow, 0);
	else if (errno != EINPROGRESS)
		server_tried(flow, -errno);
	else if (!flow_await(flow, flow->server, EV_WRITE, server_connected,
			     flow->found_count ? NEXT_SECONDS : 0))
		server_done(flow, -ENOMEM);
}

static void look_up(struct flow *flow, int family);

/* The supervisor knows the addresses now, and says which of them may be
 * connected to. */
static void kept(void *context, const struct net_message *verdict)
{
	struct flow *flow = context;

	flow->question = 0;
	/* The last comes first: try_next(). */
	for (size_t i = verdict->address_count; i-- > 0;)
		flow->found[flow->found_count++] = verdict->addresses[i];
	if (!try_next(flow))
		server_done(flow, -EHOSTUNREACH);
}

static void found(void *context, enum upstream_result result,
		  const struct net_address *addresses, size_t count,
		  uint32_t ttl)
{
	struct lookup *lookup = context;
	struct flow *flow = lookup->flow;
	bool four = lookup->family == AF_INET;
	struct net_message message = {
		.type = NET_FOUND,
		.ttl = ttl,
		.address_count = (uint32_t)count,
	};

	free(lookup);
	if (!flow)
		return;
	flow->lookup = NULL;
	if (count == 0 && four && result == UPSTREAM_FOUND) {
		look_up(flow, AF_INET6);
		return;
	}
	if (count == 0) {
		server_done(flow, -EHOSTUNREACH);
		return;
	}
	message.flow = flow->id;
	memcpy(message.addresses, addresses, count * sizeof(*addresses));
	memcpy(message.name, flow->name, sizeof(message.name));
	flow->question = broker_ask(&message, kept, flow);
}

static void look_up(struct flow *flow, int family)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup) {
		server_done(flow, -ENOMEM);
		return;
	}
	*lookup = (struct lookup){flow, family};
	flow->lookup = lookup;
	upstream_lookup(flow->name, family, found, lookup);
}

void flow_reach(struct flow *flow, bool lookup)
{
	if (lookup)
		look_up(flow, AF_INET);
	else
		connect_server(flow);
}

void flow_forget_lookup(struct flow *flow)
{
	if (flow->lookup)
		flow->lookup->flow = NULL;
}
