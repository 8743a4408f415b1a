/*
 * Theory of operation. A request waits, in the pipe of its stream, until it is
 * known what the far end speaks; then its flow begins, and lives as long as the
 * stream. Flows run on events of their own, and touch no HTTP/2: what they
 * leave in pipes, and their end, wakes the front, which runs both of its sides.
 *
 *     client == TLS == near -- pipe -- flow -- pipe -- far == TLS == server
 *     (HTTP/2)       (two_end) (text)         (text) (two_end)      (HTTP/2)
 *
 * Connections to the far end beyond the first are made to its address, which
 * was decided about.
 */
#include "supervisor/net/http_two_front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_two_end.h"
#include "supervisor/net/pace.h"

/* A connection to the far end, of HTTP/2; or not yet known of which. */
struct far {
	struct two_front *front;
	struct far *next;
	struct bufferevent *side;
	struct two_end *end; /* NULL: its handshake is under way */
	bool lost;
};

struct request {
	struct two_front *front;
	struct request *next;
	struct two_stream *near, *far;
	struct bufferevent *client; /* its flow's, before that begins */
	struct http_flow *flow;	    /* or NULL: it is over, or not yet begun */
	void *context;		    /* the owner's */
};

struct two_front {
	struct http_flow *outer;
	struct two_end *near;
	struct event *woken;
	struct far *fars;
	bool one;		   /* the far end speaks HTTP/1.1 */
	struct bufferevent *spare; /* the connection that showed it */
	struct request *requests;
	struct sockaddr_storage address;
	socklen_t address_length;
};

/* ------------------------------------------------------------------ flows --
 */

static void wake(void *context)
{
	struct two_front *front = context;

	event_active(front->woken, EV_TIMEOUT, 0);
}

static void on_woken(evutil_socket_t fd, short what, void *context)
{
	const struct two_front *front = context;

	(void)fd;
	(void)what;
	http_run(front->outer);
}

static void ask(void *context, const char *method, const char *path)
{
	const struct request *request = context;

	request->front->outer->calls->ask(request->context, method, path);
}

static void report(void *context, enum http_report what, const char *text)
{
	const struct request *request = context;

	request->front->outer->calls->report(request->context, what, text);
}

static void renewed(void *context, size_t index, const char *value)
{
	const struct request *request = context;

	request->front->outer->calls->renewed(request->context, index, value);
}

static void swapped(void *context, size_t index, const char *method,
		    const char *path)
{
	const struct request *request = context;

	request->front->outer->calls->swapped(request->context, index, method,
					      path);
}

/* What was counted is the connection's; its other stream is needed no more. */
static void forget_flow(struct request *request)
{
	struct two_front *front = request->front;

	front->outer->out += request->flow->out;
	front->outer->in += request->flow->in;
	request->flow = NULL;
	front->outer->calls->done(request->context);
	request->context = NULL;
	if (request->far) {
		request->far->owner = NULL;
		two_stream_drop(request->far);
		request->far = NULL;
	}
}

/* The flow is freed when this returns. */
static void ended(void *context, uint64_t out, uint64_t in)
{
	struct request *request = context;
	struct http_flow *flow = request->flow;

	(void)out;
	(void)in;
	if (!flow->reset)
		(void)bufferevent_flush(flow->client, EV_WRITE, BEV_FINISHED);
	request->near->pipe_over = true;
	request->near->cut = flow->reset;
	forget_flow(request);
	wake(request->front);
}

static const struct http_calls flow_calls = {
	.ask = ask,
	.report = report,
	.renewed = renewed,
	.swapped = swapped,
	.ended = ended,
};

/* ------------------------------------------------------------- near side --
 */

static void refused(void *context, const char *why)
{
	const struct two_front *front = context;

	front->outer->calls->report(front->outer->context, HTTP_REPORT_REFUSED,
				    why);
}

static bool near_begin(struct two_stream *stream)
{
	struct two_front *front = two_end_context(stream->end);
	struct request *request = calloc(1, sizeof(*request));
	struct bufferevent *pair[2];

	if (!request || bufferevent_pair_new(front->outer->service->base,
					     BEV_OPT_DEFER_CALLBACKS, pair)) {
		free(request);
		return false;
	}
	request->front = front;
	request->near = stream;
	request->client = pair[0];
	request->next = front->requests;
	front->requests = request;
	stream->owner = request;
	stream->pipe = pair[1];
	two_stream_watch(stream);
	return true;
}

static void near_close(struct two_stream *stream)
{
	struct request *request = stream->owner;

	if (!request)
		return;
	struct request **at = &request->front->requests;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	if (request->flow) {
		struct http_flow *flow = request->flow;

		forget_flow(request);
		http_flow_free(flow);
	}
	if (request->client)
		bufferevent_free(request->client);
	free(request);
}

static const struct two_calls near_calls = {near_begin, near_close, refused,
					    wake};

/* -------------------------------------------------------------- far side --
 */

static void far_close(struct two_stream *stream)
{
	struct request *request = stream->owner;

	if (request)
		request->far = NULL;
	/* The flow sees that no more comes. */
	if (stream->pipe)
		(void)bufferevent_flush(stream->pipe, EV_WRITE, BEV_FINISHED);
}

static const struct two_calls far_calls = {NULL, far_close, refused, wake};

static void far_free(struct far *far)
{
	struct far **at = &far->front->fars;

	while (*at != far)
		at = &(*at)->next;
	*at = far->next;
	two_end_free(far->end);
	if (far->side)
		bufferevent_free(far->side);
	free(far);
}

static void on_far_bytes(struct bufferevent *side, void *context)
{
	const struct far *far = context;

	(void)side;
	wake(far->front);
}

static void on_spare(struct bufferevent *side, short what, void *context)
{
	struct two_front *front = context;

	(void)what;
	front->spare = NULL;
	bufferevent_free(side);
}

/* The far end chose. */
static void far_connected(struct far *far)
{
	struct two_front *front = far->front;

	if (http_two_agreed(far->side)) {
		far->end = two_end_new(far->side, false, &far_calls, front);
		far->lost = !far->end;
		return;
	}
	front->one = true;
	front->spare = far->side;
	far->side = NULL;
	far->lost = true;
	bufferevent_setcb(front->spare, NULL, NULL, on_spare, front);
}

static void on_far_event(struct bufferevent *side, short what, void *context)
{
	struct far *far = context;
	struct two_front *front = far->front;

	if (what & BEV_EVENT_CONNECTED) {
		far_connected(far);
	} else {
		if (!far->end)
			http_name_fault(front->outer, side);
		far->lost = true;
	}
	wake(front);
}

static bool far_new(struct two_front *front, int fd)
{
	struct http_flow *outer = front->outer;
	struct far *far = calloc(1, sizeof(*far));

	if (!far) {
		close(fd);
		return false;
	}
	far->side = http_server_make(outer, fd, true);
	if (!far->side) {
		free(far);
		return false;
	}
	outer->fault[0] = '\0';
	far->front = front;
	far->next = front->fars;
	front->fars = far;
	bufferevent_setcb(far->side, on_far_bytes, on_far_bytes, on_far_event,
			  far);
	bufferevent_setwatermark(far->side, EV_READ, 0, HTTP_BUFFER_MOST);
	bufferevent_setwatermark(far->side, EV_WRITE, HTTP_BUFFER_MOST / 4, 0);
	bufferevent_enable(far->side, EV_READ | EV_WRITE);
	return true;
}

/* Another connection to where the first leads; -1: it cannot be. */
static int connect_again(const struct two_front *front)
{
	int fd = socket(front->address.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&front->address,
		    front->address_length) &&
	    errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* One that takes requests, or may do so. */
static struct far *find_far(const struct two_front *front)
{
	struct far *far = front->fars;

	while (far && (far->lost || (far->end && !two_end_is_open(far->end))))
		far = far->next;
	return far;
}

/* --------------------------------------------------------------- starting --
 */

static bool reach_by_two(struct request *request, struct two_end *end)
{
	struct bufferevent *pair[2];

	if (bufferevent_pair_new(request->front->outer->service->base,
				 BEV_OPT_DEFER_CALLBACKS, pair))
		return false;
	http_server_use(request->flow, pair[0]);
	request->far = two_end_open(end, pair[1]);
	if (request->far)
		request->far->owner = request;
	return request->far;
}

static bool reach_by_one(struct request *request)
{
	struct two_front *front = request->front;

	if (front->spare) {
		http_server_use(request->flow, front->spare);
		front->spare = NULL;
		return true;
	}
	request->flow->server_fd = connect_again(front);
	return request->flow->server_fd >= 0 &&
	       http_server_begin(request->flow) == 0;
}

/* `far`: NULL where it is not of HTTP/2, or cannot be reached. */
static bool start(struct request *request, const struct far *far)
{
	struct two_front *front = request->front;
	struct http_flow *outer = front->outer;

	request->flow =
		http_flow_within(outer, request->client, &flow_calls, request);
	request->client = NULL;
	if (!request->flow)
		return false;
	request->context = outer->calls->another(outer->context, request->flow);
	if (!request->context) {
		http_flow_free(request->flow);
		request->flow = NULL;
		return false;
	}
	if (far)
		return reach_by_two(request, far->end);
	if (front->one && reach_by_one(request))
		return true;
	memcpy(request->flow->fault, outer->fault, sizeof(outer->fault));
	if (!request->flow->fault[0])
		(void)snprintf(request->flow->fault,
			       sizeof(request->flow->fault),
			       "%.120s cannot be reached", outer->served);
	return true;
}

/* The far end is being found out about, or can be. */
static bool must_wait(struct two_front *front, const struct far *far)
{
	if (far || front->one)
		return far && !far->end;
	int fd = front->outer->fault[0] ? -1 : connect_again(front);

	return fd >= 0 && far_new(front, fd);
}

static void start_waiting(struct two_front *front)
{
	struct request *request = front->requests, *next;
	const struct far *far;

	while (request && !request->client)
		request = request->next;
	if (!request)
		return;
	far = find_far(front);
	if (must_wait(front, far))
		return;
	for (; request; request = next) {
		next = request->next;
		if (request->client && !start(request, far))
			two_stream_drop(request->near);
	}
	/* The next request tries again. */
	front->outer->fault[0] = '\0';
}

/* ---------------------------------------------------------------- running --
 */

static void run_fars(struct two_front *front)
{
	for (struct far *far = front->fars, *next; far; far = next) {
		next = far->next;
		if (far->end && !two_end_run(far->end))
			far->lost = true;
		if (far->lost)
			far_free(far);
		else
			pace_reading(far->side, HTTP_BUFFER_MOST);
	}
}

static bool is_trying(const struct two_front *front)
{
	const struct far *far = front->fars;

	while (far && far->end)
		far = far->next;
	return far;
}

bool two_front_run(struct two_front *front)
{
	bool goes_on = two_end_run(front->near);

	run_fars(front);
	start_waiting(front);
	http_wait(front->outer,
		  two_end_amidst(front->near) || is_trying(front));
	return goes_on;
}

int two_front_begin(struct http_flow *flow)
{
	struct two_front *front = calloc(1, sizeof(*front));
	int fd = flow->server_fd;

	if (!front)
		return -ENOMEM;
	flow->front = front;
	flow->server_fd = -1;
	front->outer = flow;
	front->address_length = sizeof(front->address);
	if (getpeername(fd, (struct sockaddr *)&front->address,
			&front->address_length)) {
		/* It is gone already. */
		close(fd);
		return -ENOTCONN;
	}
	if (!far_new(front, fd))
		return -ENOMEM;
	front->woken = evtimer_new(flow->service->base, on_woken, front);
	front->near = front->woken ? two_end_new(flow->client, true,
						 &near_calls, front)
				   : NULL;
	return front->near ? 0 : -ENOMEM;
}

void two_front_free(struct two_front *front)
{
	if (!front)
		return;
	front->outer->front = NULL;
	two_end_free(front->near);
	while (front->fars)
		far_free(front->fars);
	if (front->spare)
		bufferevent_free(front->spare);
	if (front->woken)
		event_free(front->woken);
	free(front);
}
