/*
 * A client that speaks HTTP/2, and nothing else. Each of its requests is a
 * flow of its own, of HTTP/1.1 (http_flow.h): it is decided about, and changed,
 * as all others are. The far end is spoken to in HTTP/2 where it speaks that,
 * over one connection; else over one connection for each request.
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_FRONT_H
#define SUPERVISOR_NET_HTTP_TWO_FRONT_H

#include <stdbool.h>

struct http_flow;
struct two_front;

/** The handshake of such a client is done: flow->front from now on.
 * Returns 0 or -ENOMEM. */
int two_front_begin(struct http_flow *flow);

/** Go as far as possible. False: it is over, when all is written. */
bool two_front_run(struct two_front *front);

/** Does anything go on to the far end that needs no client? NULL: no. */
bool two_front_goes_on(const struct two_front *front);

/** Cut all of it. NULL is fine. */
void two_front_free(struct two_front *front);

#endif
