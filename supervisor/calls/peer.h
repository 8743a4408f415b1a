/*
 * What the other end of an AF_UNIX socket is told about the caller.
 *
 * The kernel notes the effective ids of the thread that connects, listens or
 * sends (SO_PEERCRED, SCM_CREDENTIALS). In a session that runs as root, a
 * program may have given its ids up: then the worker must not lend it its own.
 * The process id is always the supervisor's: no privilege short of
 * CAP_SYS_ADMIN could make it another.
 */
#ifndef SUPERVISOR_CALLS_PEER_H
#define SUPERVISOR_CALLS_PEER_H

struct call;
struct endpoint_socket;

/** Take on the caller's effective ids, where they are not the worker's. To be
 * followed by peer_restore(). Returns 0 or -errno: refuse the call. */
int peer_assume(struct call *call, const struct endpoint_socket *socket);
void peer_restore(struct call *call, const struct endpoint_socket *socket);

#endif
