/*
 * What passes untrapped at the gate (shim/gate.h), in a session with a fence.
 *
 * The gate's address is no secret, and a program may make any call from it with
 * any arguments. So these are the calls of which Landlock rules all that they
 * can do, and those that tell metadata, which SECURITY.md says. Flags are looked
 * at by value: what is behind a pointer is nobody's to trust.
 */
#ifndef SUPERVISOR_FILTER_GATE_H
#define SUPERVISOR_FILTER_GATE_H

#include <stddef.h>

#include "supervisor/filter_clause.h"
#include "supervisor/syscalls.h"

/**
 * The clauses of a row that is served elsewhere, in order; the last has no
 * condition, and notifies. NULL: the call does not pass at the gate.
 */
const struct filter_clause *filter_gate(const struct syscall_row *row,
					size_t *count);

#endif
