/*
 * What is copied of a thread for its stack to be found later, elsewhere.
 *
 * The supervisor writes a snapshot into a memfd and hands it to the helper
 * together with the files: the header below, the mappings, their names, and
 * the stack. All but the bytes of the stack, the names and the files is the
 * supervisor's own word.
 */
#ifndef SUPERVISOR_STACK_SNAPSHOT_H
#define SUPERVISOR_STACK_SNAPSHOT_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/go.h"
#include "supervisor/arch/registers.h"

enum {
	SNAPSHOT_FILES = 32,  /* programs and libraries with frames */
	SNAPSHOT_MAPS = 4096, /* mappings of code */
	SNAPSHOT_NAMES = 256 * 1024,
	SNAPSHOT_STACK = 256 * 1024, /* bytes above the stack pointer */
};

/** A mapping that code can be run from. */
struct snapshot_map {
	uint64_t start, end;
	uint64_t offset; /**< in the file */
	int32_t file;	 /**< index of the file that was opened, or -1 */
	uint32_t name;	 /**< offset in the names; 0: none */
};

struct snapshot_header {
	uint64_t registers[REGISTERS_DWARF]; /**< by DWARF number */
	uint64_t stack;	   /**< the address of the first byte */
	uint32_t stack_at; /**< where it is in the snapshot */
	uint32_t stack_length;
	uint32_t names_at;
	uint32_t names_length;
	uint32_t map_count; /**< the maps follow the header, sorted */
	uint32_t maps_cut;  /**< there were more */
};

struct snapshot {
	int memory; /**< the memfd */
	struct snapshot_header *header;
	size_t size;
	int files[SNAPSHOT_FILES];
	size_t file_count;
	/** Of a call that the shim makes for a function of Go's: where that
	 * stands. `code` 0: it is none. */
	struct shim_go_caller caller;
	bool in_frame; /**< rbp is the caller's as it is */
};

/**
 * Copy what is known of a thread that waits in a notification, all but its
 * registers. Files are opened only where the thread's memory says that they
 * are mapped, and only regular ones; nothing that blocks is touched. Returns 0,
 * or -errno: it cannot be looked into, or is gone.
 */
int snapshot_take(pid_t tid, struct snapshot **snapshot);

/** Set the registers: those of the thread at its call. */
void snapshot_registers(struct snapshot *snapshot,
			const struct registers *registers);

/** NULL is fine. */
void snapshot_free(struct snapshot *snapshot);

#endif
