/*
 * A word on the user's desktop that a question waits: notify-send(1), where
 * that and a session bus are there.
 *
 * It is run by the guardian, outside the session, so it must be a program that
 * no session can have changed, wherever PATH says it is: a file of root's below
 * directories in which nobody else can put another in its place. It gets no
 * environment but what leads to the desktop. Never for root: its sessions could
 * have written to such a place, and it has no desktop.
 */
#ifndef SUPERVISOR_ASK_NOTICE_H
#define SUPERVISOR_ASK_NOTICE_H

#include <stdbool.h>

struct notice {
	int running; /* the pidfd of the last one; -1: none */
};

/**
 * Tell that `program` (bytes of a program's choice) waits for an answer.
 * Returns at once; the child is left to whoever waits for all children, and
 * ends by itself after some seconds. Returns whether it was started: not while
 * the last one runs, nor where INTERPOSE_NOTIFY is `off`.
 */
bool notice_send(struct notice *notice, const char *program);

#endif
