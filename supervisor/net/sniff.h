/*
 * What the first bytes of a connection say about whom they are meant for. All
 * of it reads hostile bytes, allocates nothing and keeps no pointer.
 */
#ifndef SUPERVISOR_NET_SNIFF_H
#define SUPERVISOR_NET_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/protocol.h"
#include "supervisor/net/trailer.h"

enum sniff {
	SNIFF_MORE = 0, /**< more bytes are needed to tell */
	SNIFF_TLS,	/**< a ClientHello */
	SNIFF_HTTP,	/**< a request of HTTP/1 */
	SNIFF_OTHER,	/**< neither */
	SNIFF_BAD,	/**< one of them, and not to be let through: `why` */
	SNIFF_WORD,	/**< no line yet, and no request's as far as it goes */
};

/** The most that a ClientHello, or the head of a request, may need. */
enum { SNIFF_MOST = 16384 };

struct sniffed {
	char name[NET_NAME]; /**< of the server, lower case; empty: none */
	size_t length;	     /**< of the ClientHello, its records' heads too */
	bool encrypted;	     /**< another name may be in it (ECH) */
	const char *why;     /**< static */
};

/** Why such a ClientHello does not go on to a far end, which may read it. */
extern const char sniff_encrypted[];

/** Look at the first bytes that a client sent. */
enum sniff sniff_first(const uint8_t *bytes, size_t length,
		       struct sniffed *sniffed);

/** Where sniff_first() says SNIFF_MORE, and these bytes are all that the client
 * sends: SNIFF_OTHER if they begin neither. */
enum sniff sniff_ended(const uint8_t *bytes, size_t length);

/** May it stand between the words of a request's first line? */
bool sniff_is_blank(uint8_t byte);

/** Look at what a client of TLS sends when it was asked for another
 * ClientHello: SNIFF_TLS, SNIFF_MORE, or SNIFF_BAD. */
enum sniff sniff_second(const uint8_t *bytes, size_t length,
			struct sniffed *sniffed);

/** The head of a request, and how its body ends. */
struct request {
	size_t head;	     /**< bytes of it, the empty line included */
	char host[NET_NAME]; /**< without a port, lower case */
	uint64_t body;	     /**< bytes that follow */
	bool chunked;	     /**< or chunks */
	bool upgrade;	     /**< asks for another protocol */
};

/**
 * Read a head. Only what has one meaning to everybody is taken: one Host, one
 * way in which the body ends, lines that end in CRLF, a path for a target.
 * SNIFF_HTTP, SNIFF_MORE, or SNIFF_BAD with `why`.
 */
enum sniff request_head(const uint8_t *bytes, size_t length,
			struct request *request, const char **why);

/** Where in a chunked body we are. Zeroed is its start. */
struct chunks {
	uint8_t state;
	uint8_t digits;
	uint64_t left;
	uint16_t line; /**< bytes of the present line */
	struct trailer trailer;
};

/**
 * Pass bytes of a chunked body, its trailer included. Returns how many belong
 * to it; `done` says that it ended there. SIZE_MAX: they are no chunks, or there
 * is a trailer that belongs in a head.
 */
size_t chunks_pass(struct chunks *chunks, const uint8_t *bytes, size_t length,
		   bool *done);

#endif
