/*
 * Where a socket of the Internet goes once it was decided that it may: to the
 * address itself, through the broker, or to the session's name server.
 */
#ifndef SUPERVISOR_CALLS_ROUTE_H
#define SUPERVISOR_CALLS_ROUTE_H

#include <stdbool.h>

struct call;
struct address;
struct endpoint_socket;

/**
 * Decide `connect` on an address of the Internet: on the names that it was
 * found under, or on the address where it was not. Sets address->way and
 * address->route. Returns 0 or -ECONNREFUSED.
 */
int route_decide(struct call *call, const struct endpoint_socket *socket,
		 struct address *address);

/**
 * Connect by way of the broker: ROUTE_RELAY or ROUTE_NAMES. What connect(2)
 * answers.
 */
int route_connect(struct call *call, const struct endpoint_socket *socket,
		  struct address *address);

/** Have a message that goes to a name server (ROUTE_NAMES) go to the session's
 * own: changes the address to that. Returns 0 or -errno. */
int route_send(struct call *call, const struct endpoint_socket *socket,
	       struct address *address);

/** The socket is about to be connected to something else. */
void route_forget(struct call *call, const struct endpoint_socket *socket);

#endif
