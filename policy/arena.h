/*
 * Memory that lives and dies together: what a policy is made of. Nothing taken
 * from an arena is freed by itself.
 */
#ifndef POLICY_ARENA_H
#define POLICY_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;
struct arena {
	struct arena_block *blocks; /**< the newest first */
	size_t left;		    /**< bytes free at the end of the newest */
};

/** Free all that was taken. A zeroed arena is an empty one. */
void arena_clear(struct arena *arena);

/** Zeroed memory, aligned for anything; NULL without memory. */
void *arena_alloc(struct arena *arena, size_t size);

/** A copy of bytes with a NUL after it; NULL without memory. */
char *arena_copy(struct arena *arena, const void *bytes, size_t length);

/**
 * See to it that a malloc()ed array can hold one more item of `size` bytes.
 * Returns 0 or -ENOMEM, which leaves the array as it was.
 */
int array_grow(void **items, size_t *capacity, size_t count, size_t size);

/** Append to a malloc()ed array; evaluates to 0 or -ENOMEM. */
#define array_add(items, count, capacity, item)                                \
	({                                                                     \
		int error_ = 0;                                                \
		if ((count) >= (capacity)) {                                   \
			void *array_ = (items);                                \
			error_ = array_grow(&array_, &(capacity), (count),     \
					    sizeof(*(items)));                 \
			(items) = array_;                                      \
		}                                                              \
		if (error_ == 0)                                               \
			(items)[(count)++] = (item);                           \
		error_;                                                        \
	})

#endif
