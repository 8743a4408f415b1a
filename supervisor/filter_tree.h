/*
 * What a filter answers by the number of the call alone.
 */
#ifndef SUPERVISOR_FILTER_TREE_H
#define SUPERVISOR_FILTER_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/filter_clause.h"

/**
 * Begin a program: the test of the architecture, and of x32 where there is
 * that, either of which kills the process; then a search for the number that
 * ends in its return. Numbers that follow each other with one answer are one
 * step of it.
 *
 * @param actions    SECCOMP_RET_*, by number
 * @param count      of them, at least 1
 * @param otherwise  the answer for all further numbers
 * @return 0; -E2BIG when the program has no room; -ENOMEM
 */
int filter_tree_emit(const uint32_t *actions, size_t count, uint32_t otherwise,
		     struct filter_program *program);

#endif
