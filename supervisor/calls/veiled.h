/*
 * Veiled directories: those of which a program may not see all names.
 *
 * Theory of operation. The kernel's fence rules who opens a directory, and
 * nothing rules who lists one that is open. So that programs may list by
 * themselves, at the gate (shim/gate.h), what the fence let them open, the filter
 * must know which descriptors are not of that kind; and all it sees of one is its
 * number. So a directory in which something is hidden, or which has a stand-in
 * that is not there, is given to a program at a number from VEILED_FROM on, and
 * from there no descriptor is listed at the gate. Nor may one be duplicated
 * there without the supervisor, which does not give it a lower number; and who
 * sends one over a socket sends what only names the directory (O_PATH).
 *
 * Whether it is veiled is told by what is in it when it is opened.
 */
#ifndef SUPERVISOR_CALLS_VEILED_H
#define SUPERVISOR_CALLS_VEILED_H

#include <stdbool.h>

#include "shim/gate.h"

struct call;
struct session;

enum { VEILED_FROM = GATE_DESCRIPTORS };

/**
 * Can directories be veiled in this session? Asked once its fence is made. Not
 * without one; nor where a directory was given to the program at the start,
 * which might have any names in it; nor where a process may have too few
 * descriptors.
 */
bool veiled_may(const struct session *session);

/** call_give_fd() of a directory: at a number for it. */
void veiled_give(struct call *call, int *fd, bool close_on_exec);

/** What is sent of a descriptor that the program has as `number`: `fd`, or
 * another in its place; or -errno, and `fd` is closed. */
int veiled_sent(struct call *call, int number, int fd);

/** Serve fcntl(2) with F_DUPFD and F_DUPFD_CLOEXEC. */
void veiled_fcntl(struct call *call);

#endif
