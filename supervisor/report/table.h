/*
 * A table of byte strings, each with the index of what belongs to it. The keys
 * come from programs: where they go depends on a seed of this process.
 */
#ifndef SUPERVISOR_REPORT_TABLE_H
#define SUPERVISOR_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"

struct table_entry {
	const char *key; /**< the arena's, with a NUL after it; NULL: free */
	size_t length;
	uint64_t hash;
	size_t index; /**< the user's; 0 when it is new */
};

/** A zeroed one is empty. */
struct table {
	struct table_entry *entries;
	size_t size, used;
};

/** Before the first use of any table. */
void table_seed(uint64_t seed);

/** The entry of a key, or NULL. */
struct table_entry *table_find(struct table *table, const void *key,
			       size_t length);

/** The same, made (with a copy of the key) where there was none. NULL without
 * memory. Valid until the next one is made. */
struct table_entry *table_get(struct table *table, struct arena *arena,
			      const void *key, size_t length, bool *made);

void table_clear(struct table *table);

#endif
