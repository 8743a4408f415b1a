/*
 * Whether a socket may reach an address, or listen on it.
 */
#ifndef SUPERVISOR_CALLS_REACH_H
#define SUPERVISOR_CALLS_REACH_H

#include "policy/policy.h"
#include "supervisor/calls/sockaddr.h"

struct call;
struct place;

/**
 * Decide `connect` on where the address leads. After 0 the address is what the
 * kernel is to be given: that of an AF_UNIX path leads to the very object that
 * was decided about, by way of `place`, which must be initialised, and closed
 * after the use.
 *
 * Returns 0; -ECONNREFUSED for a refusal, be it of a connection or a datagram:
 * it is what programs know to handle; -ENOENT for what is hidden; or the
 * -errno of a path's walk.
 */
int reach(struct call *call, const struct endpoint_socket *socket,
	  struct address *address, struct place *place);

/**
 * Decide `listen` on an address of the Internet or an abstract name. Port 0 is
 * any free port: only a rule for all ports, `*`, covers it.
 * Returns 0 or -EACCES.
 */
int reach_listen(struct call *call, const struct endpoint_socket *socket,
		 const struct address *address);

/**
 * Is this a bind() to any port, at no address in particular? That is what the
 * kernel does by itself for a socket that connects or sends, so it is no
 * listening, unless a rule says something about it: nothing is to be decided
 * yet. TCP's is decided about by listen(), UDP's never.
 */
bool reach_is_automatic(struct call *call, const struct endpoint_socket *socket,
			const struct address *address);

/** reach_listen() for a path: PATH_ENTRY's place. */
int reach_listen_path(struct call *call, const struct place *place);

/**
 * May a unix socket that bears the name `from` bear `to` as well, or instead?
 * `fd` is of its file. What may be connected to is said by name, so a socket
 * that is not the session's own, and may not be reached, must not come to a
 * place where it might. Returns 0, or -EACCES and has noted it.
 */
int reach_may_name(struct call *call, int fd, const struct place *from,
		   const struct place *to);

#endif
