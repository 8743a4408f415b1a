/*
 * A descriptor of the program's, where the kernel's own way (pidfd_getfd) is
 * refused, as by the default profile of Docker.
 *
 * Theory of operation. The thread is taken out of its call and made to clone a
 * helper: a thread with a copy of the descriptor table, which no sibling can
 * touch. Over a socket of ours that lies in that copy (this is checked in
 * /proc) the helper sends the descriptor and exits. The descriptor is kept, and
 * the thread makes its call again; when that is notified, the kept one is found
 * and the call is served as any other.
 *
 * A sibling may change the message while it is sent. It then hands out another
 * descriptor of its own, or none: a SEQPACKET message takes no address, so it
 * reaches nobody but us, and what arrives is judged for what it is.
 */
#ifndef SUPERVISOR_TAKE_FD_H
#define SUPERVISOR_TAKE_FD_H

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/types.h>

struct call;
struct injection;
struct takings;

/**
 * A duplicate of what the caller has open as `fd`: a descriptor that the
 * handler owns, or -errno for the call. Where it must be fetched first, the
 * call counts as answered, is made again, and the handler runs from the start:
 * it must not have had any effect before it asks.
 */
int call_take_fd(struct call *call, int fd);

/** What was kept for the call is not needed any more: it is answered. */
void call_taken_done(struct call *call);

/** Returns an object for takings_free(), or NULL. */
struct takings *takings_new(void);
void takings_free(struct takings *takings);

/** Keep what was fetched for the call when it comes again, beside what it has
 * found already. Takes `fd` over; `number` is the program's. */
void takings_keep(struct takings *takings, const struct seccomp_notif *request,
		  int number, int fd);

/** Forget what a call has found. */
void takings_done(struct takings *takings, const struct seccomp_notif *request);

/** Forget what was kept for threads that are gone. */
void takings_prune(struct takings *takings);

/** A pair of sockets for take_fd_run(); the second is the program's end. */
int take_fd_pair(int pair[2]);

/**
 * Have the stopped thread send its descriptor. `pair` is as above; `socket` is
 * the number of pair[1] in the program; `helper` tells the workers whose sendmsg
 * is ours. Returns 0, with a descriptor or the -errno of the call in `result`,
 * or as inject_call().
 */
int take_fd_run(struct injection *injection, const int pair[2], int socket,
		int fd, atomic_int *helper, int *result);

#endif
