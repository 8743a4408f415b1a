/*
 * Terminals: which of them a session may open, whose /dev/tty is meant, and
 * when opening one makes it the controlling terminal.
 */
#ifndef SUPERVISOR_TERMINALS_H
#define SUPERVISOR_TERMINALS_H

#include <stdbool.h>

struct call;
struct place;
struct terminals;

/** Learn the session's own terminal: the controlling one, and those that
 * standard input, output and error are. Returns 0 or -ENOMEM. */
int terminals_new(struct terminals **terminals);
void terminals_free(struct terminals *terminals);

/**
 * May the caller open this device? Of terminals only the session's own: the one
 * it was started on and those whose master it opened itself. Other devices are
 * the policy's business. Returns 0 or -EACCES.
 */
int terminals_guard(struct call *call, const struct place *place);

/**
 * Open /dev/tty as the caller's controlling terminal. Returns a descriptor,
 * -ENXIO where it has none, or -ENOSYS where the place can be opened as any
 * other.
 */
int terminals_open(struct call *call, const struct place *place, int flags);

/** To be told of each device that was opened: a new master makes its other end
 * the session's own. */
void terminals_opened(struct call *call, int fd);

/** To be told after the mode or owner of a device was changed. */
void terminals_changed(struct call *call, const struct place *place);

/** Does opening this terminal (without O_NOCTTY) make it the caller's
 * controlling terminal, as open(2) would? */
bool terminals_takes(struct call *call, int fd);

#endif
