/*
 * TIOCGPTPEER, which opens the other end of a terminal without a path.
 */
#ifndef SUPERVISOR_CALLS_TERMINAL_H
#define SUPERVISOR_CALLS_TERMINAL_H

struct call;

/**
 * Serve ioctl(2) with TIOCGPTPEER: notified where there is a fence, since the
 * kernel would ask Landlock for the terminal's path, which no fence covers.
 * Whose end a program has, it may have the other end of (ioctl_tty(2)).
 */
void call_terminal_peer(struct call *call);

#endif
