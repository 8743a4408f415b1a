/*
 * Whether a call may act on a place: the decision, its record, and the errno.
 */
#ifndef SUPERVISOR_CALLS_ADMIT_H
#define SUPERVISOR_CALLS_ADMIT_H

#include <stdbool.h>

#include "policy/policy.h"

struct call;
struct place;

/**
 * May the caller read or write the place? Its `read` decision, made by the walk,
 * is used as it is. What has no name (pipes, memfds) is the program's own.
 * Returns 0, or -EACCES.
 */
int admit(struct call *call, enum action action, const struct place *place);

/** The same for looking at it only (stat, access, readlink, chdir): what is
 * hidden has ended the walk already; a stand-in is recorded. Returns 0. */
int admit_metadata(struct call *call, const struct place *place);

/**
 * May a call that names the place, and opens nothing (O_PATH, chdir), go on by
 * itself after that? Where metadata passes at the gate, and the supervisor sees
 * at the path what the kernel does. A path that is changed meanwhile names
 * another place: that tells what stat(2) does at the gate, and whatever is done
 * by way of it is decided about as by any other name, or ruled by the fence.
 */
bool admit_named(const struct call *call, const struct place *place);

/** The errno for a walk that ended with `error`, where the call would have
 * created the place: what is hidden cannot be created. */
int admit_create_error(const struct place *place, int error);

/** Would the kernel's own open of the place, which is there, be refused by the
 * fence? What is in memory only is in no tree. */
bool admit_outside(const struct call *call, const struct place *place);

/** The path /proc/self/fd/N of one of our own descriptors, which leads to its
 * object without another look-up by name. */
const char *admit_own_link(int fd, char link[40]);

#endif
