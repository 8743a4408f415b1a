/*
 * The names of a request's trailers. Servers that put them among its headers
 * (RFC 9110, 6.5.1, forbids it) would read another request than was decided
 * about.
 */
#ifndef SUPERVISOR_NET_TRAILER_H
#define SUPERVISOR_NET_TRAILER_H

#include <stdbool.h>
#include <stddef.h>

enum { TRAILER_NAME = 32 }; /* more than any that counts has */

/** Where in a line we are. Zeroed is its start. */
struct trailer {
	char name[TRAILER_NAME];
	unsigned char length;
	bool named; /**< its colon was there */
};

/** The next bytes of trailers, with their line ends. False: one of them says
 * how the request is framed, routed or authorized, or they are malformed. */
bool trailer_pass(struct trailer *trailer, const char *bytes, size_t length);

#endif
