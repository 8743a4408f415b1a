/*
 * What an unwinder needs of an ELF file that hostile code may have made: where
 * its segments lie, its table of unwind information, and names.
 *
 * Every offset and length is looked at before it is used; what does not add up
 * is as if it were not there. The file may be cut short while it is mapped:
 * the reader lives in a process that may get SIGBUS.
 */
#ifndef SUPERVISOR_STACK_ELF_H
#define SUPERVISOR_STACK_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_LOADS = 16 };

struct elf {
	const unsigned char *bytes;
	size_t size;
	struct elf_load {
		uint64_t address, offset, size; /* of what is in the file */
		bool code;
	} loads[ELF_LOADS];
	size_t load_count;
	uint64_t eh_frame_hdr; /* its address; 0: none */
	uint64_t sections, section_count, names;
};

/** Look at a whole file in memory. Returns 0, or -ENOEXEC. */
int elf_read(const void *bytes, size_t size, struct elf *elf);

/** Where `length` bytes at an address of the file's own are, or NULL. */
const unsigned char *elf_at(const struct elf *elf, uint64_t address,
			    size_t length);

/** The address that code at `offset` of the file has by itself: 0 or -ENOENT.
 * A mapping's start minus this is what all addresses are moved by. */
int elf_address(const struct elf *elf, uint64_t offset, uint64_t *address);

/** The sorted table of .eh_frame_hdr, or one that was made (elf_frames.h). */
struct elf_unwind {
	uint64_t base;	/**< what its entries are relative to */
	uint64_t table; /**< the address of its first entry, if not made */
	uint64_t count;
	struct elf_frame *made; /**< malloc()ed; or NULL */
};

/** Returns 0, or -ENOENT where there is none. May take long: once a file. */
int elf_unwind(const struct elf *elf, struct elf_unwind *unwind);

/** A function that is looked for. */
struct elf_symbol {
	uint64_t address; /**< in: as in the file */
	const char *name; /**< out: in the file, ended by NUL; or NULL */
	uint64_t start;	  /**< out: where the function begins */
	uint64_t size;
};

/**
 * Find the functions that `count` addresses are in, in one pass over the
 * symbols. `enough` is asked from time to time whether to give up.
 */
void elf_symbols(const struct elf *elf, struct elf_symbol *wanted, size_t count,
		 bool (*enough)(void));

#endif
