#include "supervisor/virtual/base64.h"

#include <string.h>

static const char plain[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char safe[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character, or -1. */
static int bits_of(char c, bool *is_plain, bool *is_url)
{
	const char *at;

	if (c == '\0')
		return -1;
	*is_url |= c == '-' || c == '_';
	*is_plain |= c == '+' || c == '/';
	at = strchr(plain, c);
	if (!at)
		at = strchr(safe, c);
	if (!at)
		return -1;
	return (int)(at - (strchr(plain, c) ? plain : safe));
}

long base64_decode(const char *text, size_t length, unsigned char *out,
		   bool *url)
{
	bool is_plain = false, is_url = false;
	unsigned held = 0, bits = 0;
	size_t count = 0, padding = 0;

	while (padding < 2 && length && text[length - 1] == '=') {
		padding++;
		length--;
	}
	if (length % 4 == 1 || (padding && (length + padding) % 4))
		return -1;
	for (size_t i = 0; i < length; i++) {
		int value = bits_of(text[i], &is_plain, &is_url);

		if (value < 0)
			return -1;
		held = held << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[count++] = (unsigned char)(held >> bits);
			held &= (1u << bits) - 1;
		}
	}
	if (held || (is_plain && is_url))
		return -1;
	*url = is_url;
	return (long)count;
}

void base64_encode(const unsigned char *bytes, size_t count, bool url,
		   char *out, size_t length)
{
	const char *alphabet = url ? safe : plain;
	size_t characters = (count * 8 + 5) / 6;

	for (size_t i = 0; i < length; i++) {
		size_t bit = i * 6, at = bit / 8;
		unsigned pair;

		if (i >= characters) {
			out[i] = '=';
			continue;
		}
		pair = (unsigned)bytes[at] << 8;
		if (at + 1 < count)
			pair |= bytes[at + 1];
		out[i] = alphabet[pair >> (10 - bit % 8) & 63];
	}
}
