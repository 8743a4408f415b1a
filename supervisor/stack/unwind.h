/*
 * From a snapshot to lines of text, by libunwind. Runs in the helper's child
 * (helper.h): what it reads is hostile, and it may crash.
 */
#ifndef SUPERVISOR_STACK_UNWIND_H
#define SUPERVISOR_STACK_UNWIND_H

#include <stddef.h>

#include "supervisor/stack/snapshot.h"

/**
 * Unwind and write the lines to `out`, each ended by NUL. `files` are as in the
 * snapshot, by index. Takes at most 5 ms of the processor's time, give or take
 * what one step costs; then, as at any other end that is none, the last line
 * says why.
 */
void unwind(const struct snapshot_header *snapshot, const int *files,
	    size_t file_count, int out);

/** Write what was found so far, and why there is no more. For the handler of a
 * signal that ends the process. */
void unwind_crashed(const char *why);

#endif
