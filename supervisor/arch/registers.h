/*
 * The registers of a stopped thread, as far as a system call needs them. One
 * file an architecture.
 */
#ifndef SUPERVISOR_ARCH_REGISTERS_H
#define SUPERVISOR_ARCH_REGISTERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct registers {
	uint64_t words[64]; /* the kernel's layout; only the arch file looks */
	size_t size;
};

/** Read and write a stopped thread's registers: 0 or -errno. */
int registers_get(pid_t tid, struct registers *registers);
int registers_set(pid_t tid, const struct registers *registers);

/** The stack pointer. */
uint64_t registers_stack(const struct registers *registers);

/** Set the stack pointer. */
void registers_set_stack(struct registers *registers, uint64_t stack);

/** The address behind the system call instruction. */
uint64_t registers_pc(const struct registers *registers);

/** Set it. */
void registers_set_pc(struct registers *registers, uint64_t address);

/** The address behind a system call instruction among these bytes, which lie at
 * `address`, or 0. */
uint64_t registers_find_call(const unsigned char *bytes, size_t size,
			     uint64_t address);

/**
 * From the registers of a thread that stopped on its way out of a call, make
 * those that let it make another call at the same instruction.
 */
void registers_call(const struct registers *stopped, struct registers *call,
		    long number, const uint64_t arguments[6]);

/** What the call of the stopped thread shall have returned. */
void registers_result(struct registers *registers, int64_t result);

/** How many registers an unwinder may ask for. */
enum { REGISTERS_DWARF = 33 };

/** The registers by their DWARF numbers, with the stack pointer and the program
 * counter where libunwind has them. What an architecture has not is 0. */
void registers_dwarf(const struct registers *registers,
		     uint64_t words[REGISTERS_DWARF]);

/** Bytes below the stack pointer that the program may be using. */
enum { REGISTERS_RED_ZONE = 256 };

#endif
