/* A macro with an argument renames the function and not the struct. */
#define INTERPOSE_ARCH_AARCH64
#define syscall_rows	    aarch64_rows
#define syscall_row_count   aarch64_row_count
#define syscall_row(number) aarch64_row(number)

#include "supervisor/syscalls.c"
