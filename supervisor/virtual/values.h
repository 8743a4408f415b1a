/*
 * Placeholders and the values they stand for, while `interpose apply` turns
 * the one into the other. Held in memory only, and wiped.
 */
#ifndef SUPERVISOR_VIRTUAL_VALUES_H
#define SUPERVISOR_VIRTUAL_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/virtual/marks.h"

/** One line of a placeholder, and of its value. */
struct value {
	const char *placeholder; /**< NULL-terminated by nothing: see length */
	size_t length;
	const char *real; /**< NULL: known not to be put back */
	size_t real_length;
	const char *path; /**< the file it belongs to */
	size_t offset;	  /**< of the placeholder, in the file as made */
};

/** Zero it to begin. */
struct values {
	struct value *items;
	size_t count, room;
	struct value *by_text; /**< after values_index() */
	size_t indexed;
};

/**
 * Add the placeholders of a file: those of `made` at `marks`, the values of
 * `real` at `real_marks`, as many. `real` NULL: without values. All texts stay
 * the caller's and in use. Returns 0 or -ENOMEM.
 */
int values_add(struct values *values, const char *path, const char *made,
	       const struct marks *marks, const char *real,
	       const struct marks *real_marks);

/** Make values_find() find what was added. Returns 0 or -ENOMEM. */
int values_index(struct values *values);

/**
 * The longest distinct placeholder (PLACEHOLDER_DISTINCT characters or more)
 * that a text begins with, or NULL.
 */
const struct value *values_find(const struct values *values, const char *text,
				size_t length);

void values_free(struct values *values);

#endif
