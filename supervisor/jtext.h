/*
 * JSON text of which the strings are bytes.
 *
 * Path names and arguments need not be UTF-8, and jansson takes nothing else.
 * So each byte that is not part of valid UTF-8 is written as \udcXX (a lone
 * surrogate, which no valid text has), and turned into a byte again when it is
 * read. NUL never stands in a string.
 */
#ifndef SUPERVISOR_JTEXT_H
#define SUPERVISOR_JTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/** Text of a fixed size that is being written. */
struct jtext {
	char *bytes;
	size_t length, size;
	bool full; /**< something did not fit, and was left out */
};

/** Add bytes as they are. */
void jtext_put(struct jtext *text, const char *bytes, size_t length);
void jtext_puts(struct jtext *text, const char *string);

/** Add at most 127 formatted bytes. */
void jtext_putf(struct jtext *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Add bytes escaped for the inside of a string: each becomes at most six. What
 * would deceive or command a terminal is escaped although JSON would not
 * demand it, so that the file can be looked at with any tool.
 */
void jtext_escaped(struct jtext *text, const char *bytes, size_t length);

/** Add a time as RFC 3339 has it, in UTC, with nanoseconds, without quotes. */
void jtext_time(struct jtext *text, const struct timespec *time);

/**
 * Read one JSON value. Returns 0, with `value` for json_decref(); -EINVAL where
 * the text is not JSON, has a NUL in a string, or one name twice in an object;
 * or -ENOMEM.
 */
int jtext_load(const char *text, size_t length, json_t **value);

/**
 * The bytes of a string made by jtext_load(), and a NUL, in `out`, which has
 * room for json_string_length() + 1. Returns how many, without the NUL.
 */
size_t jtext_bytes(const json_t *string, char *out);

#endif
