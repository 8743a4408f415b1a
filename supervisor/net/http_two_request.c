/*
 * The requests of http_two_front.h: what becomes of each when its flow, its
 * client's stream or that to the far end is over.
 */
#include <stdlib.h>

#include "supervisor/net/http_two_parts.h"

/* ------------------------------------------------------------------ flows --
 */

void two_wake(void *context)
{
	struct two_front *front = context;

	event_active(front->woken, EV_TIMEOUT, 0);
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

/* What was counted is the connection's. */
static void forget_flow(struct request *request)
{
	struct two_front *front = request->front;

	front->outer->out += request->flow->out;
	front->outer->in += request->flow->in;
	request->flow = NULL;
	front->outer->calls->done(request->context);
	request->context = NULL;
}

static void drop_far(struct request *request)
{
	if (!request->far)
		return;
	request->far->owner = NULL;
	two_stream_drop(request->far);
	request->far = NULL;
}

void two_request_free(struct request *request)
{
	struct two_front *front = request->front;
	struct request **at = &front->requests;
	struct http_flow *flow = request->flow;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	if (flow) {
		forget_flow(request);
		http_flow_free(flow);
	}
	drop_far(request);
	if (request->client)
		bufferevent_free(request->client);
	if (request->tail)
		bufferevent_free(request->tail);
	if (request->rest) {
		bufferevent_free(request->rest);
		front->going_on--;
		two_wake(front);
	}
	free(request);
}

static bool is_unsent(const struct http_flow *flow)
{
	return flow->request < HTTP_PHASE_BODY && !flow->used;
}

static void on_tail_read(struct bufferevent *tail, void *context)
{
	struct evbuffer *in = bufferevent_get_input(tail);

	(void)context;
	evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_tail_written(struct bufferevent *tail, void *context)
{
	struct request *request = context;

	/* What is in a stream's pipe is still on its way. */
	if (!request->far && !evbuffer_get_length(bufferevent_get_output(tail)))
		two_request_free(request);
}

static void on_tail_event(struct bufferevent *tail, short what, void *context)
{
	(void)tail;
	(void)what;
	two_request_free(context);
}

/* All that its client sent is in the buffers of the far side: keep that. */
static void keep_tail(struct request *request)
{
	struct bufferevent *tail = request->tail = request->flow->server;

	request->flow->server = NULL;
	bufferevent_setcb(tail, on_tail_read, on_tail_written, on_tail_event,
			  request);
	bufferevent_setwatermark(tail, EV_WRITE, 0, 0);
}

/* It is not, or not any more. */
static bool has_tail(const struct request *request)
{
	const struct bufferevent *server = request->flow->server;

	return (request->far && request->far->id > 0) ||
	       (server && evbuffer_get_length(bufferevent_get_output(
				  request->flow->server)));
}

/* The flow is freed when this returns. */
static void ended(void *context, uint64_t out, uint64_t in)
{
	struct request *request = context;
	struct http_flow *flow = request->flow;

	(void)out;
	(void)in;
	if (!request->near) {
		if (!flow->reset && flow->server && has_tail(request))
			keep_tail(request);
		forget_flow(request);
		if (!request->tail)
			two_request_free(request);
		return;
	}
	if (!flow->reset)
		(void)bufferevent_flush(flow->client, EV_WRITE, BEV_FINISHED);
	request->unsent = is_unsent(flow);
	request->near->pipe_over = true;
	request->near->cut = flow->reset;
	request->near->unsent |= flow->reset && request->unsent;
	forget_flow(request);
	drop_far(request);
	two_wake(request->front);
}

const struct http_calls two_flow_calls = {
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

/* The answer was there before all of the request has gone on. */
static bool is_early(const struct request *request)
{
	const struct http_flow *flow = request->flow;

	return flow && (flow->request == HTTP_PHASE_GATHER ||
			flow->request == HTTP_PHASE_BODY || has_tail(request));
}

static void near_close(struct two_stream *stream)
{
	struct request *request = stream->owner;

	if (!request)
		return;
	request->near = NULL;
	if (!stream->whole || !is_early(request) ||
	    request->front->going_on == TWO_STREAMS) {
		two_request_free(request);
		return;
	}
	request->rest = stream->pipe;
	stream->pipe = NULL;
	request->front->going_on++;
	request->linger.moved = true; /* just now */
	request->front->went_on = true;
	bufferevent_setcb(request->rest, NULL, NULL, NULL, NULL);
	(void)bufferevent_flush(request->rest, EV_WRITE, BEV_FINISHED);
}

static bool near_unsent(struct two_stream *stream)
{
	const struct request *request = stream->owner;

	if (!request)
		return false;
	return request->flow ? is_unsent(request->flow) : request->unsent;
}

const struct two_calls two_near_calls = {
	.begin = near_begin,
	.close = near_close,
	.unsent = near_unsent,
	.refused = refused,
	.wake = two_wake,
};

/* -------------------------------------------------------------- far side --
 */

static bool far_unsent(struct two_stream *stream)
{
	const struct request *request = stream->owner;

	if (request && request->near) {
		request->near->unsent = true;
		two_wake(request->front);
	}
	return true;
}

static void far_close(struct two_stream *stream)
{
	struct request *request = stream->owner;

	if (stream->id == 0)
		(void)far_unsent(stream);
	if (request)
		request->far = NULL;
	/* The flow sees that no more comes. */
	if (stream->pipe)
		(void)bufferevent_flush(stream->pipe, EV_WRITE, BEV_FINISHED);
}

const struct two_calls two_far_calls = {
	.close = far_close,
	.unsent = far_unsent,
	.refused = refused,
	.wake = two_wake,
};
