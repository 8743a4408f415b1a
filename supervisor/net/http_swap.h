/*
 * Placeholders on their way out: swapped where they may be, seen everywhere.
 */
#ifndef SUPERVISOR_NET_HTTP_SWAP_H
#define SUPERVISOR_NET_HTTP_SWAP_H

#include "supervisor/net/http_head.h"
#include "supervisor/net/secrets.h"

struct evbuffer;

/**
 * Write the head of a request as the far end is to get it: the placeholders of
 * the secrets in `mask` replaced, each in its place; where there are such in
 * `mask` that are put there themselves, asking for an answer without content
 * encoding, and for all of it, so that values in it are found. (Of an AWS key that is not the
 * case: what it puts is worth nothing without what is never sent.) Returns 0 or
 * -ENOMEM; `swapped` gets the bits of those replaced.
 */
int http_swap_head(const struct secrets *secrets, uint64_t mask,
		   const struct http_head *head, struct evbuffer *out,
		   uint64_t *swapped);

/** Looking for placeholders in a stream. Zeroed is its start. */
struct http_watch {
	struct needles_state plain, decoded;
	uint8_t percent; /**< characters since a `%` */
	char first;	 /**< of them */
	uint64_t seen;	 /**< bits of the secrets that were */
};

/** Look at the next bytes: as they are, and with %XX decoded. */
void http_watch_bytes(const struct secrets *secrets, struct http_watch *watch,
		      const char *bytes, size_t length);

#endif
