#include "supervisor/net/upstream.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/broker.h"

enum {
	MOST_SOCKETS = 256,
	TRY_MS = 3000,
	TRIES = 3,
	/* A name that cannot be found is not asked for again at once. */
	LEAST_TTL = 5,
	MOST_TTL = 86400,
};

struct watched {
	ares_socket_t fd;
	struct event *event;
};

struct lookup {
	upstream_found *found;
	void *context;
	int family;
	char name[NET_NAME];
};

static struct {
	ares_channel channel;
	struct event *timer;
	struct watched watched[MOST_SOCKETS];
} upstream;

/* ------------------------------------------------------------- the loop -- */

static void set_timer(void)
{
	struct timeval most = {.tv_sec = TRY_MS / 1000}, left;
	struct timeval *next = ares_timeout(upstream.channel, &most, &left);

	if (next)
		event_add(upstream.timer, next);
}

static void timed_out(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	ares_process_fd(upstream.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer();
}

static void ready(evutil_socket_t fd, short what, void *context)
{
	(void)context;
	ares_process_fd(upstream.channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
			what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer();
}

/* c-ares says what it waits for on a socket; nothing: it is closed. */
static void watch(void *context, ares_socket_t fd, int readable, int writable)
{
	struct watched *free_place = NULL, *watched = NULL;
	short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) |
			     (writable ? EV_WRITE : 0));

	(void)context;
	for (size_t i = 0; i < MOST_SOCKETS; i++) {
		if (upstream.watched[i].event && upstream.watched[i].fd == fd)
			watched = &upstream.watched[i];
		else if (!upstream.watched[i].event)
			free_place = &upstream.watched[i];
	}
	if (watched) {
		event_free(watched->event);
		watched->event = NULL;
	} else {
		watched = free_place;
	}
	/* Without a place its timeout ends the lookup. */
	if (!watched || (!readable && !writable))
		return;
	watched->fd = fd;
	watched->event = event_new(broker_base(), fd, what, ready, NULL);
	if (watched->event)
		event_add(watched->event, NULL);
}

/* --------------------------------------------------------------- making -- */

int upstream_start(void)
{
	char lookups[] = "b"; /* servers only: the supervisor has /etc/hosts */
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TRY_MS,
		.tries = TRIES,
		.lookups = lookups,
		.sock_state_cb = watch,
	};

	if (ares_library_init(ARES_LIB_INIT_ALL) ||
	    ares_init_options(&upstream.channel, &options,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
				      ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
				      ARES_OPT_SOCK_STATE_CB))
		return -ENOMEM;
	upstream.timer = event_new(broker_base(), -1, 0, timed_out, NULL);
	return upstream.timer ? 0 : -ENOMEM;
}

void upstream_servers(const char *list)
{
	(void)ares_set_servers_ports_csv(upstream.channel, list);
}

/* -------------------------------------------------------------- looking -- */

static bool take_address(const struct ares_addrinfo_node *node,
			 struct net_address *address)
{
	memset(address, 0, sizeof(*address));
	address->family = (uint8_t)node->ai_family;
	if (node->ai_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)node->ai_addr;

		memcpy(address->bytes, &in->sin_addr, 4);
		return true;
	}
	if (node->ai_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)node->ai_addr;

		memcpy(address->bytes, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

static enum upstream_result result_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
		return UPSTREAM_FOUND;
	case ARES_ENOTFOUND:
		return UPSTREAM_ABSENT;
	default:
		return UPSTREAM_FAILED;
	}
}

static void finished(void *context, int status, int timeouts,
		     struct ares_addrinfo *info)
{
	struct lookup *lookup = context;
	struct net_address addresses[NET_ADDRESSES];
	uint32_t ttl = MOST_TTL;
	size_t count = 0;

	(void)timeouts;
	for (struct ares_addrinfo_node *node = info ? info->nodes : NULL;
	     node && count < NET_ADDRESSES; node = node->ai_next) {
		if (node->ai_family != lookup->family ||
		    !take_address(node, &addresses[count]))
			continue;
		count++;
		if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < ttl)
			ttl = (uint32_t)node->ai_ttl;
	}
	if (info)
		ares_freeaddrinfo(info);
	if (count == 0 || ttl < LEAST_TTL)
		ttl = LEAST_TTL;
	lookup->found(lookup->context, result_of(status), addresses, count,
		      ttl);
	free(lookup);
}

void upstream_lookup(const char *name, int family, upstream_found *found,
		     void *context)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = family,
	};

	if (!lookup) {
		found(context, UPSTREAM_FAILED, NULL, 0, LEAST_TTL);
		return;
	}
	lookup->found = found;
	lookup->context = context;
	lookup->family = family;
	/* As a name that is whole: nothing is put behind it. */
	snprintf(lookup->name, sizeof(lookup->name), "%s", name);
	ares_getaddrinfo(upstream.channel, lookup->name, NULL, &hints, finished,
			 lookup);
	set_timer();
}
