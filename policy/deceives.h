/*
 * Which characters must not be shown as they are.
 */
#ifndef POLICY_DECEIVES_H
#define POLICY_DECEIVES_H

#include <stdbool.h>
#include <stdint.h>

/** Control characters (C0, DEL, C1) command a terminal; marks of direction,
 * line separators and invisible joiners make a text look like another. */
static inline bool deceives(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad ||
	       c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

#endif
