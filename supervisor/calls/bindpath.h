/*
 * Binding an AF_UNIX socket to a path: a file is made, in the directory that
 * was decided about, and nowhere else.
 */
#ifndef SUPERVISOR_CALLS_BINDPATH_H
#define SUPERVISOR_CALLS_BINDPATH_H

struct address;
struct call;

/**
 * Decide, and bind the socket.
 *
 * Returns 0, or the -errno for the program: -EACCES for a refusal, -EADDRINUSE
 * for a name that exists.
 */
int bind_path(struct call *call, int socket, const struct address *address);

#endif
