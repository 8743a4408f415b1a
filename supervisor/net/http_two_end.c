#include "supervisor/net/http_two_end.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_two_session.h"
#include "supervisor/net/pace.h"

enum {
	PIECE = 16 * 1024,
	PAID_EXCHANGE = 10, /* for one that came to its end */
	COST_BAD = 25,
	COST_EARLY = 1,
};

/* --------------------------------------------------------------- streams -- */

static struct two_stream *stream_new(struct two_end *end)
{
	struct two_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->end = end;
	stream->next = end->streams;
	end->streams = stream;
	end->count++;
	return stream;
}

static void stream_free(struct two_stream *stream)
{
	struct two_end *end = stream->end;
	struct two_stream **at = &end->streams;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	end->count--;
	end->calls->close(stream);
	two_head_clear(&stream->head);
	two_body_clear(&stream->body);
	if (stream->pipe)
		bufferevent_free(stream->pipe);
	free(stream);
}

void two_reset(struct two_stream *stream, uint32_t error)
{
	(void)nghttp2_submit_rst_stream(stream->end->session, NGHTTP2_FLAG_NONE,
					stream->id, error);
}

void two_stream_drop(struct two_stream *stream)
{
	struct two_end *end = stream->end;

	if (stream->id > 0) {
		two_reset(stream, NGHTTP2_CANCEL);
		(void)nghttp2_session_set_stream_user_data(end->session,
							   stream->id, NULL);
		if (stream->unread)
			(void)nghttp2_session_consume_connection(
				end->session, stream->unread);
	}
	stream_free(stream);
	end->calls->wake(end->context);
}

static void on_pipe(struct bufferevent *pipe, void *context)
{
	struct two_stream *stream = context;

	(void)pipe;
	stream->end->calls->wake(stream->end->context);
}

static void on_pipe_event(struct bufferevent *pipe, short what, void *context)
{
	struct two_stream *stream = context;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		stream->pipe_over = true;
	on_pipe(pipe, context);
}

void two_stream_watch(struct two_stream *stream)
{
	struct bufferevent *pipe = stream->pipe;

	bufferevent_setcb(pipe, on_pipe, on_pipe, on_pipe_event, stream);
	bufferevent_setwatermark(pipe, EV_READ, 0, TWO_WINDOW);
	bufferevent_enable(pipe, EV_READ | EV_WRITE);
}

/* ------------------------------------------------------------- receiving -- */

static void say_refused(struct two_end *end, const char *why)
{
	char text[160];

	(void)snprintf(text, sizeof(text), "%s is ambiguous: %s",
		       end->server ? "the request" : "the answer", why);
	end->calls->refused(end->context, text);
}

/* What a stream's peer did wrong: once too often, and all is over. */
static void charge(struct two_end *end, unsigned cost)
{
	if (!two_gate_charge(&end->gate, cost))
		end->flooded = true;
}

int two_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
			 void *context)
{
	struct two_end *end = context;
	int32_t id = frame->hd.stream_id;
	struct two_stream *stream =
		nghttp2_session_get_stream_user_data(session, id);

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (!stream && end->server &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		stream = stream_new(end);
		if (!stream ||
		    nghttp2_session_set_stream_user_data(session, id, stream))
			return NGHTTP2_ERR_CALLBACK_FAILURE;
		stream->id = id;
	}
	if (!stream)
		return 0;
	two_head_clear(&stream->head);
	stream->trailing = stream->got_head;
	stream->head.kind = stream->trailing ? TWO_TRAILERS
			    : end->server    ? TWO_REQUEST
					     : TWO_ANSWER;
	return 0;
}

int two_on_header(nghttp2_session *session, const nghttp2_frame *frame,
		  const uint8_t *name, size_t name_length, const uint8_t *value,
		  size_t value_length, uint8_t flags, void *context)
{
	struct two_stream *stream = nghttp2_session_get_stream_user_data(
		session, frame->hd.stream_id);
	const char *why = NULL;
	int error;

	(void)flags;
	if (!stream || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	error = two_head_add(
		&stream->head,
		(struct http_text){(const char *)name, name_length},
		(struct http_text){(const char *)value, value_length}, &why);
	if (error == -ENOMEM)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (!error)
		return 0;
	say_refused(context, why);
	charge(context, COST_BAD);
	/* The stream is reset, and the rest of its head is not shown. */
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int two_on_bad_header(nghttp2_session *session, const nghttp2_frame *frame,
		      const uint8_t *name, size_t name_length,
		      const uint8_t *value, size_t value_length, uint8_t flags,
		      void *context)
{
	(void)session;
	(void)frame;
	(void)name;
	(void)name_length;
	(void)value;
	(void)value_length;
	(void)flags;
	say_refused(context, "a header that HTTP/2 does not have");
	charge(context, COST_BAD);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int two_on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame,
		     int error, void *context)
{
	(void)session;
	(void)frame;
	if (error != NGHTTP2_ERR_REFUSED_STREAM &&
	    error != NGHTTP2_ERR_STREAM_CLOSED)
		say_refused(context, nghttp2_strerror(error));
	/* More streams than there may be are sent before that is known. */
	charge(context,
	       error == NGHTTP2_ERR_REFUSED_STREAM ? COST_EARLY : COST_BAD);
	return 0;
}

static void end_body(struct two_stream *stream)
{
	struct evbuffer *out = bufferevent_get_output(stream->pipe);
	enum two_frame unused;
	const char *why;

	if (stream->left)
		two_reset(stream, NGHTTP2_PROTOCOL_ERROR);
	if (stream->frame != TWO_FRAME_CHUNKS)
		return;
	evbuffer_add(out, "0\r\n", 3);
	if (stream->trailing)
		(void)two_head_write(&stream->head, true, false, out, &unused,
				     &why);
	evbuffer_add(out, "\r\n", 2);
}

/* A head is whole: write it. */
static int take_head(struct two_stream *stream, bool ended)
{
	struct two_end *end = stream->end;
	struct evbuffer *text = evbuffer_new();
	const char *why = NULL;
	int error = text ? 0 : -ENOMEM;

	if (end->server && stream->head.parts[TWO_METHOD] && !error)
		stream->to_head = two_head_is_head(&stream->head);
	if (!error)
		error = two_head_write(&stream->head, ended, stream->to_head,
				       text, &stream->frame, &why);
	stream->left = stream->head.length;
	if (!error && end->server && !end->calls->begin(stream))
		error = -ENOMEM;
	if (!error)
		error = evbuffer_add_buffer(
				bufferevent_get_output(stream->pipe), text)
				? -ENOMEM
				: 0;
	if (text)
		evbuffer_free(text);
	if (error == -EBADMSG) {
		say_refused(end, why);
		charge(end, COST_BAD);
		two_reset(stream, NGHTTP2_PROTOCOL_ERROR);
		error = 0;
	}
	/* One of 1xx is not yet the answer. */
	stream->got_head = end->server || stream->head.status >= 200;
	two_head_clear(&stream->head);
	return error ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int two_on_frame(nghttp2_session *session, const nghttp2_frame *frame,
		 void *context)
{
	struct two_stream *stream = nghttp2_session_get_stream_user_data(
		session, frame->hd.stream_id);
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	int error = 0;

	(void)context;
	if (!stream || (frame->hd.type != NGHTTP2_HEADERS &&
			frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !stream->trailing)
		error = take_head(stream, ended);
	if (error || !ended || !stream->pipe)
		return error;
	end_body(stream);
	return 0;
}

int two_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
		const uint8_t *bytes, size_t length, void *context)
{
	struct two_stream *stream =
		nghttp2_session_get_stream_user_data(session, id);
	struct evbuffer *out;

	(void)flags;
	(void)context;
	if (!stream || !stream->pipe) {
		(void)nghttp2_session_consume(session, id, length);
		return 0;
	}
	out = bufferevent_get_output(stream->pipe);
	stream->unread += length;
	if (stream->frame == TWO_FRAME_CHUNKS) {
		if (evbuffer_add_printf(out, "%zx\r\n", length) < 0 ||
		    evbuffer_add(out, bytes, length) ||
		    evbuffer_add(out, "\r\n", 2))
			return NGHTTP2_ERR_CALLBACK_FAILURE;
		return 0;
	}
	/* nghttp2 sees to it, too; here it would be the next message. */
	if (length > stream->left) {
		two_reset(stream, NGHTTP2_PROTOCOL_ERROR);
		return 0;
	}
	stream->left -= length;
	return evbuffer_add(out, bytes, length) ? NGHTTP2_ERR_CALLBACK_FAILURE
						: 0;
}

int two_on_close(nghttp2_session *session, int32_t id, uint32_t error,
		 void *context)
{
	struct two_end *end = context;
	struct two_stream *stream =
		nghttp2_session_get_stream_user_data(session, id);

	if (!stream)
		return 0;
	/* That nothing was wrong is what the peer may say, too. */
	if (!error && (!end->server || stream->sent_head))
		two_gate_pay(&end->gate, PAID_EXCHANGE);
	if (stream->unread)
		(void)nghttp2_session_consume_connection(session,
							 stream->unread);
	stream->unread = 0;
	stream->whole =
		!error &&
		nghttp2_session_get_stream_local_close(session, id) == 1 &&
		nghttp2_session_get_stream_remote_close(session, id) == 1;
	stream->id = -1;
	if (!end->server && error == NGHTTP2_REFUSED_STREAM)
		(void)end->calls->unsent(stream);
	/* A request of ours stays for its owner to see how it ended. */
	if (end->server)
		stream_free(stream);
	else
		(void)bufferevent_flush(stream->pipe, EV_WRITE, BEV_FINISHED);
	return 0;
}

/* See what the pipe has, and has taken. */
static void step(struct two_stream *stream)
{
	struct two_end *end = stream->end;

	if (stream->id < 0 || !stream->pipe)
		return;
	if (stream->unsent && !stream->sent_head && !stream->told) {
		two_reset(stream, NGHTTP2_REFUSED_STREAM);
		stream->told = true;
	}
	if (stream->told)
		return;
	two_send(stream);
	if (stream->id > 0 && stream->unread &&
	    evbuffer_get_length(bufferevent_get_output(stream->pipe)) == 0) {
		(void)nghttp2_session_consume(end->session, stream->id,
					      stream->unread);
		stream->unread = 0;
	}
	if (stream->id <= 0 || !end->server)
		return;
	/* The answer is whole, and nobody takes the rest of the request
	 * (RFC 9113, 8.1). */
	bool early = stream->pipe_over &&
		     nghttp2_session_get_stream_local_close(end->session,
							    stream->id) == 1;

	if (!stream->cut && !early)
		return;
	two_reset(stream, early ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR);
	stream->told = true;
}

/* --------------------------------------------------------------- running -- */

static void flooded(struct two_end *end)
{
	if (end->over)
		return;
	end->calls->refused(end->context,
			    "HTTP/2: a flood of frames that ask for nothing");
	(void)nghttp2_session_terminate_session(end->session,
						NGHTTP2_ENHANCE_YOUR_CALM);
	end->over = true;
}

/* nghttp2 cannot go on. */
static void broken(struct two_end *end, int error)
{
	char text[160];

	(void)snprintf(text, sizeof(text), "HTTP/2 that is wrong: %s",
		       nghttp2_strerror(error));
	end->calls->refused(end->context, text);
	(void)nghttp2_session_terminate_session(
		end->session, error == NGHTTP2_ERR_FLOODED
				      ? NGHTTP2_ENHANCE_YOUR_CALM
				      : NGHTTP2_PROTOCOL_ERROR);
	end->over = true;
}

/* One piece of what came. */
static bool receive(struct two_end *end)
{
	struct evbuffer *in = bufferevent_get_input(end->side);
	struct evbuffer_iovec part;
	ssize_t used;

	if (evbuffer_peek(in, -1, NULL, &part, 1) < 1 || !part.iov_len)
		return false;
	if (part.iov_len > PIECE)
		part.iov_len = PIECE;
	if (end->over ||
	    !two_gate_pass(&end->gate, part.iov_base, part.iov_len)) {
		flooded(end);
		evbuffer_drain(in, part.iov_len);
		return true;
	}
	used = nghttp2_session_mem_recv(end->session, part.iov_base,
					part.iov_len);
	evbuffer_drain(in, part.iov_len);
	if (used < 0)
		broken(end, (int)used);
	if (end->flooded)
		flooded(end);
	return true;
}

static bool has_room(const struct two_end *end)
{
	return evbuffer_get_length(bufferevent_get_output(end->side)) <
	       HTTP_BUFFER_MOST;
}

static bool send_some(struct two_end *end)
{
	struct evbuffer *out = bufferevent_get_output(end->side);
	bool sent = false;

	while (has_room(end)) {
		const uint8_t *bytes;
		ssize_t length = nghttp2_session_mem_send(end->session, &bytes);

		if (length <= 0 || evbuffer_add(out, bytes, (size_t)length)) {
			end->over |= length != 0;
			break;
		}
		sent = true;
	}
	return sent;
}

bool two_end_run(struct two_end *end)
{
	bool more = true;

	while (more) {
		more = has_room(end) && receive(end);
		for (struct two_stream *stream = end->streams, *next; stream;
		     stream = next) {
			next = stream->next;
			step(stream);
		}
		more |= send_some(end);
	}
	for (struct two_stream *stream = end->streams; stream;
	     stream = stream->next)
		if (stream->pipe)
			pace_reading(stream->pipe, TWO_WINDOW);
	return !end->over && (nghttp2_session_want_read(end->session) ||
			      nghttp2_session_want_write(end->session));
}

bool two_end_is_open(const struct two_end *end)
{
	return !end->over &&
	       nghttp2_session_check_request_allowed(end->session);
}

bool two_end_amidst(const struct two_end *end)
{
	return two_gate_amidst(&end->gate);
}

size_t two_end_streams(const struct two_end *end)
{
	return end->count;
}

void *two_end_context(const struct two_end *end)
{
	return end->context;
}

struct two_stream *two_end_open(struct two_end *end, struct bufferevent *pipe)
{
	struct two_stream *stream = stream_new(end);

	if (!stream) {
		bufferevent_free(pipe);
		return NULL;
	}
	stream->pipe = pipe;
	two_stream_watch(stream);
	return stream;
}

struct two_end *two_end_new(struct bufferevent *side, bool server,
			    const struct two_calls *calls, void *context)
{
	struct two_end *end = calloc(1, sizeof(*end));

	if (!end)
		return NULL;
	end->side = side;
	end->server = server;
	end->calls = calls;
	end->context = context;
	two_gate_begin(&end->gate, server ? NGHTTP2_CLIENT_MAGIC_LEN : 0);
	if (two_session_new(end))
		return end;
	free(end);
	return NULL;
}

void two_end_free(struct two_end *end)
{
	if (!end)
		return;
	while (end->streams)
		stream_free(end->streams);
	nghttp2_session_del(end->session);
	free(end);
}
