/*
 * The lengths of x86-64's instructions, in 64-bit mode. From the opcode maps in
 * the processor manuals (Intel's volume 2, appendix A); what is not in 64-bit
 * mode, or newer than AVX-512, is not understood.
 */
#include "shim/sites.h"

/*
 * What follows an opcode byte, one character each:
 *   .  nothing          m  ModRM            x  not understood
 *   b  8 bits           w  16 bits          z  16 or 32 bits
 *   B  ModRM, 8 bits    Z  ModRM, 16 or 32  e  24 bits
 *   v  16, 32 or 64     o  64 bits (an address)
 *   j  branch, 8 bits   J  branch, 32 bits
 *   g  ModRM, and 8 bits where its middle field is 0 or 1; G 16 or 32
 */
static const char one_byte[257] = /* 0 1 2 3 4 5 6 7 8 9 a b c d e f */
	"mmmmbzxxmmmmbzxx"	  /* 0 */
	"mmmmbzxxmmmmbzxx"
	"mmmmbzxxmmmmbzxx"
	"mmmmbzxxmmmmbzxx"
	"xxxxxxxxxxxxxxxx" /* 4: REX, a prefix */
	"................"
	"xxxmxxxxzZbB...."
	"jjjjjjjjjjjjjjjj"
	"BZxBmmmmmmmmmmmm" /* 8 */
	"..........x....."
	"oooo....bz......"
	"bbbbbbbbvvvvvvvv"
	"BBw.xxBZe.w..bx." /* c */
	"mmmmxxx.mmmmmmmm"
	"jjjjbbbbJJxj...."
	"x.xx..gG......mm";

static const char two_bytes[257] = "mmmmx.....x.xm.x" /* 0 */
				   "mmmmmmmmmmmmmmmm"
				   "mmmmxxxxmmmmmmmm"
				   "......x.xxxxxxxx"
				   "mmmmmmmmmmmmmmmm" /* 4 */
				   "mmmmmmmmmmmmmmmm"
				   "mmmmmmmmmmmmmmmm"
				   "BBBBmmm.mmmmmmmm"
				   "JJJJJJJJJJJJJJJJ" /* 8 */
				   "mmmmmmmmmmmmmmmm"
				   "...mBmxx...mBmmm"
				   "mmmmmmmmmmBmmmmm"
				   "mmBmBBBm........" /* c */
				   "mmmmmmmmmmmmmmmm"
				   "mmmmmmmmmmmmmmmm"
				   "mmmmmmmmmmmmmmmm";

struct reader {
	const unsigned char *code;
	size_t at, room;
	bool small; /* operands of 16 bits */
	bool wide;  /* of 64 */
	bool short_of;
};

static unsigned char take(struct reader *reader)
{
	if (reader->at >= reader->room) {
		reader->short_of = true;
		return 0;
	}
	return reader->code[reader->at++];
}

static void skip(struct reader *reader, size_t count)
{
	reader->at += count;
	reader->short_of = reader->short_of || reader->at > reader->room;
}

/* Returns the ModRM byte; sets `relative` where its address is counted from
 * the instruction. */
static unsigned char take_operand(struct reader *reader, bool *relative)
{
	unsigned char modrm = take(reader);
	unsigned mod = modrm >> 6, rm = modrm & 7;

	if (mod == 3)
		return modrm;
	if (rm == 4) {
		unsigned char sib = take(reader);

		if (mod == 0 && (sib & 7) == 5)
			skip(reader, 4);
	} else if (mod == 0 && rm == 5) {
		*relative = true;
		skip(reader, 4);
	}
	skip(reader, mod == 1 ? 1 : mod == 2 ? 4 : 0);
	return modrm;
}

static int32_t take_distance(struct reader *reader, size_t bytes)
{
	uint32_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint32_t)take(reader) << (8 * i);
	return bytes == 1 ? (int8_t)value : (int32_t)value;
}

/* The rest behind the opcode; false where it is not understood. */
static bool take_rest(struct reader *reader, char form,
		      struct shim_instruction *found)
{
	size_t full = reader->small ? 2 : 4;
	bool relative = false;
	unsigned char modrm = 0;

	found->movable = true;
	if (form == 'x')
		return false;
	if (form == 'm' || form == 'B' || form == 'Z' || form == 'g' ||
	    form == 'G')
		modrm = take_operand(reader, &relative);
	if (form == 'b' || form == 'B' || (form == 'g' && (modrm >> 3 & 7) < 2))
		skip(reader, 1);
	if (form == 'z' || form == 'Z' || (form == 'G' && (modrm >> 3 & 7) < 2))
		skip(reader, full);
	if (form == 'v')
		skip(reader, reader->wide ? 8 : full);
	if (form == 'o')
		skip(reader, 8);
	if (form == 'w' || form == 'e')
		skip(reader, form == 'w' ? 2 : 3);
	if (form == 'j' || form == 'J') {
		found->branch = true;
		found->distance = take_distance(reader, form == 'j' ? 1 : 4);
	}
	found->movable = !relative && !found->branch;
	return true;
}

/* An opcode of map 1 (0f), 2 (0f 38) or 3 (0f 3a). */
static bool take_mapped(struct reader *reader, unsigned map,
			struct shim_instruction *found)
{
	unsigned char opcode = take(reader);

	switch (map) {
	case 1:
		return take_rest(reader, two_bytes[opcode], found);
	case 2:
		return take_rest(reader, 'm', found);
	case 3:
		return take_rest(reader, 'B', found);
	default:
		return false;
	}
}

static bool take_opcode(struct reader *reader, unsigned char opcode,
			struct shim_instruction *found)
{
	unsigned char next;

	switch (opcode) {
	case 0x0f:
		next = take(reader);
		if (next == 0x38 || next == 0x3a)
			return take_mapped(reader, next == 0x38 ? 2 : 3, found);
		return take_rest(reader, two_bytes[next], found);
	case 0xc5: /* VEX */
		skip(reader, 1);
		return take_mapped(reader, 1, found);
	case 0xc4:
		next = take(reader);
		skip(reader, 1);
		return take_mapped(reader, next & 31, found);
	case 0x62: /* EVEX */
		next = take(reader);
		skip(reader, 2);
		return take_mapped(reader, next & 7, found);
	default:
		return take_rest(reader, one_byte[opcode], found);
	}
}

static bool is_prefix(unsigned char byte)
{
	return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e ||
	       (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 || byte == 0xf2 ||
	       byte == 0xf3;
}

static bool is_return_or_jump(unsigned char opcode)
{
	/* ret, iret, hlt, int3, and all of ff but inc and dec: what the stack
	 * or a register says. Moved, a call would come back elsewhere. */
	return opcode == 0xc3 || opcode == 0xc2 || opcode == 0xcf ||
	       opcode == 0xca || opcode == 0xcb || opcode == 0xcc ||
	       opcode == 0xf4 || opcode == 0xff;
}

struct shim_instruction shim_decode_x86_64(const unsigned char *code,
					   size_t room)
{
	struct shim_instruction found = {0};
	struct reader reader = {.code = code, .room = room < 15 ? room : 15};
	unsigned char byte = take(&reader);

	while (is_prefix(byte) && !reader.short_of) {
		reader.small = reader.small || byte == 0x66;
		byte = take(&reader);
	}
	if (byte >> 4 == 4) {
		reader.wide = byte & 8;
		byte = take(&reader);
	}
	if (reader.wide)
		reader.small = false;
	if (!take_opcode(&reader, byte, &found) || reader.short_of)
		return (struct shim_instruction){0};
	/* With this prefix the two makers of processors disagree. */
	if (found.branch && reader.small)
		return (struct shim_instruction){0};
	if (is_return_or_jump(byte) ||
	    (byte == 0x0f && reader.at >= 2 && code[reader.at - 1] == 0x05))
		found.movable = false;
	found.length = (uint8_t)reader.at;
	return found;
}
