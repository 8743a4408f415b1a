/*
 * Marks secrets in formats that are read line by line. A line that is not in
 * the format is marked word by word, so none of these can fail.
 */
#ifndef SUPERVISOR_VIRTUAL_LINES_H
#define SUPERVISOR_VIRTUAL_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/virtual/marks.h"

/** A line without its end, and where the next one begins. */
struct line {
	size_t from, to, next;
};

/**
 * The line at an offset, which the caller takes from `next`; false at the end
 * of the text.
 */
bool line_at(const char *text, size_t length, size_t offset, struct line *line);

/** Where the blanks (not ends of lines) that begin or end a range stop. */
size_t line_skip(const char *text, size_t from, size_t to);
size_t line_trim(const char *text, size_t from, size_t to);

/**
 * Mark a line that the format has no place for: names stay, whatever is set
 * goes, and so does every word of a line that sets nothing.
 */
void line_mark_unknown(struct marks *marks, const char *text, size_t from,
		       size_t to);

/** `[section]`, `key = value`, `key: value`: INI, npmrc, properties. */
void ini_mark(struct marks *marks, const char *text, size_t length);

/** `machine x login y password z`. */
void netrc_mark(struct marks *marks, const char *text, size_t length);

/** `host:port:database:user:password`. */
void pgpass_mark(struct marks *marks, const char *text, size_t length);

/** Running text: URLs with passwords, PEM blocks, words that look so. */
void plain_mark(struct marks *marks, const char *text, size_t length);

/** Nobody knows: all that looks like a value. */
void unknown_mark(struct marks *marks, const char *text, size_t length);

#endif
