#include "supervisor/virtual/marks.h"

#include <stdlib.h>

void marks_add(struct marks *marks, size_t from, size_t to)
{
	if (to <= from || marks->failed)
		return;
	if (marks->count == marks->room) {
		size_t room = marks->room ? marks->room * 2 : 32;
		struct mark *items =
			reallocarray(marks->items, room, sizeof(*items));

		if (!items) {
			marks->failed = true;
			return;
		}
		marks->items = items;
		marks->room = room;
	}
	marks->items[marks->count++] = (struct mark){from, to - from};
}

static int by_offset(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

void marks_settle(struct marks *marks)
{
	size_t kept = 0;

	if (!marks->count)
		return;
	qsort(marks->items, marks->count, sizeof(*marks->items), by_offset);
	for (size_t i = 1; i < marks->count; i++) {
		struct mark *last = &marks->items[kept];
		const struct mark *next = &marks->items[i];
		size_t end = last->offset + last->length;

		if (next->offset >= end)
			marks->items[++kept] = *next;
		else if (next->offset + next->length > end)
			last->length =
				next->offset + next->length - last->offset;
	}
	marks->count = kept + 1;
}

void marks_clear(struct marks *marks)
{
	marks->count = 0;
}

void marks_free(struct marks *marks)
{
	free(marks->items);
	*marks = (struct marks){0};
}
