/*
 * What the filter asks of arguments, for each argument test of the table.
 */
#ifndef SUPERVISOR_FILTER_TESTS_H
#define SUPERVISOR_FILTER_TESTS_H

#include <stddef.h>

#include "supervisor/filter_clause.h"
#include "supervisor/syscalls.h"

/**
 * The clauses of a test, in order; the last has no condition.
 *
 * @param count  how many: none for TEST_NONE
 */
const struct filter_clause *filter_test(enum argument_test test, size_t *count);

#endif
