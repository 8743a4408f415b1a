/*
 * What the files of http_two_end.h share.
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_SESSION_H
#define SUPERVISOR_NET_HTTP_TWO_SESSION_H

#include <nghttp2/nghttp2.h>

#include "supervisor/net/http_two_end.h"

struct two_end {
	nghttp2_session *session;
	struct bufferevent *side;
	bool server, over, flooded;
	struct two_gate gate;
	struct two_stream *streams;
	size_t count;
	const struct two_calls *calls;
	void *context;
	struct http_head scratch; /* valid during one step */
};

/** Make the session of an end, and queue its first frames. False: no memory. */
bool two_session_new(struct two_end *end);

/** Pass on what the pipe of a stream has. */
void two_send(struct two_stream *stream);

/** Tell the peer that a stream is over, and why. */
void two_reset(struct two_stream *stream, uint32_t error);

int two_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
			 void *context);
int two_on_header(nghttp2_session *session, const nghttp2_frame *frame,
		  const uint8_t *name, size_t name_length, const uint8_t *value,
		  size_t value_length, uint8_t flags, void *context);
int two_on_bad_header(nghttp2_session *session, const nghttp2_frame *frame,
		      const uint8_t *name, size_t name_length,
		      const uint8_t *value, size_t value_length, uint8_t flags,
		      void *context);
int two_on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame,
		     int error, void *context);
int two_on_frame(nghttp2_session *session, const nghttp2_frame *frame,
		 void *context);
int two_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
		const uint8_t *bytes, size_t length, void *context);
int two_on_close(nghttp2_session *session, int32_t id, uint32_t error,
		 void *context);

#endif
