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
 *
 * A server may answer before it has read all of a request. Where it goes on
 * reading, what the client has sent goes on to it, though the client's stream,
 * or connection, is over; where it does not, the client is told so. How long
 * that may take is http_two_clock.c's.
 */
#include "supervisor/net/http_two_front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/net/http_two_parts.h"
#include "supervisor/net/pace.h"

/* -------------------------------------------------------------- far side --
 */

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
	two_wake(far->front);
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
		far->end = two_end_new(far->side, false, &two_far_calls, front);
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
	two_wake(front);
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

	request->flow = http_flow_within(outer, request->client,
					 &two_flow_calls, request);
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
		if (request->client && !start(request, far)) {
			request->near->unsent = true;
			two_wake(front);
		}
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

/* The last bytes of what went on without a stream. */
static bool is_writing(const struct two_front *front)
{
	const struct far *far = front->fars;

	while (far && (!far->side ||
		       !evbuffer_get_length(bufferevent_get_output(far->side))))
		far = far->next;
	return far && front->went_on;
}

bool two_front_goes_on(const struct two_front *front)
{
	return front &&
	       (front->going_on || (is_writing(front) && !front->given_up));
}

static void end_near(struct two_front *front)
{
	two_end_free(front->near);
	front->near = NULL;
	front->linger.moved = true;
	/* One that speaks HTTP/1.1 has given its side away. */
	for (struct far *far = front->fars; far; far = far->next)
		if (far->side)
			bufferevent_setwatermark(far->side, EV_WRITE, 0, 0);
}

static void on_woken(evutil_socket_t fd, short what, void *context)
{
	const struct two_front *front = context;

	(void)fd;
	(void)what;
	http_run(front->outer);
}

bool two_front_run(struct two_front *front)
{
	if (front->near &&
	    (!two_end_run(front->near) || front->outer->client_over))
		end_near(front);
	run_fars(front);
	start_waiting(front);
	http_wait(front->outer, (front->near && two_end_amidst(front->near)) ||
					is_trying(front));
	two_clock_run(front);
	return front->near || two_front_goes_on(front);
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
	front->clock = evtimer_new(flow->service->base, two_clock_turn, front);
	front->near = front->woken && front->clock
			      ? two_end_new(flow->client, true, &two_near_calls,
					    front)
			      : NULL;
	return front->near ? 0 : -ENOMEM;
}

void two_front_free(struct two_front *front)
{
	if (!front)
		return;
	front->outer->front = NULL;
	two_end_free(front->near);
	while (front->requests)
		two_request_free(front->requests);
	while (front->fars)
		far_free(front->fars);
	if (front->spare)
		bufferevent_free(front->spare);
	if (front->woken)
		event_free(front->woken);
	if (front->clock)
		event_free(front->clock);
	free(front);
}
