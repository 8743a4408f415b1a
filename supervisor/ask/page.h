/*
 * A screen, or lines, being written: labels and values, cut and wrapped to the
 * room that there is. All that comes from programs is made visible: what would
 * command or deceive a terminal is shown as \xNN.
 */
#ifndef SUPERVISOR_ASK_PAGE_H
#define SUPERVISOR_ASK_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/text.h"

struct page {
	struct text text;
	unsigned row;  /**< the next one, from 1 */
	unsigned rows; /**< the last that may be written */
	unsigned columns;
	bool colour; /**< bold, dim and inverse, too */
	bool utf8;   /**< beyond ASCII in what is ours */
	bool lines;  /**< plain lines, as long as they need */
};

enum page_style { PAGE_PLAIN = 0, PAGE_STRONG, PAGE_WEAK, PAGE_HEADING };

/** What the terminal can do, as the environment says. */
void page_begin(struct page *page);

/** Is there room for another row? */
bool page_room(const struct page *page);

/** The columns that a row of a value has. */
unsigned page_width(const struct page *page);

/** The columns that a text takes. */
size_t page_columns(const char *bytes);

/** A label and a value, on as many rows as it needs, three at most. */
void page_value(struct page *page, const char *label, const char *value,
		enum page_style style);

/** A line of our own, cut where it is too long; a letter in brackets is a key.
 */
void page_line(struct page *page, const char *line, enum page_style style);

/** Add what a program gave to a text, made visible. */
void page_shown(struct text *text, const char *bytes);

/** Write what was made. */
void page_put(struct page *page, int terminal);

#endif
