/*
 * Marks: which bytes of a text are values to be replaced. The readers of the
 * formats only mark; what takes the place of a mark always has its length, so
 * that everything else in a file stays where it was.
 */
#ifndef SUPERVISOR_VIRTUAL_MARKS_H
#define SUPERVISOR_VIRTUAL_MARKS_H

#include <stdbool.h>
#include <stddef.h>

struct mark {
	size_t offset, length;
};

/** Zero it to begin. */
struct marks {
	struct mark *items;
	size_t count, room;
	bool failed; /**< there was no memory: the marks are not all there */
};

/** Mark the bytes from `from` up to `to`; none where that is empty. */
void marks_add(struct marks *marks, size_t from, size_t to);

/** Sort, and join marks that overlap. */
void marks_settle(struct marks *marks);

/** Forget all marks, keep the room. */
void marks_clear(struct marks *marks);

/** Give up the memory; leaves no marks. */
void marks_free(struct marks *marks);

#endif
