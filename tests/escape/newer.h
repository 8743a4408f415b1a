/*
 * Of newer.c: what its attacks look for. Each attack returns whether it worked.
 */
#ifndef TESTS_ESCAPE_NEWER_H
#define TESTS_ESCAPE_NEWER_H

#include <stdbool.h>

/** The directory of the attacks. */
extern int directory;

/** Can it be read, and is it `secret`? No descriptor (-1 and below) is fine. */
bool has_secret(int fd);

/* Other entries into the kernel (newer_entries.c). */
#ifdef __x86_64__
bool int80_opens(void);
bool compat_int80(void);
bool compat_syscall(void);
bool compat_sysenter(void);
bool x32_opens(void);
bool sets_segments(void);
#endif
bool high_number(void);

#endif
