/*
 * At      what stands in a stub of aarch64, which has no red zone
 *  0      str x30, [sp, #-16]!
 *  4      bl the entry
 *  8      ldr x30, [sp], #16
 * 12      b behind the site
 * 24..31  the address behind the site, for who unwinds the stack
 */
#include "shim/sites.h"

enum {
	PUSH_LINK = 0xf81f0ffeU - (1ULL << 32), /* as an int */
	POP_LINK = 0xf84107feU - (1ULL << 32),
	BL = 0x94000000U - (1ULL << 32),
	B = 0x14000000,
	BEHIND = 24,
};

static void put(unsigned char *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

/* 26 bits of distance, in words. */
static bool put_branch(unsigned char *at, uint32_t opcode, uint64_t from,
		       uint64_t to)
{
	int64_t words = (int64_t)(to - from) / 4;

	put(at, opcode | ((uint64_t)words & 0x3ffffff), 4);
	return (to - from) % 4 == 0 && words >= -(1 << 25) && words < 1 << 25;
}

bool shim_stub_aarch64(const struct shim_stub *how,
		       unsigned char stub[SHIM_STUB], unsigned char jump[4])
{
	uint64_t behind = how->site + 4;

	for (size_t i = 0; i < SHIM_STUB; i++)
		stub[i] = 0;
	put(stub, (uint32_t)PUSH_LINK, 4);
	put(stub + 8, (uint32_t)POP_LINK, 4);
	put(stub + BEHIND, behind, 8);
	return put_branch(stub + 4, (uint32_t)BL, how->stub + 4, how->entry) &&
	       put_branch(stub + 12, B, how->stub + 12, behind) &&
	       put_branch(jump, B, how->site, how->stub);
}
