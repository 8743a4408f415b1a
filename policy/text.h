/*
 * Text that grows. A failure to get memory sticks: what is added later is
 * dropped, and text_finish() says so once.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /**< NUL-terminated once something was added */
	size_t length, capacity;
	bool failed;
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_add_string(struct text *text, const char *string);
void text_add_byte(struct text *text, char byte);
void text_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Add bytes so that they are safe on a terminal: what commands or deceives (see
 * deceives.h) and what is not UTF-8 as \xNN, a tab as a space. Returns the
 * columns they take.
 */
size_t text_add_shown(struct text *text, const char *bytes, size_t length);

/** Add bytes as a JSON string, with its quotes; not UTF-8 as \udcXX, and what
 * commands or deceives escaped. */
void text_add_json(struct text *text, const char *bytes, size_t length);

/**
 * Give the malloc()ed text to the caller. Returns 0, or -ENOMEM if anything
 * was lost; the object is empty after either.
 */
int text_finish(struct text *text, char **string);
void text_free(struct text *text);

/** The length of the UTF-8 character that starts here, 0 if there is none. */
size_t utf8_length(const unsigned char *bytes, size_t length);

#endif
