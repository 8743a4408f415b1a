/*
 * What can be read of the memory whose stack is unwound: the snapshot's stack,
 * and bytes of the files that are mapped there. One process unwinds one stack,
 * so there is one such memory.
 */
#ifndef SUPERVISOR_STACK_MEMORY_H
#define SUPERVISOR_STACK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/stack/elf.h"
#include "supervisor/stack/snapshot.h"

/** Use this snapshot and its files; both are still the caller's, and stay. */
void memory_use(const struct snapshot_header *snapshot, const int *files,
		size_t file_count);

/** The mapping that an address lies in, or NULL. */
const struct snapshot_map *memory_map(uint64_t address);

/** The name of what is mapped, "" where it has none. */
const char *memory_name(const struct snapshot_map *map);

/** The ELF file that is mapped, or NULL: there is none, or it is malformed. It
 * is read at the first time. */
const struct elf *memory_elf(const struct snapshot_map *map);

/** The table of that file's unwind information, or NULL. */
const struct elf_unwind *memory_unwind(const struct snapshot_map *map);

/** Where a table of it that was made can be read by memory_word(). */
uint64_t memory_made(const struct snapshot_map *map);

/** How far that file's addresses are moved in this process: whether it can be
 * told. */
bool memory_moved(const struct snapshot_map *map, const struct elf *elf,
		  uint64_t *by);

/** Bytes of the files' segments, wherever they are mapped, or NULL. */
const unsigned char *memory_file_bytes(uint64_t address, size_t length);

/** Read a word of the stack, of a file, or of a table that was made. Returns
 * whether it is there. */
bool memory_word(uint64_t address, uint64_t *word);

#endif
