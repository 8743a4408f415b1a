/*
 * Base64 in either alphabet, with and without padding: what tokens are made
 * of.
 */
#ifndef SUPERVISOR_VIRTUAL_BASE64_H
#define SUPERVISOR_VIRTUAL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Decode a text without white space. `out` has room for length / 4 * 3 + 3
 * bytes. `url` says afterwards which alphabet it was in. Returns the number
 * of bytes, or -1 where it is not base64 or would not encode to the same text.
 */
long base64_decode(const char *text, size_t length, unsigned char *out,
		   bool *url);

/**
 * Encode so that exactly `length` characters are written: what
 * base64_decode() took for the same number of bytes.
 */
void base64_encode(const unsigned char *bytes, size_t count, bool url,
		   char *out, size_t length);

#endif
