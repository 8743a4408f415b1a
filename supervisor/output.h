/*
 * Files that a person names to have something written to.
 */
#ifndef SUPERVISOR_OUTPUT_H
#define SUPERVISOR_OUTPUT_H

#include <sys/types.h>

/**
 * Open the file for writing, made with this mode if it is not there; what it
 * holds stays. Where a link stands in its place, what that leads to is not
 * opened unless it is no regular file (/dev/stdout): a program of a session may
 * have put the link there, and could have its writer write where it may not.
 *
 * Returns a descriptor, which the caller closes, or -errno; -ELOOP for a link.
 */
int output_open(const char *path, mode_t mode);

/** What to say of an error of it. */
const char *output_error(int error);

#endif
