/*
 * The loader that a program names (PT_INTERP): the kernel opens it by that name
 * and runs it in the program's process, first.
 */
#ifndef SUPERVISOR_CALLS_INTERP_H
#define SUPERVISOR_CALLS_INTERP_H

#include <stdbool.h>

struct call;

/** May a program that is started have it? Returns 0, and whether it is glibc's
 * by its name; or -errno. */
int interp_check(struct call *call, const char *path, bool *glibc);

#endif
