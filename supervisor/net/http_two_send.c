/*
 * What the pipe of a stream has, on its way into HTTP/2.
 */
#include <errno.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_two_session.h"

enum {
	PAID_DATA = 4,	  /* for a frame that we sent */
	QUEUE_MOST = 256, /* frames, but for data */
};

static int send_trailers(struct two_stream *stream)
{
	struct evbuffer *lines = stream->body.trailers;
	struct two_fields *fields;
	const char *bytes;
	int error;

	if (!lines)
		return 1;
	bytes = (const char *)evbuffer_pullup(lines, -1);
	fields = calloc(1, sizeof(*fields));
	if (!fields || !bytes) {
		free(fields);
		return -ENOMEM;
	}
	error = two_fields_trailers(fields, bytes, evbuffer_get_length(lines));
	if (!error && fields->count == 0)
		error = 1;
	else if (!error &&
		 nghttp2_submit_trailer(stream->end->session, stream->id,
					fields->items, fields->count))
		error = -ENOMEM;
	two_fields_clear(fields);
	free(fields);
	return error;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer,
		       size_t length, uint32_t *flags,
		       nghttp2_data_source *source, void *context)
{
	struct two_stream *stream =
		nghttp2_session_get_stream_user_data(session, id);
	struct evbuffer *in;
	size_t got;
	int trailers;

	(void)source;
	(void)context;
	if (!stream || !stream->pipe)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	in = bufferevent_get_input(stream->pipe);
	got = two_body_read(&stream->body, in, buffer, length);
	if (!got && !stream->body.ended && stream->pipe_over &&
	    !evbuffer_get_length(in) && stream->body.body == HTTP_BODY_CLOSE &&
	    !stream->cut)
		stream->body.ended = true;
	if (stream->body.bad || (!got && !stream->body.ended &&
				 stream->pipe_over && !evbuffer_get_length(in)))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!got && !stream->body.ended) {
		stream->waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (stream->body.ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		trailers = send_trailers(stream);
		if (trailers < 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		if (trailers == 0)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	}
	if (got)
		two_gate_pay(&stream->end->gate, PAID_DATA);
	return (ssize_t)got;
}

static int submit(struct two_stream *stream, const struct http_head *head)
{
	struct two_end *end = stream->end;
	nghttp2_data_provider provider = {{.ptr = NULL}, on_read};
	struct two_fields *fields = calloc(1, sizeof(*fields));
	bool interim = end->server && head->status < 200;
	int error = fields ? 0 : -ENOMEM;

	if (!error)
		error = end->server ? two_fields_answer(fields, head)
				    : two_fields_request(fields, head);
	two_body_begin(&stream->body, head);
	nghttp2_data_provider *body = stream->body.ended ? NULL : &provider;

	if (!error && interim)
		error = nghttp2_submit_headers(end->session, NGHTTP2_FLAG_NONE,
					       stream->id, NULL, fields->items,
					       fields->count, NULL);
	else if (!error && end->server)
		error = nghttp2_submit_response(end->session, stream->id,
						fields->items, fields->count,
						body);
	else if (!error)
		error = nghttp2_submit_request(end->session, NULL,
					       fields->items, fields->count,
					       body, stream);
	if (!end->server && error > 0)
		stream->id = error;
	stream->sent_head = !interim;
	if (fields)
		two_fields_clear(fields);
	free(fields);
	return error < 0 ? error : 0;
}

/* The pipe's side did not do as it should. */
static void give_up(struct two_stream *stream)
{
	const struct two_calls *calls = stream->end->calls;

	stream->sent_head = true;
	if (stream->id > 0) {
		two_reset(stream, stream->end->server && calls->unsent(stream)
					  ? NGHTTP2_REFUSED_STREAM
					  : NGHTTP2_INTERNAL_ERROR);
	} else if (!stream->id) {
		stream->id = -1;
		(void)calls->unsent(stream);
		(void)bufferevent_flush(stream->pipe, EV_WRITE, BEV_FINISHED);
	}
}

/* The head of what is to be sent. True: there may be another. */
static bool send_head(struct two_stream *stream)
{
	struct evbuffer *in = bufferevent_get_input(stream->pipe);
	struct http_head *head = &stream->end->scratch;
	const char *bytes, *why;
	size_t length;
	int error;

	switch (http_read_head(in, &bytes, &length)) {
	case HTTP_READ_MORE:
		if (stream->pipe_over)
			give_up(stream);
		return false;
	case HTTP_READ_BAD:
		give_up(stream);
		return false;
	default:
		break;
	}
	error = stream->end->server
			? http_answer_read(bytes, length, stream->to_head, head,
					   &why)
			: http_request_read(bytes, length, head, &why);
	if (!error && !stream->end->server)
		stream->to_head = http_text_is(head->method, "head");
	if (!error)
		error = submit(stream, head);
	if (error)
		give_up(stream);
	evbuffer_drain(in, length);
	return !stream->sent_head;
}

void two_send(struct two_stream *stream)
{
	/* Of interim answers there may be many. */
	while (!stream->sent_head &&
	       nghttp2_session_get_outbound_queue_size(stream->end->session) <
		       QUEUE_MOST &&
	       send_head(stream))
		;
	if (stream->id <= 0 || !stream->waits ||
	    (!stream->pipe_over &&
	     !evbuffer_get_length(bufferevent_get_input(stream->pipe))))
		return;
	stream->waits = false;
	(void)nghttp2_session_resume_data(stream->end->session, stream->id);
}
