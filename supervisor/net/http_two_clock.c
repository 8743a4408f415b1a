/*
 * How long what is left of requests may go on to the far end, when the client's
 * stream, or its connection, is over: as long as the far end takes some of it,
 * within reason. One that has all, and leaves its side open, is not waited for.
 */
#include "supervisor/net/http_two_parts.h"

static size_t to_write(struct bufferevent *side)
{
	return side ? evbuffer_get_length(bufferevent_get_output(side)) : 0;
}

static size_t to_read(struct bufferevent *side)
{
	return side ? evbuffer_get_length(bufferevent_get_input(side)) : 0;
}

/* Bytes of a request that no connection to the far end has taken yet. */
static size_t of_request(const struct request *request)
{
	const struct http_flow *flow = request->flow;
	size_t bytes = to_write(request->rest) + to_write(request->tail);

	if (flow)
		bytes += to_read(flow->client) + to_write(flow->server);
	if (request->far)
		bytes += to_read(request->far->pipe);
	return bytes;
}

static size_t of_connections(const struct two_front *front)
{
	size_t bytes = 0;

	for (const struct far *far = front->fars; far; far = far->next)
		bytes += to_write(far->side);
	return bytes;
}

void two_clock_turn(evutil_socket_t fd, short what, void *context)
{
	struct two_front *front = context;
	const size_t shared = of_connections(front);
	bool any = false;

	(void)fd;
	(void)what;
	for (struct request *request = front->requests, *next; request;
	     request = next) {
		next = request->next;
		any |= request->rest != NULL;
		if (request->rest &&
		    !http_linger_on(&request->linger,
				    of_request(request) + shared))
			two_request_free(request);
	}
	/* With the last of them its last bytes begin to count. */
	if (!front->near && !any && !http_linger_on(&front->linger, shared))
		front->given_up = true;
	two_wake(front);
}

void two_clock_run(struct two_front *front)
{
	if ((front->near && !front->going_on) ||
	    evtimer_pending(front->clock, NULL))
		return;
	evtimer_add(front->clock, &front->outer->service->turn);
}
