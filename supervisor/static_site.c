/*
 * Theory of operation. A call is wanted where a chain of instructions leads to
 * it that can stand elsewhere as well, and begins with its number (mov $number,
 * %eax), or takes it as a function's first argument (mov %rdi, %rax), as musl's
 * one function for calls that may be cancelled and its syscall(2) do. What the
 * number really is, is looked at when it is made: the chain only tells that the
 * site is worth it.
 *
 * That the chain's bytes are instructions is not told by their looks. Of any 15
 * bytes in a row one begins an instruction, since none is longer. So code is
 * decoded from each of 15 bytes some way before, and all that can be decoded
 * must come to the chain's first byte: one of them is the truth.
 *
 * Nothing may lead behind the first byte of what a jump replaces: whatever
 * looks like a branch there, of 8 or of 32 bits, at any byte, leaves the site
 * as it is.
 */
#include "supervisor/static_site.h"

#include <string.h>

#include "shim/rows.h"
#include "shim/sites.h"
#include "shim/static.h"

enum {
	CALL = 2,
	NUMBERED_CHAIN = 48,
	TAKEN_CHAIN = 112,
	BEFORE = 32, /* bytes, in which wrong beginnings come to the right ones
		      */
	BEGINNINGS = 15,
	NEAR = 130, /* how far from its first byte a branch of 8 bits leads */
};

/* -- how a program begins
 * ------------------------------------------------------
 */

bool static_entry_is(const unsigned char *code)
{
	/* xor %rbp, %rbp; mov %rsp, %rdi; lea N(%rip), %rsi; and $-16, %rsp;
	 * call */
	static const unsigned char musl[] = "\x48\x31\xed\x48\x89\xe7\x48\x8d"
					    "\x35";
	static const unsigned char align[] = "\x48\x83\xe4\xf0\xe8";
	/* xor %ebp, %ebp; mov %rdx, %r9; pop %rsi; mov %rsp, %rdx; and $-16,
	 * %rsp; push %rax; push %rsp */
	static const unsigned char glibc[] = "\x31\xed\x49\x89\xd1\x5e\x48\x89"
					     "\xe2\x48\x83\xe4\xf0\x50\x54";
	static const unsigned char endbr64[] = "\xf3\x0f\x1e\xfa";

	if (memcmp(code, musl, sizeof(musl) - 1) == 0)
		return memcmp(code + sizeof(musl) - 1 + 4, align,
			      sizeof(align) - 1) == 0;
	if (memcmp(code, endbr64, sizeof(endbr64) - 1) == 0)
		code += sizeof(endbr64) - 1;
	return memcmp(code, glibc, sizeof(glibc) - 1) == 0;
}

/* -- sites -------------------------------------------------------------------
 */

static uint32_t word_at(const unsigned char *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Does decoding from there come to `to`? Sets `understood` where nothing came
 * up that is no instruction. */
static bool comes_to(const unsigned char *code, size_t from, size_t to,
		     bool *understood)
{
	*understood = true;
	while (from < to) {
		struct shim_instruction now =
			shim_decode_x86_64(code + from, to + 15 - from);

		if (!now.length) {
			*understood = false;
			return false;
		}
		from += now.length;
	}
	return from == to;
}

/* Does an instruction begin there, as far as can be told? */
enum begins { BEGINS_PERHAPS, BEGINS, BEGINS_NOT };
static enum begins begins_at(const unsigned char *code, size_t at)
{
	size_t come = 0, pass = 0;

	if (at < BEFORE + BEGINNINGS)
		return BEGINS_PERHAPS;
	for (size_t i = 0; i < BEGINNINGS; i++) {
		bool understood;

		if (comes_to(code, at - BEFORE - i, at, &understood))
			come++;
		else if (understood)
			pass++;
	}
	if (come && !pass)
		return BEGINS;
	return pass && !come ? BEGINS_NOT : BEGINS_PERHAPS;
}

/* The site of the call to which this chain leads. */
static bool follow(const unsigned char *code, size_t from, size_t call,
		   struct static_site *site)
{
	size_t start = call;

	for (size_t at = from; at < call;) {
		struct shim_instruction now =
			shim_decode_x86_64(code + at, call + CALL - at);

		if (!now.length || !now.movable || now.length > call - at)
			return false;
		if (call + CALL - at >= STATIC_JUMP)
			start = at;
		at += now.length;
	}
	if (start == call || call + CALL - start > STATIC_LONGEST ||
	    begins_at(code, from) != BEGINS)
		return false;
	*site = (struct static_site){.at = (uint32_t)start,
				     .size = (uint32_t)(call + CALL - start)};
	memcpy(site->code, code + start, site->size);
	return true;
}

static bool begins_numbered(const unsigned char *code, size_t at)
{
	static const unsigned char wide[] = {0x48, 0xc7, 0xc0};

	if (code[at] == 0xb8)
		return shim_gates(word_at(code + at + 1));
	return memcmp(code + at, wide, sizeof(wide)) == 0 &&
	       shim_gates(word_at(code + at + sizeof(wide)));
}

static bool begins_taken(const unsigned char *code, size_t at)
{
	static const unsigned char first[] = {0x48, 0x89, 0xf8};

	return memcmp(code + at, first, sizeof(first)) == 0;
}

static bool find_site(const unsigned char *code, size_t call, size_t lowest,
		      struct static_site *site)
{
	for (size_t back = 3; back <= TAKEN_CHAIN && back + lowest <= call;
	     back++) {
		size_t at = call - back;

		if (((back >= 5 && back <= NUMBERED_CHAIN &&
		      begins_numbered(code, at)) ||
		     begins_taken(code, at)) &&
		    follow(code, at, call, site))
			return true;
	}
	return false;
}

/* -- what leads there ---------------------------------------------------------
 */

static bool is_short_branch(unsigned char opcode)
{
	return opcode >> 4 == 7 || opcode == 0xeb || opcode >> 2 == 0xe0 >> 2;
}

/* Whatever looks like a branch of 8 bits into it counts as one, but what is
 * within an instruction. */
static bool is_entered_near(const unsigned char *code, size_t size,
			    const struct static_site *site)
{
	size_t from = site->at > NEAR ? site->at - NEAR : 0;
	size_t to = site->at + site->size + NEAR;

	for (size_t at = from; at < to && at + 1 < size; at++) {
		if (!is_short_branch(code[at]))
			continue;
		size_t target = at + 2 + (size_t)(int8_t)code[at + 1];

		if (target > site->at && target < site->at + site->size &&
		    begins_at(code, at) != BEGINS_NOT)
			return true;
	}
	return false;
}

/* The next call from `from` on, or `size`. Of its two bytes the second is the
 * rarer one. */
static size_t next_call(const unsigned char *code, size_t size, size_t from)
{
	for (size_t at = from + 1; at < size; at++) {
		const unsigned char *found = memchr(code + at, 0x05, size - at);

		if (!found)
			return size;
		at = (size_t)(found - code);
		if (code[at - 1] == 0x0f)
			return at - 1;
	}
	return size;
}

size_t static_sites_find(const unsigned char *code, size_t size,
			 struct static_site sites[STATIC_SITES])
{
	const struct shim_code all = {.base = code, .end = (uint32_t)size};
	struct shim_site plain[STATIC_SITES];
	size_t count = 0, left = 0, lowest = 0;

	for (size_t call = next_call(code, size, 0);
	     call < size && count < STATIC_SITES;
	     call = next_call(code, size, call + CALL)) {
		struct static_site *site = &sites[count];

		if (!find_site(code, call, lowest, site))
			continue;
		lowest = call + CALL;
		if (is_entered_near(code, size, site))
			continue;
		plain[count++] = (struct shim_site){
			.at = site->at, .size = (uint16_t)site->size};
	}
	size_t kept = count ? shim_sites_unentered(&all, plain, count) : 0;

	for (size_t i = 0; i < count && left < kept; i++)
		if (sites[i].at == plain[left].at)
			sites[left++] = sites[i];
	return left;
}

/* -- stubs ------------------------------------------------------------------
 */

static bool put_distance(unsigned char *at, uint64_t from, uint64_t to)
{
	int64_t distance = (int64_t)(to - from);
	int32_t stored = (int32_t)distance;

	memcpy(at, &stored, sizeof(stored));
	return distance == stored;
}

bool static_stub_write(const struct static_site *site, uint64_t address,
		       uint64_t stub_address, uint32_t enter,
		       unsigned char stub[STATIC_STUB],
		       unsigned char jump[STATIC_JUMP])
{
	/* What was there; lea of the call below, %r11; mov $enter, %ecx; jmp
	 * *%rcx; the call; jmp behind the site */
	static const unsigned char tail[] = {0x4c, 0x8d, 0x1d, 7,    0,	  0,
					     0,	   0xb9, 0,    0,    0,	  0,
					     0xff, 0xe1, 0x0f, 0x05, 0xe9};
	enum { ENTER = 8, DISTANCE = 4 };
	size_t moved = site->size - CALL;
	size_t way_back = moved + sizeof(tail) + DISTANCE;

	if (site->size < STATIC_JUMP || way_back > STATIC_STUB)
		return false;
	memset(stub, 0xcc, STATIC_STUB);
	memcpy(stub, site->code, moved);
	memcpy(stub + moved, tail, sizeof(tail));
	memcpy(stub + moved + ENTER, &enter, sizeof(enter));
	jump[0] = 0xe9;
	return put_distance(stub + moved + sizeof(tail),
			    stub_address + way_back, address + site->size) &&
	       put_distance(jump + 1, address + STATIC_JUMP, stub_address);
}
