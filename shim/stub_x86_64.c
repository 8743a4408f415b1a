/*
 * At      what stands in a stub of x86-64
 *  0..4   the site's first instruction, behind as many nops as it is short of 5
 *  5..9   lea -128(%rsp), %rsp: over the red zone, which the function may use
 * 10..14  call the entry
 * 15..18  sub $-128, %rsp
 * 19..23  jmp behind the site
 * 24..31  the address behind the site, for who unwinds the stack
 */
#include "shim/sites.h"

enum { FIRST = 5, CALL = 10, JUMP = 19, BEHIND = 24, SYSCALL = 2 };

static void put(unsigned char *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

/* The distance of a branch of five bytes that stands at `from`. */
static bool put_branch(unsigned char *at, unsigned char opcode, uint64_t from,
		       uint64_t to)
{
	int64_t distance = (int64_t)(to - (from + 5));

	at[0] = opcode;
	put(at + 1, (uint64_t)distance, 4);
	return distance == (int32_t)distance;
}

/*
 * At      what stands in the stub of a call of a function (SHIM_CANCELS)
 *  0..5   cmp $openat, %esi: the number, of the function's arguments
 *  6..12  lea the function, %r11
 * 13..18  je the entry
 * 19..21  jmp *%r11
 */
static bool put_call(const struct shim_stub *how, const unsigned char *now,
		     unsigned char stub[SHIM_STUB], unsigned char *jump)
{
	enum { LEA = 6, EQUAL = 13, ELSE = 19, OPENAT = 257 };
	static const unsigned char start[] = {
		0x81, 0xfe, OPENAT & 0xff, OPENAT >> 8, 0, 0, 0x4c, 0x8d, 0x1d};
	static const unsigned char otherwise[] = {0x41, 0xff, 0xe3};
	uint32_t distance = (uint32_t)now[1] | (uint32_t)now[2] << 8 |
			    (uint32_t)now[3] << 16 | (uint32_t)now[4] << 24;
	uint64_t function = how->site + 5 + (uint64_t)(int32_t)distance;
	int64_t from = (int64_t)(function - (how->stub + EQUAL));

	for (size_t i = 0; i < SHIM_STUB; i++)
		stub[i] = i < sizeof(start) ? start[i] : 0xcc;
	put(stub + LEA + 3, (uint64_t)from, 4);
	stub[EQUAL] = 0x0f;
	for (size_t i = 0; i < sizeof(otherwise); i++)
		stub[ELSE + i] = otherwise[i];
	return from == (int32_t)from &&
	       put_branch(stub + EQUAL + 1, 0x84, how->stub + EQUAL + 1,
			  how->entry) &&
	       put_branch(jump, 0xe8, how->site, how->stub);
}

bool shim_stub_x86_64(const struct shim_stub *how, const unsigned char *now,
		      unsigned char stub[SHIM_STUB], unsigned char *jump)
{
	static const unsigned char down[] = {0x48, 0x8d, 0x64, 0x24, 0x80};
	static const unsigned char up[] = {0x48, 0x83, 0xec, 0x80};
	size_t first = how->size - SYSCALL;
	uint64_t behind = how->site + how->size;

	if (how->kind == SHIM_CANCELS)
		return put_call(how, now, stub, jump);
	if (first > FIRST || how->size < 5)
		return false;
	for (size_t i = 0; i < FIRST; i++)
		stub[i] = i < FIRST - first ? 0x90 : now[i - (FIRST - first)];
	for (size_t i = 0; i < sizeof(down); i++)
		stub[FIRST + i] = down[i];
	for (size_t i = 0; i < sizeof(up); i++)
		stub[CALL + 5 + i] = up[i];
	put(stub + BEHIND, behind, 8);
	for (size_t i = 5; i < how->size; i++)
		jump[i] = 0x90;
	return put_branch(stub + CALL, 0xe8, how->stub + CALL, how->entry) &&
	       put_branch(stub + JUMP, 0xe9, how->stub + JUMP, behind) &&
	       put_branch(jump, 0xe9, how->site, how->stub);
}
