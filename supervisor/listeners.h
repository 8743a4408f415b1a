/*
 * The ports that the session's own programs listen on: what `self` means in a
 * rule.
 *
 * A port is remembered with the socket that was bound to it. Whether it is the
 * session's own is asked of the kernel each time it matters: the socket may be
 * gone since, and the port another process's.
 */
#ifndef SUPERVISOR_LISTENERS_H
#define SUPERVISOR_LISTENERS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct listeners;
struct policy_endpoint;

/** Returns an object for listeners_free(), or NULL without memory. */
struct listeners *listeners_new(void);
void listeners_free(struct listeners *listeners);

/**
 * Remember the port that a socket of the session (TCP or UDP) is bound to.
 * When there are too many the oldest is forgotten.
 */
void listeners_add(struct listeners *listeners, int socket);

/**
 * bind(2) of a TCP socket; `decided`: it may listen there. What is remembered
 * of a socket is what its last bind() was. The oldest are forgotten when there
 * are too many. Returns 0 or -errno.
 */
int listeners_bind(struct listeners *listeners, int socket,
		   const struct sockaddr *address, socklen_t length,
		   bool decided);

/**
 * listen(2) on a TCP socket that may listen where it was bound to; `decided`:
 * it may listen anywhere, and is remembered as one that may. Returns 0, -EACCES
 * where neither is so, or -errno.
 */
int listeners_listen(struct listeners *listeners, int socket, int backlog,
		     bool decided);

/**
 * Would whatever is sent to the endpoint reach a socket of the session's, and
 * no other? Only loopback addresses can be: a socket can be bound to an address
 * of another machine (IP_FREEBIND), and those of this machine change. Errs on
 * the side of false.
 */
bool listeners_own(struct listeners *listeners,
		   const struct policy_endpoint *endpoint);

/**
 * Remember the file of a unix socket that the session has just bound, by its
 * name in a directory. The names of the session must be frozen (names.h), or it
 * could put another's socket there.
 */
void listeners_add_file(struct listeners *listeners, int directory,
			const char *name);

/** Is this (an O_PATH descriptor) the file of a socket that the session bound,
 * by whatever name? Another's that took its name is not. */
bool listeners_own_file(struct listeners *listeners, int file);

/** Is it an address of the loopback's? */
bool listeners_is_loopback(const struct policy_endpoint *endpoint);

#endif
