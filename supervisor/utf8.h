/*
 * UTF-8 as the log needs it: is what stands here a character?
 */
#ifndef SUPERVISOR_UTF8_H
#define SUPERVISOR_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The character at the start of `length` bytes (at least one). Returns how many
 * bytes it has, 1 to 4, with its number in `character`; 0 where the bytes are
 * not UTF-8 by RFC 3629 (overlong forms, surrogates and numbers above 10ffff
 * are not).
 */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *character);

/** Write a character (not above 10ffff) to `bytes`; returns 1 to 4. */
size_t utf8_encode(uint32_t character, char bytes[4]);

/**
 * Must a character not reach a terminal as it is? Control characters (C0, DEL,
 * C1) command it; marks of direction, line separators, blanks that are none and
 * what is not seen make a text look like another.
 */
bool utf8_deceives(uint32_t character);

#endif
