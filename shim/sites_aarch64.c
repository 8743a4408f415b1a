/*
 * On aarch64 each instruction has four bytes, and the call alone is replaced,
 * by a branch. Its number is in register 8.
 */
#include "shim/sites.h"

enum {
	SVC = 0xd4000001U,
	MOST_BETWEEN = 12, /* instructions between the number and the call */
	NOT_KNOWN = ~0U,
};

static uint32_t word_at(const struct shim_code *code, uint32_t at)
{
	const unsigned char *bytes = code->base + at;

	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
	       (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Branches, returns, exceptions and system instructions (Arm ARM C4.1: op0
 * 101x): what is behind one may be reached from elsewhere. Also those that test
 * and branch. A register's move from a system register is not one. */
static bool is_branch(uint32_t word)
{
	return (word >> 26 & 7) == 5 && (word & 0xfff00000U) != 0xd5300000U;
}

/* The number that `mov w8|x8, #imm16` (MOVZ, no shift) sets. */
static bool is_number(uint32_t word, uint32_t *number)
{
	*number = word >> 5 & 0xffff;
	return (word & 0x7fe0001fU) == 0x52800008U;
}

static uint32_t number_at(const struct shim_code *code, uint32_t call)
{
	uint32_t at = call, number;

	for (int i = 0; i < MOST_BETWEEN && at >= code->start + 4; i++) {
		at -= 4;
		uint32_t word = word_at(code, at);

		if (is_number(word, &number))
			return number;
		/* Whatever may write register 8: its lowest field, where
		 * most name what they write, or a pair's second. */
		if (is_branch(word) || (word & 31) == 8 ||
		    ((word >> 10 & 31) == 8 && (word >> 27 & 5) == 5 &&
		     (word >> 25 & 1) == 0))
			return NOT_KNOWN;
	}
	return NOT_KNOWN;
}

size_t shim_sites_aarch64(const struct shim_code *code, shim_wanted *wanted,
			  struct shim_site *sites, size_t most)
{
	size_t count = 0;

	for (uint32_t at = (code->start + 3) & ~3U;
	     at + 4 <= code->end && count < most; at += 4) {
		if (word_at(code, at) != SVC)
			continue;
		uint32_t number = number_at(code, at);

		if (number != NOT_KNOWN && wanted(number))
			sites[count++] =
				(struct shim_site){.at = at, .size = 4};
	}
	return count;
}
