/*
 * How much a peer of HTTP/2 may ask for without any work being done for it:
 * frames that cost us and carry nothing, requests that are taken back, heads
 * in endless pieces. Its bytes are counted here before nghttp2 reads them.
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_GATE_H
#define SUPERVISOR_NET_HTTP_TWO_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A peer's account. */
struct two_gate {
	uint8_t head[9]; /* of a frame, as far as it came */
	unsigned got;
	uint32_t left;	   /* of its payload */
	uint32_t block;	   /* bytes of a head in several frames */
	uint64_t refilled; /* ms, monotonic */
	unsigned credit;
	bool begun;  /* a frame was there */
	bool open;   /* a head goes on in another */
	bool padded; /* data whose first byte, the padding's length, is next */
};

/** `preface`: bytes that come before the first frame. */
void two_gate_begin(struct two_gate *gate, unsigned preface);

/** Look at bytes in their order. False: this is too much. */
bool two_gate_pass(struct two_gate *gate, const uint8_t *bytes, size_t length);

/** Something went wrong with a request. False: once too often. */
bool two_gate_charge(struct two_gate *gate, unsigned cost);

/** Work was done: what the peer sends for it is paid. */
void two_gate_pay(struct two_gate *gate, unsigned credit);

/** Does it stand amidst a head, or what comes before all frames? */
bool two_gate_amidst(const struct two_gate *gate);

#endif
