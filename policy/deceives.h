/*
 * Which characters must not be shown as they are.
 */
#ifndef POLICY_DECEIVES_H
#define POLICY_DECEIVES_H

#include <stdbool.h>
#include <stdint.h>

/** Does it take room and show nothing, or stand for nothing at all? Blanks but
 * the one, fillers, variation selectors, what Unicode says is to be ignored. */
static inline bool unseen(uint32_t c)
{
	return c == 0xa0 || c == 0xad || c == 0x34f || c == 0x61c ||
	       c == 0x115f || c == 0x1160 || c == 0x1680 || c == 0x17b4 ||
	       c == 0x17b5 || (c >= 0x180b && c <= 0x180f) ||
	       (c >= 0x2000 && c <= 0x200f) || c == 0x202f ||
	       (c >= 0x205f && c <= 0x206f) || c == 0x2800 || c == 0x3000 ||
	       c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
	       (c >= 0x1bca0 && c <= 0x1bca3) ||
	       (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

/** Control characters (C0, DEL, C1) command a terminal; marks of direction,
 * line separators, and what is unseen make a text look like another. */
static inline bool deceives(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||
	       (c >= 0x2028 && c <= 0x202e) || unseen(c);
}

#endif
