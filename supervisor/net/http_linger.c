/*
 * The end of a connection. What was written for the client is to reach it, and
 * what it still sends is taken and thrown away: a close() with bytes unread
 * would be a reset, and that can take the answer from a client that first sends
 * all of its body, and then reads. As long as bytes flow this goes on, within
 * reason.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "supervisor/net/http_parts.h"

static const char *status_text(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 421:
		return "Misdirected Request";
	default:
		return "Bad Gateway";
	}
}

void http_refuse(struct http_flow *flow, unsigned status, const char *why)
{
	struct evbuffer *out = bufferevent_get_output(flow->client);

	if (flow->over || flow->lingering)
		return;
	/* What was decided is recorded by who did; a far end may be gone. */
	if (status == 400 || status == 421 || flow->fault[0])
		flow->calls->report(flow->context, HTTP_REPORT_REFUSED, why);
	if (flow->answered || flow->tunnel) {
		http_over(flow, true);
		return;
	}
	if (flow->two)
		(void)http_two_refuse(out, why);
	else
		evbuffer_add_printf(
			out,
			"HTTP/1.1 %u %s\r\n"
			"Content-Type: text/plain; charset=utf-8\r\n"
			"Content-Length: %zu\r\n"
			"Connection: close\r\n\r\n"
			"interpose: %s\n",
			status, status_text(status), strlen(why) + 12, why);
	http_linger(flow);
}

/* --------------------------------------------------------------- lingering --
 */

static size_t waiting(const struct http_flow *flow)
{
	return evbuffer_get_length(bufferevent_get_output(flow->client));
}

static void wait_a_turn(struct http_flow *flow)
{
	flow->waiting = true;
	evtimer_add(flow->timer, &flow->service->turn);
}

void http_linger(struct http_flow *flow)
{
	flow->lingering = true;
	flow->linger = (struct http_linger){.waiting = waiting(flow)};
	wait_a_turn(flow);
}

/* All that was written is out: say so, and let the client go first. */
static void say_end(struct http_flow *flow)
{
	SSL *ssl = flow->tls ? bufferevent_openssl_get_ssl(flow->client) : NULL;

	flow->linger.said = true;
	if (ssl && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	if (bufferevent_getfd(flow->client) < 0)
		(void)bufferevent_flush(flow->client, EV_WRITE, BEV_FINISHED);
	else
		(void)shutdown(bufferevent_getfd(flow->client), SHUT_WR);
	wait_a_turn(flow);
}

void http_linger_step(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->client);
	size_t length = evbuffer_get_length(in);

	evbuffer_drain(in, length);
	flow->linger.moved |= length > 0;
	if (waiting(flow))
		return;
	if (!flow->linger.said)
		say_end(flow);
	if (flow->client_over)
		http_over(flow, false);
}

bool http_linger_on(struct http_linger *linger, size_t waiting)
{
	const bool moved = linger->moved || waiting != linger->waiting;

	linger->seconds += HTTP_SECONDS_LINGER;
	linger->idle = moved ? 0 : linger->idle + HTTP_SECONDS_LINGER;
	linger->waiting = waiting;
	linger->moved = false;
	return linger->seconds < HTTP_SECONDS_MOST &&
	       linger->idle <
		       (waiting ? HTTP_SECONDS_STALLED : HTTP_SECONDS_LINGER);
}

void http_linger_time(struct http_flow *flow)
{
	if (http_linger_on(&flow->linger, waiting(flow)))
		wait_a_turn(flow);
	else
		http_over(flow, waiting(flow) > 0);
}
