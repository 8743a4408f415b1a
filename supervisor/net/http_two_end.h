/*
 * One connection of HTTP/2, of which we are the server or the client. Each of
 * its streams is joined to a pipe in memory, on which the same exchange is one
 * of HTTP/1.1: http_flow.h works on that, and knows no HTTP/2.
 *
 * Bytes that come are acknowledged (RFC 9113, 5.2) when the pipe took them, so
 * a stream holds no more than its window and what a pipe may hold; bytes that
 * go are taken from the pipe only as the peer, and its socket, take them.
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_END_H
#define SUPERVISOR_NET_HTTP_TWO_END_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/net/http_two_gate.h"
#include "supervisor/net/http_two_text.h"

struct two_end;

enum {
	TWO_STREAMS = 32, /* at once */
	TWO_WINDOW = 64 * 1024,
};

/** One exchange. */
struct two_stream {
	struct two_end *end;
	struct two_stream *next;
	int32_t id;		  /* 0: not yet on its way; -1: it is closed */
	struct bufferevent *pipe; /* ours */
	void *owner;

	struct two_head head; /* being received */
	bool trailing, got_head;
	enum two_frame frame;
	uint64_t left; /* bytes that may come where there are no chunks */
	size_t unread; /* bytes that are not yet acknowledged */

	struct two_body body; /* being sent */
	bool to_head;	      /* the request is HEAD */
	bool sent_head, waits;
	bool pipe_over; /* no more comes from it */
	bool cut;	/* and what came is not all */
	bool unsent;	/* the far end has nothing of it */
	bool told;	/* to the peer */
	bool whole;	/* closed, after both had said all */
};

struct two_calls {
	/** We are the server: a request's head is read. Makes stream->pipe;
	 * false: no memory. */
	bool (*begin)(struct two_stream *stream);
	/** It is over, and gone. Its pipe, if that is still its, is freed
	 * after that. */
	void (*close)(struct two_stream *stream);
	/** We are the client: the server did not begin with it. We are the
	 * server, and there is no answer: true where none of the request went
	 * further, so that it may be sent again (RFC 9113, 8.7). */
	bool (*unsent)(struct two_stream *stream);
	/** A request was refused, or the connection. */
	void (*refused)(void *context, const char *why);
	/** There is something to do: two_end_run(). */
	void (*wake)(void *context);
};

/** `side`, the connection, stays the caller's. NULL without memory. */
struct two_end *two_end_new(struct bufferevent *side, bool server,
			    const struct two_calls *calls, void *context);
/** Its streams, too: close() is called for each. */
void two_end_free(struct two_end *end);

/** The context it was made with. */
void *two_end_context(const struct two_end *end);

/** A request of ours, in text on a pipe whose end this takes. NULL without
 * memory; the pipe is then freed. */
struct two_stream *two_end_open(struct two_end *end, struct bufferevent *pipe);

/** Forget a stream: the peer is told so, where it was not over. */
void two_stream_drop(struct two_stream *stream);

/** Have a pipe's events reach two_calls.wake. */
void two_stream_watch(struct two_stream *stream);

/** Go as far as possible. False: the connection is over, when what it has to
 * write is written. */
bool two_end_run(struct two_end *end);

/** May it take another request of ours? */
bool two_end_is_open(const struct two_end *end);

/** Is it amidst a head? */
bool two_end_amidst(const struct two_end *end);

size_t two_end_streams(const struct two_end *end);

#endif
