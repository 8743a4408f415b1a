/*
 * The system call numbers that the kernel headers of this machine define, read
 * from their text.
 */
#ifndef TESTS_UNIT_HEADERS_H
#define TESTS_UNIT_HEADERS_H

#include <stddef.h>

struct header_call {
	char name[40];
	int number;
};

/**
 * Read the __NR_ definitions of a header.
 *
 * The generic header writes some of its names in two steps, __NR3264_, and has
 * spellings and numbers for 32-bit architectures, which are left out.
 *
 * @param calls  filled in, up to `max`
 * @return how many there are; 0 where the header is not there
 */
size_t headers_read(const char *path, struct header_call *calls, size_t max);

#endif
