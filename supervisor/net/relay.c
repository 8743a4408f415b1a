/*
 * Theory of operation. A flow goes through the states of relay.h in order. Its
 * two ends are ends.c's, all from the first bytes on is here.
 *
 * The far end is connected to first, so that the program learns the truth. A
 * program whose socket is a blocking one waits in its call, in the supervisor:
 * NET_CONNECTED tells, and NET_JOIN brings the other end of what it was
 * connected to meanwhile. One that does not wait has its socket in SYN_SENT
 * toward a port of ours whose listener answers nothing; when the far end is
 * there, a socket bound to that same port connects to it (a simultaneous open,
 * RFC 9293, 3.5), and its connect() succeeds in that instant. When the far end
 * is not, the port is given up, and the program's next SYN, within a second, is
 * refused.
 *
 * The first bytes are peeked at, so that whoever serves the flow from then on
 * finds them unread.
 */
#include "supervisor/net/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/net/broker.h"
#include "supervisor/net/ends.h"
#include "supervisor/net/service.h"

enum {
	MOST_FLOWS = 14000, /* fewer than questions, and than ports */
	FIRST_SECONDS = 15, /* from the first byte to the name */
};

static struct {
	struct flow *first;
	size_t count;
} flows;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- the flow -- */

void flow_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct flow *flow_of(uint32_t id)
{
	for (struct flow *flow = flows.first; flow; flow = flow->next)
		if (flow->id == id)
			return flow;
	return NULL;
}

static struct flow *flow_new(const struct net_message *message)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow || flows.count == MOST_FLOWS) {
		free(flow);
		return NULL;
	}
	flow->id = message->flow;
	flow->client = flow->server = flow->hold[0] = flow->hold[1] = -1;
	flow->near = message->near;
	flow->early = message->early;
	flow->must_name = message->must_name;
	flow->inspect = message->inspect;
	flow->far = message->far;
	flow->started = now_ms();
	memcpy(flow->name, message->name, sizeof(flow->name));
	flow->next = flows.first;
	if (flow->next)
		flow->next->at = &flow->next;
	flow->at = &flows.first;
	flows.first = flow;
	flows.count++;
	return flow;
}

static void tell_end(struct flow *flow, enum net_message_type type, int error,
		     const char *why)
{
	struct net_message message = {
		.type = type,
		.flow = flow->id,
		.error = error,
		.ms = now_ms() - flow->started,
	};

	if (flow->pump)
		pump_count(flow->pump, &message.out, &message.in);
	if (why)
		snprintf(message.text, sizeof(message.text), "%s", why);
	broker_tell(&message);
}

static void flow_free(struct flow *flow)
{
	flow_forget_lookup(flow);
	if (flow->question)
		broker_forget(flow->question);
	if (flow->event)
		event_free(flow->event);
	if (flow->spoken)
		event_free(flow->spoken);
	pump_free(flow->pump);
	service_drop(flow->inspected);
	flow_close_fd(&flow->client);
	flow_close_fd(&flow->server);
	flow_close_fd(&flow->hold[0]);
	flow_close_fd(&flow->hold[1]);
	*flow->at = flow->next;
	if (flow->next)
		flow->next->at = flow->at;
	flows.count--;
	free(flow);
}

/* close() then resets the connection instead of ending it in order. */
static void set_reset(int fd, bool reset)
{
	const struct linger linger = {.l_onoff = reset};

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void flow_end(struct flow *flow, int error)
{
	set_reset(flow->client, error);
	set_reset(flow->server, error);
	tell_end(flow, NET_ENDED, error, NULL);
	flow_free(flow);
}

void flow_refuse(struct flow *flow, const char *why)
{
	set_reset(flow->client, true);
	set_reset(flow->server, true);
	tell_end(flow, NET_REFUSED, -ECONNREFUSED, why);
	flow_free(flow);
}

void flow_inspected(struct flow *flow, uint64_t out, uint64_t in)
{
	struct net_message message = {
		.type = NET_ENDED,
		.flow = flow->id,
		.ms = now_ms() - flow->started,
		.out = out,
		.in = in,
	};

	broker_tell(&message);
	flow_free(flow);
}

bool flow_await(struct flow *flow, int fd, short what, event_callback_fn ready,
		long seconds)
{
	const struct timeval limit = {.tv_sec = seconds};

	if (flow->event)
		event_free(flow->event);
	flow->event = event_new(broker_base(), fd, what, ready, flow);
	return flow->event &&
	       event_add(flow->event, seconds ? &limit : NULL) == 0;
}

/* ------------------------------------------------------- the first bytes -- */

static void set_low_water(int fd, int bytes)
{
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

/* What was looked at is served from now on. */
static void stop_looking(struct flow *flow)
{
	flow->state = FLOW_OPEN;
	if (flow->event)
		event_free(flow->event);
	flow->event = NULL;
	if (flow->spoken)
		event_free(flow->spoken);
	flow->spoken = NULL;
	set_low_water(flow->client, 1);
}

/* Its requests are looked into. */
static void relay_inspect(struct flow *flow, uint64_t secrets)
{
	stop_looking(flow);
	/* It has its own way of saying so. */
	set_reset(flow->client, false);
	set_reset(flow->server, false);
	if (!service_take(flow, secrets))
		flow_refuse(flow, "its requests cannot be looked into");
}

/* Nothing was read from either socket: begin. */
static void flow_checked(struct flow *flow)
{
	stop_looking(flow);
	flow->pump = pump_new(flow, !flow->tls && (flow->name[0] || flow->word),
			      flow->hello);
	if (!flow->pump)
		flow_end(flow, -ENOMEM);
}

static void server_decided(void *context, const struct net_message *verdict)
{
	struct flow *flow = context;

	flow->question = 0;
	if (flow->state == FLOW_OPEN)
		/* What is to be looked into does not begin in the middle. */
		pump_verdict(flow->pump,
			     verdict->error == 0 && !verdict->inspect);
	else if (verdict->error)
		flow_refuse(flow, NULL); /* the supervisor knows why */
	else if (verdict->inspect)
		relay_inspect(flow, verdict->secrets);
	else if (flow->encrypted)
		flow_refuse(flow, sniff_encrypted);
	else
		flow_checked(flow);
}

void flow_ask(struct flow *flow, const char *name)
{
	struct net_message message = {
		.type = NET_ASK_SERVER,
		.flow = flow->id,
		.tls = flow->tls,
	};

	snprintf(message.name, sizeof(message.name), "%s", name);
	flow->question = broker_ask(&message, server_decided, flow);
}

static void look(struct flow *flow, size_t before);

static void more_bytes(evutil_socket_t fd, short what, void *context)
{
	struct flow *flow = context;
	int before = 0;
	socklen_t length = sizeof(before);

	if (what & EV_TIMEOUT) {
		flow_refuse(flow, "it began, and did not say with whom it "
				  "wanted to speak");
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &before, &length);
	look(flow, before > 1 ? (size_t)before - 1 : 0);
}

/* On a port that is neither TLS's nor HTTP's, a far end that speaks first
 * speaks something else: its clients name no server. */
static void server_spoke(evutil_socket_t fd, short what, void *context)
{
	struct flow *flow = context;

	(void)fd;
	(void)what;
	flow->name[0] = '\0';
	flow_checked(flow);
}

static void look_on(struct flow *flow, size_t got, size_t before)
{
	if (got > 0 && got == before) {
		flow_refuse(flow, "it ended before it said with whom it "
				  "wanted to speak");
		return;
	}
	if (!flow->must_name && got == 0 && !flow->spoken) {
		flow->spoken = event_new(broker_base(), flow->server, EV_READ,
					 server_spoke, flow);
		if (flow->spoken)
			event_add(flow->spoken, NULL);
	} else if (got > 0 && flow->spoken) {
		event_free(flow->spoken);
		flow->spoken = NULL;
	}
	set_low_water(flow->client, (int)got + 1);
	if (!flow_await(flow, flow->client, EV_READ, more_bytes,
			got ? FIRST_SECONDS : 0))
		flow_end(flow, -ENOMEM);
}

/* TLS to an address has no server name: the address is its name. */
static void name_by_address(const struct flow *flow, char name[NET_NAME])
{
	if (flow->name[0])
		return;
	if (flow->far.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &flow->far.in6.sin6_addr, name, NET_NAME);
	else
		inet_ntop(AF_INET, &flow->far.in.sin_addr, name, NET_NAME);
}

/* All that the client sends is in its socket. */
static bool has_ended(const struct flow *flow)
{
	struct pollfd client = {.fd = flow->client, .events = POLLRDHUP};

	return poll(&client, 1, 0) > 0 && client.revents & POLLRDHUP;
}

/* `ended` as of before the bytes were read. */
static enum sniff sniff(const struct flow *flow, const uint8_t *bytes,
			size_t length, bool ended, struct sniffed *sniffed)
{
	enum sniff what = sniff_first(bytes, length, sniffed);

	if (what == SNIFF_MORE && ended && !flow->must_name &&
	    length < SNIFF_MOST && sniff_ended(bytes, length) == SNIFF_OTHER)
		return SNIFF_OTHER;
	return what;
}

static void look(struct flow *flow, size_t before)
{
	const bool ended = before && has_ended(flow);
	uint8_t bytes[SNIFF_MOST];
	struct sniffed sniffed;
	ssize_t got = recv(flow->client, bytes, sizeof(bytes),
			   MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 && errno != EAGAIN) {
		flow_end(flow, -errno);
		return;
	}
	if (got == 0) {
		flow_end(flow, 0);
		return;
	}
	size_t length = got > 0 ? (size_t)got : 0;

	switch (sniff(flow, bytes, length, ended, &sniffed)) {
	case SNIFF_MORE:
		if (length == sizeof(bytes))
			flow_refuse(flow, "its beginning is too long");
		else
			look_on(flow, length, before);
		return;
	case SNIFF_BAD:
		flow_refuse(flow, sniffed.why);
		return;
	case SNIFF_TLS:
		flow->tls = true;
		flow->hello = sniffed.length;
		flow->encrypted = sniffed.encrypted;
		break;
	case SNIFF_HTTP:
		break;
	case SNIFF_WORD:
		flow->word = true;
		__attribute__((fallthrough));
	case SNIFF_OTHER:
		if (flow->must_name || flow->inspect) {
			flow_refuse(flow, "it is neither TLS nor HTTP, on a "
					  "port where it should be");
			return;
		}
		flow->name[0] = '\0';
		flow_checked(flow);
		return;
	}
	if (flow->tls && !sniffed.name[0] && flow->inspect)
		name_by_address(flow, sniffed.name);
	if (flow->tls && !sniffed.name[0]) {
		flow_refuse(flow, "TLS without a server name");
		return;
	}
	memcpy(flow->name, sniffed.name, sizeof(flow->name));
	if (flow->event)
		event_del(flow->event);
	if (flow->spoken)
		event_del(flow->spoken);
	flow->state = FLOW_ASKING;
	flow_ask(flow, flow->name);
}

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

void flow_joined(struct flow *flow)
{
	flow_close_fd(&flow->hold[0]);
	flow_close_fd(&flow->hold[1]);
	set_option(flow->client, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(flow->server, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(flow->server, SOL_SOCKET, SO_KEEPALIVE, 1);
	/* Should we be killed, neither end takes it for an end in order. */
	set_reset(flow->client, true);
	set_reset(flow->server, true);
	evutil_make_socket_nonblocking(flow->client);
	flow->state = FLOW_LOOKING;
	look(flow, 0);
}

void flow_connect(const struct net_message *message, struct net_fds *fds)
{
	bool room = !message->early || fds->fd[0] >= 0;
	struct flow *flow = room ? flow_new(message) : NULL;

	if (!flow) {
		struct net_message full = {
			.type = message->early ? NET_ENDED : NET_CONNECTED,
			.flow = message->flow,
			.error = room ? -EAGAIN : -EMFILE,
		};

		broker_tell(&full);
		return;
	}
	if (message->early) {
		flow->client = fds->fd[0];
		flow->hold[0] = fds->fd[1];
		flow->hold[1] = fds->fd[2];
		for (int i = 0; i < NET_FDS; i++)
			fds->fd[i] = -1;
	}
	flow_reach(flow, message->lookup);
}

void flow_join(const struct net_message *message, struct net_fds *fds)
{
	struct flow *flow = flow_of(message->flow);

	if (!flow || flow->state != FLOW_WAITING)
		return;
	if (fds->fd[0] < 0) {
		flow_end(flow, -EMFILE);
		return;
	}
	flow->client = fds->fd[0];
	fds->fd[0] = -1;
	flow_joined(flow);
}

void flow_drop(uint32_t id)
{
	struct flow *flow = flow_of(id);

	if (flow)
		flow_end(flow, -ECANCELED);
}

void flows_finish(void)
{
	while (flows.first)
		flow_end(flows.first, 0);
}
