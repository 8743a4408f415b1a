/*
 * Who is in the session now, and what it uses: one pass over /proc, which needs
 * no help of the kernel's beyond that. Used only where a limit asks for it.
 */
#ifndef SUPERVISOR_CENSUS_H
#define SUPERVISOR_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct census_member {
	pid_t pid, parent;
	uint64_t start;	 /**< in ticks since boot: with pid, who it is */
	uint64_t ticks;	 /**< of the processor, reaped children included */
	uint64_t memory; /**< bytes that it alone answers for; see below */
	bool zombie;
	bool member;
};

struct census {
	struct census_member *list; /**< the session's, sorted by pid */
	size_t count, room;
	size_t alive;	 /**< of them, without zombies */
	uint64_t ticks;	 /**< of all of them */
	uint64_t memory; /**< of all of them */
};

/**
 * Count the processes below `supervisor`. Memory is that which has no file
 * behind it and is resident (anonymous and shared memory), not address space:
 * a program that reserves 128 GB and touches 1 is counted for 1. Memory shared
 * between processes counts for each. It is looked up only with `memory`.
 *
 * `census` starts zeroed and may be used again. Returns 0, or -errno.
 */
int census_take(struct census *census, pid_t supervisor, bool memory);

void census_free(struct census *census);

/** End one of them with SIGKILL, if it is still who it was. Returns 0 or
 * -errno. */
int census_kill(const struct census_member *member);

#endif
