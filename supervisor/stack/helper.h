/*
 * The process that unwinds: interpose's own program under another name, with
 * an empty environment, one socket, and nothing that it could open or reach.
 *
 * It is asked over the socket (SOCK_SEQPACKET, descriptor 3): one byte, with
 * the snapshot's memory, the pipe for the lines, and the files. For each it
 * forks a child, which has less still and ends with its stack; so what a
 * hostile stack does to one is no other's matter.
 */
#ifndef SUPERVISOR_STACK_HELPER_H
#define SUPERVISOR_STACK_HELPER_H

struct snapshot;

/** argv[0] of the helper, by which main() knows it. */
#define HELPER_NAME "interpose-stack"

/** The helper. Returns its exit status when the socket is closed. */
int helper_main(void);

/** Start one, as a child of the warden's. Returns 0, and its end of the
 * socket in `socket`, or -errno. */
int helper_start(int *socket);

/** Ask for a stack, to be written to `out`. Returns 0 or -errno: -EPIPE where
 * the helper is gone. */
int helper_ask(int socket, const struct snapshot *snapshot, int out);

#endif
