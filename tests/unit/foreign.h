/*
 * A system call through an entry for programs of another kind: 32-bit ones on
 * x86-64. aarch64 has no such instruction in 64-bit code.
 */
#ifndef TESTS_UNIT_FOREIGN_H
#define TESTS_UNIT_FOREIGN_H

#if defined(__x86_64__)

#define FOREIGN_ENTRY 1

/** getpid of i386. */
static inline int foreign_getpid(void)
{
	long number = 20;

	__asm__ volatile("int $0x80" : "+a"(number) : : "memory");
	return (int)number;
}

#else

#define FOREIGN_ENTRY 0

static inline int foreign_getpid(void)
{
	return -1;
}

#endif

#endif
