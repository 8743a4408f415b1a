/*
 * Theory of operation. A channel is a socket of the session's: each datagram on
 * it (or each message of its stream) is a query. The supervisor is asked
 * whether the name may be known. If so it is looked up, the supervisor is told
 * what was found, and answers which addresses may be: by then it knows them, so
 * a connect() that follows finds them. Names of other kinds than addresses have
 * no records here. Nothing is kept between two queries but what is in service.
 */
#include "supervisor/net/dns.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <ldns/rr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/net/broker.h"
#include "supervisor/net/upstream.h"

enum {
	MOST_CHANNELS = 1024, /* the one longest idle goes */
	MOST_LOOKUPS = 1024,  /* in service at a time */
	MOST_MESSAGE = 4096,
	AT_ONCE = 16,
	IDLE_SECONDS = 30, /* of a stream */
};

struct channel {
	struct channel *next, **at; /* newest use last */
	uint32_t flow;
	int fd;
	struct event *readable;	    /* UDP */
	struct bufferevent *stream; /* TCP */
	size_t lookups;		    /* which hold it */
	bool closed;
};

struct lookup {
	struct channel *channel;
	struct dns_query *query;
	struct dns_question question;
	struct net_address found[NET_ADDRESSES];
	size_t count;
	uint32_t ttl;
};

static struct {
	struct channel *first, **last;
	size_t channels, lookups;
} dns = {.last = &dns.first};

/* ------------------------------------------------------------- channels -- */

static void list_add(struct channel *channel)
{
	channel->next = NULL;
	channel->at = dns.last;
	*dns.last = channel;
	dns.last = &channel->next;
}

static void list_remove(struct channel *channel)
{
	*channel->at = channel->next;
	if (channel->next)
		channel->next->at = channel->at;
	else
		dns.last = channel->at;
}

static void release(struct channel *channel)
{
	if (channel->closed && channel->lookups == 0)
		free(channel);
}

static void close_channel(struct channel *channel)
{
	struct net_message ended = {.type = NET_ENDED, .flow = channel->flow};

	if (channel->closed)
		return;
	channel->closed = true;
	list_remove(channel);
	dns.channels--;
	if (channel->readable)
		event_free(channel->readable);
	if (channel->stream)
		bufferevent_free(channel->stream);
	close(channel->fd);
	broker_tell(&ended);
	release(channel);
}

/* -------------------------------------------------------------- answers -- */

static void send_answer(struct channel *channel, const uint8_t *wire,
			size_t length)
{
	uint8_t prefix[2] = {(uint8_t)(length >> 8), (uint8_t)length};

	if (channel->closed)
		return;
	if (!channel->stream) {
		/* One that is lost is asked for again. */
		(void)!send(channel->fd, wire, length,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	bufferevent_write(channel->stream, prefix, sizeof(prefix));
	bufferevent_write(channel->stream, wire, length);
}

static void finish(struct lookup *lookup, enum dns_code code)
{
	struct channel *channel = lookup->channel;
	size_t count = code == DNS_OK ? lookup->count : 0;
	uint8_t *wire;
	size_t length;

	if (dns_answer(lookup->query, code, lookup->found, count, lookup->ttl,
		       &wire, &length) == 0) {
		send_answer(channel, wire, length);
		free(wire);
	}
	dns_query_free(lookup->query);
	free(lookup);
	dns.lookups--;
	channel->lookups--;
	release(channel);
}

static int wanted_family(uint16_t type)
{
	return type == LDNS_RR_TYPE_A	   ? AF_INET
	       : type == LDNS_RR_TYPE_AAAA ? AF_INET6
					   : 0;
}

/* The supervisor knows the addresses now, and which of them may be told. */
static void kept(void *context, const struct net_message *verdict)
{
	struct lookup *lookup = context;

	lookup->count = verdict->address_count;
	memcpy(lookup->found, verdict->addresses, sizeof(lookup->found));
	finish(lookup, DNS_OK);
}

static void found(void *context, enum upstream_result result,
		  const struct net_address *addresses, size_t count,
		  uint32_t ttl)
{
	struct lookup *lookup = context;
	struct net_message message = {
		.type = NET_FOUND,
		.flow = lookup->channel->flow,
		.ttl = ttl,
		.address_count = (uint32_t)count,
	};

	lookup->ttl = ttl;
	if (result != UPSTREAM_FOUND || count == 0) {
		finish(lookup, result == UPSTREAM_FOUND	   ? DNS_OK
			       : result == UPSTREAM_ABSENT ? DNS_ABSENT
							   : DNS_FAILED);
		return;
	}
	memcpy(message.addresses, addresses, count * sizeof(*addresses));
	memcpy(message.name, lookup->question.name, NET_NAME);
	broker_ask(&message, kept, lookup);
}

static void decided(void *context, const struct net_message *verdict)
{
	struct lookup *lookup = context;
	int family = wanted_family(lookup->question.type);

	if (verdict->error) {
		finish(lookup,
		       verdict->error == -ENOENT ? DNS_ABSENT : DNS_FAILED);
		return;
	}
	if (verdict->ttl > 0) {
		/* The supervisor knew it by itself. */
		lookup->count = verdict->address_count;
		lookup->ttl = verdict->ttl;
		memcpy(lookup->found, verdict->addresses,
		       sizeof(lookup->found));
		finish(lookup, DNS_OK);
		return;
	}
	if (family == 0)
		finish(lookup, DNS_OK); /* the name is, without such a record */
	else
		upstream_lookup(lookup->question.name, family, found, lookup);
}

/* -------------------------------------------------------------- queries -- */

static void serve_query(struct channel *channel, const uint8_t *bytes,
			size_t length)
{
	struct net_message message = {.type = NET_ASK_NAME,
				      .flow = channel->flow};
	struct lookup *lookup;

	/* What is too much is dropped, and asked again. */
	if (dns.lookups == MOST_LOOKUPS)
		return;
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return;
	if (dns_parse(bytes, length, &lookup->query, &lookup->question)) {
		free(lookup);
		return;
	}
	lookup->channel = channel;
	channel->lookups++;
	dns.lookups++;
	if (!lookup->question.answerable) {
		finish(lookup, DNS_ABSENT);
		return;
	}
	message.family = (uint8_t)wanted_family(lookup->question.type);
	memcpy(message.name, lookup->question.name, NET_NAME);
	broker_ask(&message, decided, lookup);
}

static void datagram(evutil_socket_t fd, short what, void *context)
{
	struct channel *channel = context;
	uint8_t bytes[MOST_MESSAGE];

	(void)what;
	list_remove(channel);
	list_add(channel);
	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got < 0 && errno == ECONNREFUSED) {
			/* The program closed its own. */
			close_channel(channel);
			return;
		}
		if (got < 0)
			return;
		serve_query(channel, bytes, (size_t)got);
	}
}

static void stream_readable(struct bufferevent *stream, void *context)
{
	struct channel *channel = context;
	struct evbuffer *input = bufferevent_get_input(stream);
	uint8_t bytes[MOST_MESSAGE];

	for (;;) {
		uint8_t prefix[2];

		if (evbuffer_copyout(input, prefix, 2) != 2)
			return;
		size_t length = (size_t)prefix[0] << 8 | prefix[1];

		if (length > sizeof(bytes)) {
			close_channel(channel);
			return;
		}
		if (evbuffer_get_length(input) < length + 2)
			return;
		evbuffer_drain(input, 2);
		evbuffer_remove(input, bytes, length);
		serve_query(channel, bytes, length);
	}
}

static void stream_event(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what; /* its end, an error, or that it was idle */
	close_channel(context);
}

/* --------------------------------------------------------------- making -- */

static bool watch_stream(struct channel *channel)
{
	const struct timeval idle = {.tv_sec = IDLE_SECONDS};

	evutil_make_socket_nonblocking(channel->fd);
	channel->stream = bufferevent_socket_new(broker_base(), channel->fd, 0);
	if (!channel->stream)
		return false;
	bufferevent_setcb(channel->stream, stream_readable, NULL, stream_event,
			  channel);
	bufferevent_setwatermark(channel->stream, EV_READ, 0, MOST_MESSAGE + 2);
	bufferevent_set_timeouts(channel->stream, &idle, &idle);
	return bufferevent_enable(channel->stream, EV_READ | EV_WRITE) == 0;
}

static bool watch_datagrams(struct channel *channel)
{
	channel->readable = event_new(broker_base(), channel->fd,
				      EV_READ | EV_PERSIST, datagram, channel);
	return channel->readable && event_add(channel->readable, NULL) == 0;
}

void dns_serve(const struct net_message *message, struct net_fds *fds)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel || fds->fd[0] < 0) {
		struct net_message ended = {.type = NET_ENDED,
					    .flow = message->flow,
					    .error = -EMFILE};

		broker_tell(&ended);
		free(channel);
		return;
	}
	if (dns.channels == MOST_CHANNELS)
		close_channel(dns.first);
	channel->flow = message->flow;
	channel->fd = fds->fd[0];
	fds->fd[0] = -1;
	list_add(channel);
	dns.channels++;
	if (!(message->type == NET_DNS_TCP ? watch_stream(channel)
					   : watch_datagrams(channel)))
		close_channel(channel);
}
