/*
 * HTTP/2 where it was not agreed on: in the clear, or by a client that chose
 * HTTP/1.1. It gets the error that says to use HTTP/1.1 (RFC 9113, 7), with a
 * word for the person in it. Who offers HTTP/2 alone is served in it:
 * http_two_front.h.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/net/http_parts.h"

enum {
	GOAWAY = 7,
	SETTINGS = 4,
	HTTP_1_1_REQUIRED = 0xd,
	FRAME_HEAD = 9,
	GOAWAY_HEAD = 8,
};

const char http_two_way_out[] =
	"only without `http` and `secret` lines for it is any protocol passed";

/* How every connection of HTTP/2 begins, as far as it tells (RFC 9113, 3.4). */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\n";

bool http_two_is(struct evbuffer *in)
{
	char start[sizeof(preface) - 1];

	return evbuffer_copyout(in, start, sizeof(start)) ==
		       (ev_ssize_t)sizeof(start) &&
	       memcmp(start, preface, sizeof(start)) == 0;
}

static int add_frame(struct evbuffer *out, size_t length, uint8_t type)
{
	const uint8_t head[FRAME_HEAD] = {(uint8_t)(length >> 16),
					  (uint8_t)(length >> 8),
					  (uint8_t)length, type};

	return evbuffer_add(out, head, sizeof(head));
}

int http_two_refuse(struct evbuffer *out, const char *why)
{
	const uint8_t error[GOAWAY_HEAD] = {[7] = HTTP_1_1_REQUIRED};
	char text[320];
	int length = snprintf(text, sizeof(text), "interpose: %s", why);

	if (length >= (int)sizeof(text))
		length = (int)sizeof(text) - 1;
	return add_frame(out, 0, SETTINGS) ||
			       add_frame(out, sizeof(error) + (size_t)length,
					 GOAWAY) ||
			       evbuffer_add(out, error, sizeof(error)) ||
			       evbuffer_add(out, text, (size_t)length)
		       ? -1
		       : 0;
}
