/*
 * A program that looks names up asks a server at port 53, whichever it is; what
 * it sends there comes to the broker, and it finds the answer to come from
 * there. The addresses that it is told are the real ones, and each is
 * remembered with the name it was found under. So a connection to it is one to
 * the name; where several names share it, it is one to any of them that is
 * allowed, and the first bytes, which the broker looks at, tell which.
 */
#include "supervisor/calls/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/listeners.h"
#include "supervisor/net/client.h"
#include "supervisor/net/inspect.h"

enum { DNS_PORT = 53 };

/* Ports at which the first bytes are a ClientHello, or a request of HTTP. */
static const uint16_t naming_ports[] = {
	80,   443,  465,  563,	636,  853,  989,  990,	992,  993,
	994,  995,  2376, 3128, 4433, 5061, 5223, 5349, 5671, 6443,
	6697, 8000, 8008, 8080, 8443, 8883, 8888, 9443,
};

/* Protocols that name no server, and in some of which the server speaks first:
 * the socket goes there by itself. */
static const uint16_t plain_ports[] = {
	21,   22,   23,	  25,	110,  119,  143,   587,
	1433, 1521, 1883, 3306, 3389, 5222, 5432,  5672,
	5900, 6379, 6667, 9042, 9092, 9418, 11211, 27017,
};

static bool among(const uint16_t *ports, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

#define AMONG(ports, port) among(ports, sizeof(ports) / sizeof(*(ports)), port)

/* ------------------------------------------------------------- deciding -- */

struct deciding {
	struct call *call;
	struct policy_endpoint endpoint;
	struct policy_query query;
	struct net_known known[NET_NAMES_OF_ONE];
	size_t count;
};

static void ask(struct deciding *deciding, const char *name,
		struct policy_decision *decision)
{
	deciding->endpoint.host = name;
	deciding->query.endpoint = &deciding->endpoint;
	call_judge(deciding->call->session, &deciding->query, decision);
}

static void find_names(struct deciding *deciding)
{
	struct net *net = deciding->call->session->net;
	struct net_address address = {.family = deciding->endpoint.family};

	memcpy(address.bytes, deciding->endpoint.address,
	       sizeof(address.bytes));
	if (net)
		deciding->count =
			net_names_of(net_names(net), &address, deciding->known);
	/* A name leads to such an address only by the host's own word, or where
	 * the address itself is allowed; then the address is what decides. */
	if (!net_address_is_special(&address))
		return;
	size_t kept = 0;

	for (size_t i = 0; i < deciding->count; i++)
		if (deciding->known[i].trusted || deciding->known[i].standin)
			deciding->known[kept++] = deciding->known[i];
	deciding->count = kept;
}

/* A resolver may learn where its packets would leave from: sorting addresses
 * (RFC 6724) it connects UDP sockets to them, and sends nothing. It may do so
 * with the port of the service, so nobody is asked about that; what is sent
 * then (QUIC, tried beside TCP) goes nowhere. */
static bool only_probes(const struct endpoint_socket *socket,
			const struct deciding *deciding,
			const struct policy_decision *decision)
{
	uint16_t port = deciding->endpoint.port;

	return socket->type == SOCK_DGRAM && deciding->count > 0 &&
	       (port == 0 || port == 9 || port == 65535 ||
		(decision->verdict == VERDICT_ASK && !decision->rule) ||
		deciding->known[0].standin);
}

static void record(struct deciding *deciding, const char *name,
		   const struct endpoint_socket *socket,
		   const struct address *address,
		   struct policy_decision *decision)
{
	char subject[ADDRESS_TEXT];

	if (name)
		snprintf(subject, sizeof(subject), "%s%s:%u",
			 socket->type == SOCK_DGRAM ? "udp:" : "", name,
			 deciding->endpoint.port);
	else
		address_text(socket, address, subject);
	call_decided(deciding->call, ACTION_CONNECT, subject, decision);
	/* A dry run notes what is used, not what a resolver only tries. */
	if (decision->verdict != VERDICT_ALLOW ||
	    (socket->type == SOCK_DGRAM && deciding->count > 0))
		return;
	deciding->endpoint.host = name;
	call_would(deciding->call, &deciding->query, subject);
}

/* Are requests to what is connected to looked into, under any of its names? */
static bool is_inspected(struct deciding *deciding,
			 const struct net_route *route)
{
	const struct inspect *inspect = deciding->call->session->inspect;
	struct policy_endpoint endpoint = deciding->endpoint;
	bool wanted;

	endpoint.host = NULL;
	wanted = inspect_host(inspect, &endpoint, NULL);
	for (size_t i = 0; !wanted && i < route->name_count; i++) {
		endpoint.host = route->names[i];
		wanted = inspect_host(inspect, &endpoint, NULL);
	}
	return wanted;
}

static void choose_way(struct deciding *deciding,
		       const struct endpoint_socket *socket,
		       struct address *address)
{
	struct net_route *route = &address->route;
	const struct net *net = deciding->call->session->net;
	uint16_t port = deciding->endpoint.port;

	if (!net || socket->type != SOCK_STREAM || deciding->endpoint.own)
		return;
	if (route->lookup)
		address->way = ROUTE_RELAY;
	if (is_inspected(deciding, route)) {
		address->way = ROUTE_RELAY;
		route->inspect = true;
		return;
	}
	/* A name is refused somewhere: whoever speaks one is listened to. */
	if (route->by_address && !net_refuses_names(net) &&
	    !inspect_has_http(deciding->call->session->inspect))
		return;
	if (route->by_address && route->name_count == 0 &&
	    listeners_is_loopback(&deciding->endpoint))
		return;
	if (AMONG(plain_ports, port))
		return; /* as it is */
	address->way = ROUTE_RELAY;
	route->must_name = !route->by_address && AMONG(naming_ports, port);
}

int route_decide(struct call *call, const struct endpoint_socket *socket,
		 struct address *address)
{
	struct deciding deciding = {.call = call};
	struct net_route *route = &address->route;
	struct policy_decision plain, named, decision;
	const char *name = NULL;

	address_endpoint(socket, address, &deciding.endpoint);
	deciding.endpoint.own =
		listeners_own(call->session->listeners, &deciding.endpoint);
	call_query(call, &deciding.query, ACTION_CONNECT, NULL, 0);
	find_names(&deciding);
	route->lookup = deciding.count > 0 && deciding.known[0].standin;
	if (route->lookup)
		deciding.endpoint.family = 0; /* only its name is anything */
	ask(&deciding, NULL, &plain);
	decision = plain;
	for (size_t i = deciding.count; i-- > 0;) {
		ask(&deciding, deciding.known[i].name, &named);
		if (named.verdict == VERDICT_ALLOW)
			route->names[route->name_count++] =
				deciding.known[i].name;
		if (named.verdict == VERDICT_ALLOW || route->name_count == 0) {
			decision = named;
			name = deciding.known[i].name;
		}
	}
	route->by_address = plain.verdict == VERDICT_ALLOW && !route->lookup;
	/* In a dry run, too, for the names that are then proposed. */
	if (call->session->judged && call->session->net &&
	    deciding.endpoint.port == DNS_PORT) {
		address->way = ROUTE_NAMES;
		return 0;
	}
	if (decision.verdict != VERDICT_ALLOW) {
		address->way =
			deciding.endpoint.port == DNS_PORT && call->session->net
				? ROUTE_NAMES
			: only_probes(socket, &deciding, &decision)
				? ROUTE_PROBE
				: ROUTE_DIRECT;
		if (address->way != ROUTE_DIRECT)
			return 0;
	}
	enum verdict before = decision.verdict;

	record(&deciding, name, socket, address, &decision);
	if (decision.verdict != VERDICT_ALLOW)
		return -ECONNREFUSED;
	if (before == VERDICT_ASK && name)
		route->names[route->name_count++] = name;
	else if (before == VERDICT_ASK)
		route->by_address = true;
	choose_way(&deciding, socket, address);
	return 0;
}

/* ----------------------------------------------------------- connecting -- */

static void endpoint_of(const struct address *address,
			union net_endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	memcpy(endpoint, &address->storage, sizeof(*endpoint));
	if (endpoint->any.sa_family == AF_INET6 &&
	    address->length < sizeof(endpoint->in6))
		endpoint->in6.sin6_scope_id = 0;
}

/* As the kernel connects to it: what is IPv4 in a coat without it. */
static void bare(union net_endpoint *endpoint)
{
	struct net_address address;
	uint16_t port;

	net_address_of(endpoint, &address, &port);
	if (address.family == endpoint->any.sa_family)
		return;
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->in.sin_family = AF_INET;
	endpoint->in.sin_port = htons(port);
	memcpy(&endpoint->in.sin_addr, address.bytes, 4);
}

/* Is there a way at all? Asked of the kernel without a packet. */
static int probe(const union net_endpoint *far)
{
	auto_fd fd = socket(far->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union net_endpoint somewhere = *far;

	if (fd < 0)
		return -errno;
	if (far->any.sa_family == AF_INET)
		somewhere.in.sin_port = htons(9);
	else
		somewhere.in6.sin6_port = htons(9);
	return connect(fd, &somewhere.any, net_endpoint_length(&somewhere))
		       ? -errno
		       : 0;
}

static void remember(struct call *call, const struct endpoint_socket *socket,
		     const struct address *address, uint32_t flow)
{
	struct net_socket entry = {
		.cookie = net_socket_cookie(socket->fd),
		.flow = flow,
		.connected = true,
	};

	endpoint_of(address, &entry.asked);
	net_sockets_put(net_sockets(call->session->net), &entry);
}

static void message_for(struct net_message *message, enum net_message_type type,
			uint32_t flow, const struct address *address)
{
	memset(message, 0, sizeof(*message));
	message->type = type;
	message->flow = flow;
	message->must_name = address->route.must_name;
	message->inspect = address->route.inspect;
	message->lookup = address->route.lookup;
	if (address->route.name_count)
		snprintf(message->name, sizeof(message->name), "%s",
			 address->route.names[0]);
}

/* The program does not wait: nor do we. */
static int relay_early(struct call *call, const struct endpoint_socket *socket,
		       const struct address *address,
		       const union net_endpoint *far)
{
	struct net *net = call->session->net;
	struct net_message message;
	struct joining joining;
	int error = join_begin(socket->fd, far->any.sa_family == AF_INET6,
			       &joining);

	if (error != -EINPROGRESS)
		return error;
	uint32_t flow = net_flow_new(net, call, &address->route, far, 0);

	if (flow) {
		message_for(&message, NET_CONNECT, flow, address);
		message.early = true;
		message.far = *far;
		message.near = joining.near;
		remember(call, socket, address, flow);
		if (net_tell(net, &message, joining.fds, 3))
			net_flow_over(net, flow);
	}
	/* Where the broker has not got them, the program is refused. */
	joining_close(&joining);
	return -EINPROGRESS;
}

static int relay_waiting(struct call *call,
			 const struct endpoint_socket *socket,
			 const struct address *address,
			 const union net_endpoint *far)
{
	struct net *net = call->session->net;
	union net_endpoint peer;
	socklen_t length = sizeof(peer);
	struct net_message message;

	if (getpeername(socket->fd, &peer.any, &length) == 0)
		return -EISCONN;
	uint32_t flow = net_flow_new(net, call, &address->route, far, 0);

	if (!flow)
		return -ECONNREFUSED;
	message_for(&message, NET_CONNECT, flow, address);
	message.far = *far;
	int error = net_flow_connect(net, &message, call);

	if (error == -EINTR)
		return -socket_interrupted(socket);
	if (error)
		return error;
	auto_fd end = -1;

	error = join_now(socket->fd, far->any.sa_family == AF_INET6, &end);
	message_for(&message, end < 0 ? NET_DROP : NET_JOIN, flow, address);
	if (end >= 0)
		remember(call, socket, address, flow);
	int told = net_tell(net, &message, &end, end < 0 ? 0 : 1);

	return error ? error : told;
}

static int connect_relay(struct call *call,
			 const struct endpoint_socket *socket,
			 const struct address *address)
{
	union net_endpoint far;

	endpoint_of(address, &far);
	bare(&far);
	if (!net_alive(call->session->net))
		return -ECONNREFUSED;
	int error = address->route.lookup ? 0 : probe(&far);

	if (error)
		return error;
	return socket->nonblocking ? relay_early(call, socket, address, &far)
				   : relay_waiting(call, socket, address, &far);
}

/* ---------------------------------------------------------------- names -- */

/* Does the socket send over IPv6 to there? */
static bool goes_six(const struct address *address)
{
	union net_endpoint far;

	endpoint_of(address, &far);
	bare(&far);
	return far.any.sa_family == AF_INET6;
}

static int hand_over_names(struct call *call,
			   const struct endpoint_socket *socket,
			   const struct address *address, int end,
			   struct net_socket *entry)
{
	struct net *net = call->session->net;
	bool tcp = socket->type == SOCK_STREAM;
	struct net_message message;

	entry->cookie = net_socket_cookie(socket->fd);
	entry->names = !tcp;
	endpoint_of(address, &entry->asked);
	entry->flow =
		net_flow_new(net, call, NULL, NULL, tcp ? 0 : entry->cookie);
	if (!entry->flow)
		return -ECONNREFUSED;
	message_for(&message, tcp ? NET_DNS_TCP : NET_DNS_UDP, entry->flow,
		    address);
	int error = net_tell(net, &message, &end, 1);

	if (error)
		net_flow_over(net, entry->flow);
	else
		net_sockets_put(net_sockets(net), entry);
	return error ? -ECONNREFUSED : 0;
}

static int connect_names(struct call *call,
			 const struct endpoint_socket *socket,
			 const struct address *address)
{
	struct net_socket entry = {.connected = true};
	auto_fd end = -1;
	int error, handed;

	if (!net_alive(call->session->net))
		return -ECONNREFUSED;
	if (socket->type == SOCK_STREAM)
		error = join_now(socket->fd, goes_six(address), &end);
	else
		error = join_datagrams(socket->fd, goes_six(address), true,
				       &end, &entry.real);
	if (end < 0)
		return error;
	handed = hand_over_names(call, socket, address, end, &entry);
	return handed ? handed : error;
}

int route_connect(struct call *call, const struct endpoint_socket *socket,
		  struct address *address)
{
	union net_endpoint far;

	switch (address->way) {
	case ROUTE_NAMES:
		return connect_names(call, socket, address);
	case ROUTE_RELAY:
		return connect_relay(call, socket, address);
	default:
		/* ROUTE_PROBE: it learns whether there is a way, no more. */
		endpoint_of(address, &far);
		bare(&far);
		return address->route.lookup ? 0 : probe(&far);
	}
}

static void go_to(struct address *address, const union net_endpoint *real)
{
	memset(&address->storage, 0, sizeof(address->storage));
	memcpy(&address->storage, real, sizeof(*real));
	address->length = net_endpoint_length(real);
}

int route_send(struct call *call, const struct endpoint_socket *socket,
	       struct address *address)
{
	struct net *net = call->session->net;
	struct net_socket entry = {0};
	uint64_t cookie = net_socket_cookie(socket->fd);
	auto_fd end = -1;

	if (address->way == ROUTE_PROBE) {
		const struct policy_decision refused = {
			.verdict = VERDICT_DENY,
		};
		char subject[ADDRESS_TEXT];

		address_text(socket, address, subject);
		call_note(call, ACTION_CONNECT, subject, &refused);
	}
	if (address->way != ROUTE_NAMES || !net_alive(net))
		return -ECONNREFUSED;
	if (net_sockets_find(net_sockets(net), cookie, &entry) && entry.names) {
		endpoint_of(address, &entry.asked);
		net_sockets_put(net_sockets(net), &entry);
		go_to(address, &entry.real);
		return 0;
	}
	int error = join_datagrams(socket->fd, goes_six(address), false, &end,
				   &entry.real);

	if (!error)
		error = hand_over_names(call, socket, address, end, &entry);
	if (!error)
		go_to(address, &entry.real);
	return error;
}

void route_forget(struct call *call, const struct endpoint_socket *socket)
{
	struct net *net = call->session->net;

	if (net && !net_sockets_empty(net_sockets(net)))
		net_sockets_forget(net_sockets(net),
				   net_socket_cookie(socket->fd));
}
