/*
 * Unwind information that nothing points into: the .eh_frame section of static
 * programs, whose linker made no table of it. One is made here.
 */
#ifndef SUPERVISOR_STACK_ELF_FRAMES_H
#define SUPERVISOR_STACK_ELF_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/** As an entry of .eh_frame_hdr: both relative to the section's address. */
struct elf_frame {
	int32_t start; /**< of the function */
	int32_t entry; /**< what describes it (an FDE) */
};

/**
 * Find the entries of a section that lies at `address` of the file's own, and
 * sort them. `frames` is malloc()ed. Returns how many there are; 0: none, and
 * nothing to free. What is malformed ends the section.
 */
size_t elf_frames(const unsigned char *section, size_t size, uint64_t address,
		  struct elf_frame **frames);

#endif
