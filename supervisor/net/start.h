/*
 * The broker's first steps: forked and executed anew, it loads its libraries.
 *
 * Most sessions that need one are known by their rules, before the policy is
 * made of them: then it is the guardian's child, started while that is done.
 * Else the supervisor starts it, as the warden's child. What descends from the
 * supervisor is the session's.
 */
#ifndef SUPERVISOR_NET_START_H
#define SUPERVISOR_NET_START_H

#include <stdbool.h>

/** Descriptors, -1 where there is no broker. */
struct broker_started {
	int control; /**< its socket */
	int hold;    /**< NET_HOLD_FD's other end */
	int pidfd;
};

#define BROKER_NOT_STARTED                                                     \
	((struct broker_started){.control = -1, .hold = -1, .pidfd = -1})

/** How many descriptors that are, one behind the other. */
enum { BROKER_FDS = 3 };

/** Start it. `sibling`: as a child of the caller's parent; else it ends with
 * the caller. There may be other threads. Returns 0 or -errno. */
int broker_start(bool sibling, struct broker_started *started);

#endif
