/*
 * aarch64's table, on whatever architecture the tests are built for:
 * supervisor/syscalls.c compiled a second time, under other names.
 */
#ifndef TESTS_UNIT_TABLE_AARCH64_H
#define TESTS_UNIT_TABLE_AARCH64_H

#include "supervisor/syscalls.h"

extern const struct syscall_row aarch64_rows[];
extern const size_t aarch64_row_count;
const struct syscall_row *aarch64_row(int number);

#endif
