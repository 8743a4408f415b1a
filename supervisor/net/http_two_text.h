/*
 * Messages of HTTP/2 as those of HTTP/1.1, and back. What is decided about is
 * the text: a request of HTTP/2 is written as one of HTTP/1.1, and read by the
 * same reader as all others. What cannot be written so that every reader
 * understands the same is refused here (RFC 9113, 8).
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_TEXT_H
#define SUPERVISOR_NET_HTTP_TWO_TEXT_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "supervisor/net/http_head.h"

enum {
	TWO_METHOD = 0,
	TWO_SCHEME,
	TWO_AUTHORITY,
	TWO_PATH,
	TWO_STATUS,
	TWO_HOST,   /* a field, as all that follow */
	TWO_COOKIE, /* its crumbs in one */
	TWO_LENGTH,
	TWO_FIELDS, /* all others, as lines */
	TWO_PARTS,
	TWO_TRAILERS_MOST = 8 * 1024,
};

enum two_kind {
	TWO_REQUEST = 0,
	TWO_ANSWER,
	TWO_TRAILERS,
};

/** A head on its way into text. Zeroed, it is one of a request. */
struct two_head {
	enum two_kind kind;
	struct evbuffer *parts[TWO_PARTS];
	size_t size, count;
	uint64_t length; /* once written: bytes that follow; 0 with chunks */
	unsigned status;
	bool regular; /* a field was there that begins with no colon */
};

/** Forget what it holds; it is a request's again. */
void two_head_clear(struct two_head *head);

/** Take a field. Returns 0; -ENOMEM; or -EBADMSG with `why`, a static text. */
int two_head_add(struct two_head *head, struct http_text name,
		 struct http_text value, const char **why);

/** Is it that of a request of method HEAD? */
bool two_head_is_head(struct two_head *head);

/** How the body is framed in the text. */
enum two_frame {
	TWO_FRAME_NONE = 0, /**< there is none, or it has a length */
	TWO_FRAME_CHUNKS,
};

/**
 * Write the head. `ended`: no body follows; `to_head`: it answers HEAD. Of
 * trailers, the lines alone. Returns as two_head_add().
 */
int two_head_write(struct two_head *head, bool ended, bool to_head,
		   struct evbuffer *out, enum two_frame *frame,
		   const char **why);

/** The fields of HTTP/2. */
struct two_fields {
	nghttp2_nv items[HTTP_FIELDS_MOST + 8];
	size_t count;
	struct evbuffer *names; /* what some of them point into */
	char *room;		/* in it */
	char status[4];
};

/** Those of a head that was read. To be cleared in any case. 0 or -ENOMEM. */
int two_fields_request(struct two_fields *fields, const struct http_head *head);
int two_fields_answer(struct two_fields *fields, const struct http_head *head);
/** Those of lines behind the last chunk. */
int two_fields_trailers(struct two_fields *fields, const char *bytes,
			size_t length);
void two_fields_clear(struct two_fields *fields);

/** A body that is read out of its text. */
struct two_body {
	enum http_body body;
	uint64_t left;
	struct http_chunks chunks;
	struct evbuffer *trailers; /* their lines; or NULL */
	bool ended, bad;
};

void two_body_begin(struct two_body *body, const struct http_head *head);
void two_body_clear(struct two_body *body);

/** Move bytes of the body: returns how many. */
size_t two_body_read(struct two_body *body, struct evbuffer *in, uint8_t *to,
		     size_t most);

#endif
