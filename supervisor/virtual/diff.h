/*
 * The difference of two texts, line by line.
 */
#ifndef SUPERVISOR_VIRTUAL_DIFF_H
#define SUPERVISOR_VIRTUAL_DIFF_H

#include <stddef.h>
#include <stdio.h>

#include "supervisor/virtual/lines.h"

/** A text and its lines. */
struct diff_side {
	const char *text;
	size_t length;
	struct line *lines;
	size_t count;
	/** Of each line, the index of its fellow on the other side, or
	 * DIFF_ALONE. */
	size_t *fellow;
};

#define DIFF_ALONE ((size_t)-1)

struct diff {
	struct diff_side old, new;
};

/**
 * Compare. The texts are the caller's and stay in use. Lines that have a
 * fellow are the same, ends included, and in the same order. Texts that are
 * too long to be compared well are said to differ in all that lies between
 * their common starts and ends. Returns 0 and a diff for diff_free(), or
 * -ENOMEM.
 */
int diff_make(const char *old, size_t old_length, const char *new,
	      size_t new_length, struct diff *diff);
void diff_free(struct diff *diff);

/**
 * Print bytes so that a terminal only ever gets text: control characters, and
 * what is not UTF-8, as \xNN.
 */
void diff_print_text(const char *text, size_t length, FILE *out);

/**
 * Print in the unified format, with three lines around, by
 * diff_print_text().
 */
void diff_print(const struct diff *diff, const char *old_name,
		const char *new_name, FILE *out);

#endif
