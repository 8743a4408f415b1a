/*
 * Where a program in Go makes its system calls: the function Syscall6 of
 * internal/runtime/syscall (before Go 1.22 runtime/internal/syscall), which
 * syscall, os and golang.org/x/sys go by. Since Go 1.19 it is the same 54 bytes
 * in every program. What the runtime itself calls (futex, epoll, threads) has
 * functions of its own.
 *
 * Pure functions; what they are given may be a hostile program's.
 */
#ifndef SUPERVISOR_GO_SITE_H
#define SUPERVISOR_GO_SITE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GO_SITE_SIZE = 54, /**< of the function */
	GO_SITE_ALIGN = 16,
	GO_JUMP = 9,  /**< of its first instructions, which the jump replaces */
	GO_DONE = 14, /**< up to behind the call of the kernel */
	GO_NOTES = 4,
};

/** What a program's headers say, as addresses of its memory. */
struct go_program {
	uint64_t start, size; /**< its code; size 0: there is none */
	bool interpreted;     /**< it has a loader */
	struct {
		uint64_t start, size;
	} notes[GO_NOTES];
	size_t note_count;
};

/**
 * Read `count` program headers, which lie at `address` of a program that begins
 * at `entry`. Returns whether they are such that code was found.
 */
bool go_program_read(const Elf64_Phdr *headers, size_t count, uint64_t address,
		     uint64_t entry, struct go_program *program);

/** Is there, among a program's notes, that of Go's linker? */
bool go_note_in(const unsigned char *notes, size_t size);

/** The offset of the function in code whose first byte is aligned, or -1. */
int64_t go_site_find(const unsigned char *code, size_t size);

/** Are the GO_SITE_SIZE bytes the function? */
bool go_site_is(const unsigned char *code);

/** The jump to an address below 4 GB, by r11. */
void go_site_jump(uint32_t to, unsigned char jump[GO_JUMP]);

#endif
