/*
 * Theory of operation. Each direction has a pipe only while bytes wait in it:
 * pipes are taken from a store and go back empty, so a connection that is idle
 * holds none. A direction reads when its pipe is empty and writes when it is
 * not, and is told by one of two events which to do next.
 *
 * In plain HTTP the client's direction has a buffer instead: a request's head
 * is held until its Host was decided about, its body is passed by its length,
 * and what follows is a head again. After a request for another protocol
 * nothing is passed until the far end has agreed to it (101); then all is.
 * A first line that need be no request's is passed as it comes, and kept: where
 * it becomes one, what is left of its head is held until its Host was decided
 * about, and where it becomes another, the rest goes as any other protocol.
 *
 * In TLS nothing of the client's follows its ClientHello until the far end's
 * answer is there: it may ask for another, which is looked at (hello.h). As the
 * client's socket may hold bytes meanwhile, it is not waited on: whether the
 * client has gone is looked at from time to time.
 */
#include "supervisor/net/pump.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/net/beginning.h"
#include "supervisor/net/broker.h"
#include "supervisor/net/hello.h"
#include "supervisor/net/pipes.h"
#include "supervisor/net/relay.h"

enum {
	MOST_SPLICE = 256 * 1024,
	TURNS = 16, /* before others have theirs */
	LEFT_SECONDS = 5,
};

enum http_state {
	HTTP_HEAD = 0,
	HTTP_ASKING,
	HTTP_BODY,
	HTTP_CHUNKS,
	HTTP_UPGRADE, /* waits for the far end's answer */
	HTTP_OPEN,    /* another protocol */
	HTTP_WORD,    /* a first line that is neither yet */
};

struct http {
	enum http_state state;
	uint8_t bytes[SNIFF_MOST];
	size_t used;  /* bytes in the buffer */
	size_t ready; /* of them, those that may go */
	struct beginning beginning;
	struct request request;
	uint64_t body;
	struct chunks chunks;
	char allowed[NET_NAME]; /* the last Host that was */
	bool later;		/* a request went before */
};

struct direction {
	struct pump *pump;
	int from, to;
	int pipe[2];
	size_t in_pipe;
	struct event *readable, *writable;
	bool ended;    /* nothing more will be read */
	bool finished; /* and all of it was written */
	uint64_t count;
	struct http *http;
};

struct pump {
	struct flow *flow;
	struct direction out, in;
	struct hello hello;
};

/* --------------------------------------------------------------- moving -- */

/* Did the pump end with this? Then nothing of it may be touched any more. */
enum moved {
	MOVED = 0,
	WAITS,
	GONE,
};

static enum moved over(struct pump *pump, int error)
{
	flow_end(pump->flow, error);
	return GONE;
}

static enum moved finish(struct direction *direction)
{
	struct pump *pump = direction->pump;

	direction->finished = true;
	pipes_give(direction->pipe, direction->in_pipe == 0);
	shutdown(direction->to, SHUT_WR);
	return pump->in.finished && pump->out.finished ? over(pump, 0) : WAITS;
}

static enum moved drain(struct direction *direction)
{
	ssize_t sent =
		splice(direction->pipe[0], NULL, direction->to, NULL,
		       direction->in_pipe, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (sent < 0 && errno == EAGAIN) {
		event_add(direction->writable, NULL);
		return WAITS;
	}
	if (sent <= 0)
		return over(direction->pump, sent < 0 ? -errno : -EPIPE);
	direction->in_pipe -= (size_t)sent;
	direction->count += (uint64_t)sent;
	return MOVED;
}

static enum moved fill(struct direction *direction, size_t most)
{
	if (!pipes_take(direction->pipe))
		return over(direction->pump, -EMFILE);
	ssize_t got = splice(direction->from, NULL, direction->pipe[1], NULL,
			     most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (got < 0 && errno == EAGAIN) {
		pipes_give(direction->pipe, direction->in_pipe == 0);
		event_add(direction->readable, NULL);
		return WAITS;
	}
	if (got < 0)
		return over(direction->pump, -errno);
	if (got == 0) {
		direction->ended = true;
		return finish(direction);
	}
	direction->in_pipe = (size_t)got;
	return MOVED;
}

/* ------------------------------------------------------------ an answer -- */

/* Nobody reads from the client meanwhile: so it is looked after now and then. */
static void await_answer(struct pump *pump)
{
	static const struct timeval time = {.tv_sec = LEFT_SECONDS};

	event_add(pump->in.readable, &time);
}

/* Who says no more has no use for an answer to a ClientHello, or to a request for
 * another protocol. */
static bool client_left(const struct pump *pump)
{
	struct pollfd client = {.fd = pump->out.from, .events = POLLRDHUP};

	return poll(&client, 1, 0) > 0;
}

/* ----------------------------------------------------------------- HTTP -- */

static enum moved refuse(struct direction *direction, const char *why)
{
	flow_refuse(direction->pump->flow, why);
	return GONE;
}

/* The head at the start of the buffer may go. */
static void pass_head(struct http *http)
{
	http->ready = http->request.head;
	http->body = http->request.body;
	http->later = true;
	memset(&http->chunks, 0, sizeof(http->chunks));
	http->state = http->request.upgrade   ? HTTP_UPGRADE
		      : http->request.chunked ? HTTP_CHUNKS
		      : http->body	      ? HTTP_BODY
					      : HTTP_HEAD;
}

static enum moved judge_head(struct direction *direction)
{
	struct http *http = direction->http;
	const char *why;

	switch (request_head(http->bytes, http->used, &http->request, &why)) {
	case SNIFF_MORE:
		return http->used == sizeof(http->bytes)
			       ? refuse(direction, "the head of a request is "
						   "too long")
			       : WAITS;
	case SNIFF_HTTP:
		break;
	default:
		return refuse(direction, why);
	}
	/* What comes in then may be part of an earlier answer. */
	if (http->request.upgrade && http->later)
		return refuse(direction, "a request for another protocol is "
					 "not the connection's first");
	if (strcmp(http->request.host, http->allowed) == 0) {
		pass_head(http);
		return MOVED;
	}
	http->state = HTTP_ASKING;
	flow_ask(direction->pump->flow, http->request.host);
	return WAITS;
}

/* What went is kept no longer. */
static void forget_gone(struct http *http)
{
	http->used -= http->beginning.gone;
	memmove(http->bytes, http->bytes + http->beginning.gone, http->used);
	http->beginning.gone = 0;
}

/* The first line goes on. */
static enum moved judge_word(struct direction *direction)
{
	struct http *http = direction->http;
	const char *why;

	switch (beginning_look(&http->beginning, http->bytes, &http->used,
			       direction->ended, &http->request, &why)) {
	case SNIFF_MORE:
		return WAITS;
	case SNIFF_WORD:
		http->ready = http->used - http->beginning.gone;
		return http->ready ? MOVED : WAITS;
	case SNIFF_OTHER:
		forget_gone(http);
		http->state = HTTP_OPEN;
		return MOVED;
	case SNIFF_HTTP:
		break;
	default:
		return refuse(direction, why);
	}
	http->request.head -= http->beginning.gone;
	forget_gone(http);
	http->state = HTTP_ASKING;
	flow_ask(direction->pump->flow, http->request.host);
	return WAITS;
}

/* See how much of the buffer may go. */
static enum moved judge(struct direction *direction)
{
	struct http *http = direction->http;
	bool done;
	size_t passed;

	switch (http->state) {
	case HTTP_HEAD:
		return judge_head(direction);
	case HTTP_BODY:
		http->ready = http->used < http->body ? http->used
						      : (size_t)http->body;
		http->body -= http->ready;
		if (http->body == 0)
			http->state = HTTP_HEAD;
		return MOVED;
	case HTTP_CHUNKS:
		passed = chunks_pass(&http->chunks, http->bytes, http->used,
				     &done);
		if (passed == SIZE_MAX)
			return refuse(direction, "the body of a request is no "
						 "sequence of chunks");
		http->ready = passed;
		if (done)
			http->state = HTTP_HEAD;
		return MOVED;
	case HTTP_OPEN:
		http->ready = http->used;
		return MOVED;
	case HTTP_WORD:
		return judge_word(direction);
	default:
		return WAITS;
	}
}

static enum moved send_ready(struct direction *direction)
{
	struct http *http = direction->http;
	ssize_t sent = send(direction->to, http->bytes + http->beginning.gone,
			    http->ready, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno == EAGAIN) {
		event_add(direction->writable, NULL);
		return WAITS;
	}
	if (sent < 0)
		return over(direction->pump, -errno);
	direction->count += (uint64_t)sent;
	http->ready -= (size_t)sent;
	http->beginning.gone += (size_t)sent;
	if (http->state != HTTP_WORD)
		forget_gone(http);
	return MOVED;
}

static enum moved receive(struct direction *direction)
{
	struct http *http = direction->http;

	if (direction->ended || http->used == sizeof(http->bytes))
		return WAITS;
	ssize_t got = recv(direction->from, http->bytes + http->used,
			   sizeof(http->bytes) - http->used, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN) {
		event_add(direction->readable, NULL);
		return WAITS;
	}
	if (got < 0)
		return over(direction->pump, -errno);
	if (got == 0)
		direction->ended = true;
	http->used += (size_t)got;
	return MOVED;
}

static enum moved move_http(struct direction *direction)
{
	struct http *http = direction->http;
	enum moved moved = WAITS;

	if (http->ready > 0) {
		moved = send_ready(direction);
		if (moved == MOVED && http->state == HTTP_UPGRADE &&
		    http->ready == 0)
			await_answer(direction->pump);
		return moved;
	}
	if (http->used > 0)
		moved = judge(direction);
	if (moved != WAITS)
		return moved;
	if (direction->ended && http->state != HTTP_ASKING &&
	    http->state != HTTP_UPGRADE)
		/* Half a head is nothing that was decided about. */
		return finish(direction);
	/* While it is asked about, more may come, but need not. */
	return http->state == HTTP_ASKING || http->state == HTTP_UPGRADE
		       ? WAITS
		       : receive(direction);
}

/* ------------------------------------------------------------------ TLS -- */

/* All of the first ClientHello is out. */
static void see_sent(struct pump *pump)
{
	struct hello *hello = &pump->hello;

	if (hello->state != HELLO_FIRST || hello->left || pump->out.in_pipe)
		return;
	hello->state = HELLO_ANSWER;
	await_answer(pump);
}

static enum moved move_hello(struct direction *direction)
{
	struct pump *pump = direction->pump;
	struct hello *hello = &pump->hello;
	const char *why;
	enum moved moved;

	if (direction->in_pipe)
		return drain(direction);
	see_sent(pump);
	switch (hello->state) {
	case HELLO_ALERT:
		if (!hello->left) {
			hello->state = HELLO_SECOND;
			return MOVED;
		}
		__attribute__((fallthrough));
	case HELLO_FIRST:
		moved = fill(direction, hello->left);
		if (moved == MOVED)
			hello->left -= direction->in_pipe;
		return moved;
	case HELLO_SECOND:
		break;
	default:
		return WAITS;
	}
	switch (hello_second(hello, direction->from, pump->flow->name, &why)) {
	case SNIFF_TLS:
	case SNIFF_OTHER:
		return MOVED;
	case SNIFF_MORE:
		event_add(direction->readable, NULL);
		return WAITS;
	default:
		return refuse(direction, why);
	}
}

/* ----------------------------------------------------------------- both -- */

static void run(struct direction *direction)
{
	for (int i = 0; i < TURNS; i++) {
		const bool hello = direction == &direction->pump->out &&
				   direction->pump->hello.state != HELLO_NONE;
		enum moved moved = direction->finished ? WAITS
				   : direction->http   ? move_http(direction)
				   : hello	       ? move_hello(direction)
				   : direction->in_pipe
					   ? drain(direction)
					   : fill(direction, MOST_SPLICE);

		if (moved != MOVED)
			return;
	}
	event_active(direction->readable, EV_READ, 0);
}

/* The far end's answer to a request for another protocol, looked at while it
 * lies in the socket. False: wait for more of it. */
static bool answer_seen(struct direction *in, struct http *http)
{
	char start[12];
	ssize_t got =
		recv(in->from, start, sizeof(start), MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return false;
	if (got > 0 && got < (ssize_t)sizeof(start) &&
	    memcmp(start, "HTTP/1.1 101", (size_t)got) == 0) {
		int bytes = sizeof(start);

		setsockopt(in->from, SOL_SOCKET, SO_RCVLOWAT, &bytes,
			   sizeof(bytes));
		return false;
	}
	int one = 1;

	setsockopt(in->from, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	http->state = got == (ssize_t)sizeof(start) &&
				      memcmp(start, "HTTP/1.1 101", 12) == 0
			      ? HTTP_OPEN
			      : HTTP_HEAD;
	return true;
}

static void wait_on(struct pump *pump, short what)
{
	if (what & EV_TIMEOUT && client_left(pump))
		over(pump, 0);
	else
		await_answer(pump);
}

static void ready(evutil_socket_t fd, short what, void *context)
{
	struct direction *direction = context;
	struct pump *pump = direction->pump;
	struct http *http = pump->out.http;

	(void)fd;
	if (direction == &pump->in && http && http->state == HTTP_UPGRADE &&
	    http->ready == 0) {
		if (!answer_seen(direction, http)) {
			wait_on(pump, what);
			return;
		}
		event_active(pump->out.readable, EV_READ, 0);
	}
	see_sent(pump);
	if (direction == &pump->in && pump->hello.state == HELLO_ANSWER) {
		if (!hello_answer(&pump->hello, direction->from)) {
			wait_on(pump, what);
			return;
		}
		event_active(pump->out.readable, EV_READ, 0);
	}
	run(direction);
}

void pump_verdict(struct pump *pump, bool allowed)
{
	struct http *http = pump->out.http;

	if (!http || http->state != HTTP_ASKING)
		return;
	if (!allowed) {
		flow_refuse(pump->flow, NULL);
		return;
	}
	memcpy(http->allowed, http->request.host, sizeof(http->allowed));
	pass_head(http);
	run(&pump->out);
}

void pump_count(const struct pump *pump, uint64_t *out, uint64_t *in)
{
	*out = pump->out.count;
	*in = pump->in.count;
}

static bool direction_init(struct direction *direction, struct pump *pump,
			   int from, int to)
{
	*direction = (struct direction){
		.pump = pump,
		.from = from,
		.to = to,
		.pipe = {-1, -1},
	};
	direction->readable =
		event_new(broker_base(), from, EV_READ, ready, direction);
	direction->writable =
		event_new(broker_base(), to, EV_WRITE, ready, direction);
	return direction->readable && direction->writable;
}

static void direction_free(struct direction *direction)
{
	if (direction->readable)
		event_free(direction->readable);
	if (direction->writable)
		event_free(direction->writable);
	pipes_give(direction->pipe, direction->in_pipe == 0);
	free(direction->http);
}

struct pump *pump_new(struct flow *flow, bool http, size_t hello)
{
	struct pump *pump = calloc(1, sizeof(*pump));

	if (!pump)
		return NULL;
	pump->flow = flow;
	if (hello)
		pump->hello = (struct hello){HELLO_FIRST, .left = hello};
	bool made =
		direction_init(&pump->out, pump, flow->client, flow->server);

	made = direction_init(&pump->in, pump, flow->server, flow->client) &&
	       made;
	if (http) {
		pump->out.http = calloc(1, sizeof(*pump->out.http));
		made = made && pump->out.http;
		if (pump->out.http && flow->word)
			pump->out.http->state = HTTP_WORD;
		if (pump->out.http)
			memcpy(pump->out.http->allowed, flow->name,
			       sizeof(flow->name));
	}
	if (!made) {
		pump_free(pump);
		return NULL;
	}
	/* From the loop: the caller holds on to the flow meanwhile. */
	event_active(pump->out.readable, EV_READ, 0);
	event_active(pump->in.readable, EV_READ, 0);
	return pump;
}

void pump_free(struct pump *pump)
{
	if (!pump)
		return;
	direction_free(&pump->out);
	direction_free(&pump->in);
	free(pump);
}
