/*
 * What the files of http_two_front.h share.
 */
#ifndef SUPERVISOR_NET_HTTP_TWO_PARTS_H
#define SUPERVISOR_NET_HTTP_TWO_PARTS_H

#include <sys/socket.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_two_end.h"

/** A connection to the far end, of HTTP/2; or not yet known of which. */
struct far {
	struct two_front *front;
	struct far *next;
	struct bufferevent *side;
	struct two_end *end; /* NULL: its handshake is under way */
	bool lost;
};

/** One exchange, and its flow. */
struct request {
	struct two_front *front;
	struct request *next;
	struct two_stream *near, *far; /* near: NULL where it only goes on */
	struct bufferevent *client;    /* its flow's, before that begins */
	struct bufferevent *rest;      /* near's pipe, when near is gone */
	struct bufferevent *tail;  /* the flow's far side, when that is over */
	struct http_flow *flow;	   /* or NULL: it is over, or not yet begun */
	void *context;		   /* the owner's */
	struct http_linger linger; /* since it goes on without its stream */
	bool unsent;		   /* its flow is over, and sent nothing */
};

struct two_front {
	struct http_flow *outer;
	struct two_end *near; /* NULL: it is over */
	struct event *woken;
	struct far *fars;
	bool one;		   /* the far end speaks HTTP/1.1 */
	struct bufferevent *spare; /* the connection that showed it */
	struct request *requests;
	size_t going_on; /* of them, without a stream */
	bool went_on;	 /* there was such a one */
	struct event *clock;
	struct http_linger linger; /* since all of that is over */
	bool given_up;		   /* what is written is not waited for */
	struct sockaddr_storage address;
	socklen_t address_length;
};

/** Have the front go on, in a moment; its argument is a struct two_front. */
void two_wake(void *front);

/** Have the clock run while there is something that it is for. */
void two_clock_run(struct two_front *front);

/** A turn of the clock of a struct two_front is over. */
void two_clock_turn(evutil_socket_t fd, short what, void *front);

/** Cut it. */
void two_request_free(struct request *request);

/** How flows, and both ends, speak to their requests. */
extern const struct http_calls two_flow_calls;
extern const struct two_calls two_near_calls, two_far_calls;

#endif
