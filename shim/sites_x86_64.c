/*
 * Theory of operation. Seven bytes that look like `mov $number, %eax; syscall`
 * may be the end of a longer instruction, or data. So they count only where
 * decoding their function from its first byte, which the unwind table tells,
 * comes to the first of them; and where no branch, of this function or with a
 * 32-bit distance anywhere in the code, leads into their middle, since a jump
 * will stand there.
 */
#include "shim/sites.h"

enum {
	NUMBERED = 7,	   /* b8 NN NN 00 00 0f 05 */
	SHORTEST = 5,	   /* a jump */
	LONGEST = 7,	   /* what fits into a stub */
	TABLE_FORM = 0x3b, /* pairs of signed 32 bits, from the header */
	MOST_FUNCTION = 64 << 10,
};

static uint32_t word_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
	       (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Eight bytes at once: most of them are none that is looked for. */
enum { AT_ONCE = 8 };
#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static uint64_t bytes_at(const unsigned char *bytes)
{
	uint64_t word;

	__builtin_memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The highest bit of each byte that is this one. */
static uint64_t equal_bytes(uint64_t word, unsigned char byte)
{
	const uint64_t low = EACH_BYTE(0x7f);
	uint64_t other = word ^ EACH_BYTE(byte);

	return ~(((other & low) + low) | other | low);
}

/* Where `0f 05`, a call of the kernel, begins among the eight bytes at the
 * place, of which the ninth is there too: the highest bit of its byte. */
static uint64_t calls_at(const unsigned char *bytes)
{
	return equal_bytes(bytes_at(bytes), 0x0f) &
	       equal_bytes(bytes_at(bytes + 1), 0x05);
}

/* Likewise what looks like a long branch: e8, e9, 0f 80 to 0f 8f. */
static uint64_t branches_at(const unsigned char *bytes)
{
	uint64_t word = bytes_at(bytes);

	return equal_bytes(word & EACH_BYTE(0xfe), 0xe8) |
	       (equal_bytes(word, 0x0f) &
		equal_bytes(bytes_at(bytes + 1) & EACH_BYTE(0xf0), 0x80));
}

/* Go to the next place from `at` on where `look` finds something. `end` where
 * there is none before; near the code's end, every place is one. `found` is
 * what is left of what the eight bytes before `next` have; 0 at the start. */
struct places {
	const struct shim_code *code;
	uint64_t (*look)(const unsigned char *bytes);
	uint32_t next, end;
	uint64_t found;
};

static inline __attribute__((always_inline)) bool
next_place(struct places *places, uint32_t *at)
{
	while (!places->found) {
		if (places->next >= places->end)
			return false;
		if (places->code->end - places->next <= AT_ONCE) {
			*at = places->next++;
			return true;
		}
		places->found = places->look(places->code->base + places->next);
		places->next += AT_ONCE;
	}
	*at = places->next - AT_ONCE +
	      (uint32_t)__builtin_ctzll(places->found) / 8;
	places->found &= places->found - 1;
	return *at < places->end;
}

struct function {
	uint32_t start, end;
};

/* Functions, sorted by where they start, from .eh_frame_hdr (LSB, "Exception
 * Frames"): version, three encodings, the table's own address, its count. */
static uint32_t function_count(const struct shim_code *code)
{
	const unsigned char *header = code->base + code->frames;

	if (code->frames_size < 12 || header[0] != 1 || header[2] != 0x03 ||
	    header[3] != TABLE_FORM)
		return 0;
	uint32_t count = word_at(header + 8);

	return count > (code->frames_size - 12) / 8 ? 0 : count;
}

/* Its end is told by its entry in .eh_frame: length, the common entry's
 * distance, start (from here) and size. In another form it is none. */
static bool function_get(const struct shim_code *code, uint32_t index,
			 struct function *function)
{
	const unsigned char *pair =
		code->base + code->frames + 12 + (size_t)index * 8;
	uint32_t frame = code->frames + word_at(pair + 4);

	function->start = code->frames + word_at(pair);
	if (frame & 3 || frame < code->frames || code->limit < 16 ||
	    frame > code->limit - 16)
		return false;
	const unsigned char *entry = code->base + frame;
	uint32_t size = word_at(entry + 12);

	if (word_at(entry) == ~0U ||
	    frame + 8 + word_at(entry + 8) != function->start ||
	    size > MOST_FUNCTION || function->start < code->start ||
	    size > code->end - function->start || function->start >= code->end)
		return false;
	function->end = function->start + size;
	return true;
}

static bool find_function(const struct shim_code *code, uint32_t count,
			  uint32_t at, struct function *function)
{
	const unsigned char *table = code->base + code->frames + 12;
	uint32_t low = 0, high = count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (code->frames + word_at(table + (size_t)middle * 8) <= at)
			low = middle;
		else
			high = middle;
	}
	return count && function_get(code, low, function) &&
	       function->start <= at && at < function->end;
}

/* The site of the call at `call`, decoding its function; false where there is
 * none that can be changed. */
static bool understand(const struct shim_code *code,
		       const struct function *function, uint32_t call,
		       struct shim_site *site)
{
	uint32_t before = 0;
	bool movable = false, found = false;

	for (uint32_t at = function->start; at < function->end;) {
		struct shim_instruction now =
			shim_decode_x86_64(code->base + at, function->end - at);

		if (!now.length)
			return false;
		if (at == call) {
			uint32_t size = call + 2 - before;

			if (!before || size < SHORTEST || size > LONGEST ||
			    !movable)
				return false;
			*site = (struct shim_site){.at = before,
						   .size = (uint16_t)size};
			found = true;
		}
		before = at;
		movable = now.movable;
		at += now.length;
	}
	return found;
}

static bool leads_into(const struct shim_site *site, uint32_t target)
{
	return target > site->at && target < site->at + site->size;
}

/* Does the function itself branch into the middle? */
static bool is_whole(const struct shim_code *code,
		     const struct function *function,
		     const struct shim_site *site)
{
	for (uint32_t at = function->start; at < function->end;) {
		struct shim_instruction now =
			shim_decode_x86_64(code->base + at, function->end - at);

		at += now.length;
		if (now.branch && leads_into(site, at + (uint32_t)now.distance))
			return false;
	}
	return true;
}

/* The site into whose middle the target leads, or NULL; they are sorted. */
static struct shim_site *entered(struct shim_site *sites, size_t count,
				 uint32_t target)
{
	size_t low = 0, high = count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (sites[middle].at < target)
			low = middle;
		else
			high = middle;
	}
	return leads_into(&sites[low], target) ? &sites[low] : NULL;
}

/* Where targets would be of interest, eight bytes a bit; others' bits may be
 * the same. It spares a search for nearly all of them. */
enum { MIDDLE_BITS = 1 << 14 };
struct middles {
	uint64_t bits[MIDDLE_BITS / 64];
};

static bool may_be_middle(const struct middles *middles, uint32_t target)
{
	uint32_t bit = target / AT_ONCE % MIDDLE_BITS;

	return middles->bits[bit / 64] >> bit % 64 & 1;
}

static void find_middles(struct middles *middles, const struct shim_site *sites,
			 size_t count)
{
	for (size_t i = 0; i < MIDDLE_BITS / 64; i++)
		middles->bits[i] = 0;
	for (size_t i = 0; i < count; i++)
		for (uint32_t at = 1; at < sites[i].size; at++) {
			uint32_t bit =
				(sites[i].at + at) / AT_ONCE % MIDDLE_BITS;

			middles->bits[bit / 64] |= UINT64_C(1) << bit % 64;
		}
}

static bool begins_as(const unsigned char *bytes, const unsigned char *with,
		      size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != with[i])
			return false;
	return true;
}

/* Who calls one function. */
struct calls {
	uint32_t to; /* 0: there is none */
	uint32_t at; /* the last */
	size_t count;
};

static uint32_t long_branch(const unsigned char *bytes)
{
	if ((bytes[0] & 0xfe) == 0xe8)
		return 1;
	return bytes[0] == 0x0f && bytes[1] >> 4 == 8 ? 2 : 0;
}

/* The function that makes calls which may be cancelled, by the call in it: all
 * of its bytes, as nothing else has them. 0: it is another. */
static uint32_t cancelling(const struct shim_code *code, uint32_t functions,
			   uint32_t call)
{
	/* mov (%rdi), %eax; testb $8, (%rdi); jne to where a thread ends */
	static const unsigned char begins[] = {0x8b, 0x07, 0xf6, 0x07,
					       0x08, 0x0f, 0x85};
	/* The number and six arguments to where the kernel takes them; syscall;
	 * ret */
	static const unsigned char ends[] = {
		0x49, 0x89, 0xfb, 0x48, 0x89, 0xf0, 0x48, 0x89, 0xd7,
		0x48, 0x89, 0xce, 0x4c, 0x89, 0xc2, 0x4d, 0x89, 0xca,
		0x4c, 0x8b, 0x44, 0x24, 0x08, 0x4c, 0x8b, 0x4c, 0x24,
		0x10, 0x4c, 0x89, 0x5c, 0x24, 0x08, 0x0f, 0x05, 0xc3};
	enum { SIZE = sizeof(begins) + 4 + sizeof(ends) };
	const unsigned char *bytes = code->base + call + 3 - SIZE;
	struct function function;

	if (call + 3 < code->start + SIZE || call + 3 > code->end ||
	    !begins_as(bytes, begins, sizeof(begins)) ||
	    !begins_as(bytes + SIZE - sizeof(ends), ends, sizeof(ends)) ||
	    !find_function(code, functions, call, &function) ||
	    function.start != call + 3 - SIZE)
		return 0;
	return function.start;
}

/* Is the instruction of the function at the place one of that size? */
static bool stands(const struct shim_code *code, uint32_t functions,
		   uint32_t place, uint32_t size)
{
	struct function function;

	if (!find_function(code, functions, place, &function))
		return false;
	for (uint32_t at = function.start; at < function.end;) {
		struct shim_instruction now =
			shim_decode_x86_64(code->base + at, function.end - at);

		if (!now.length || at >= place)
			return at == place && now.length == size;
		at += now.length;
	}
	return false;
}

/* Add the site at which that function is called, where it is one alone. */
static size_t add_cancelling(const struct shim_code *code, uint32_t functions,
			     const struct calls *calls, struct shim_site *sites,
			     size_t count, size_t most)
{
	enum { CALL = 5 };
	size_t at = count;

	if (calls->count != 1 || count == most ||
	    !stands(code, functions, calls->at, CALL))
		return count;
	for (; at > 0 && sites[at - 1].at > calls->at; at--)
		sites[at] = sites[at - 1];
	sites[at] = (struct shim_site){calls->at, CALL, SHIM_CANCELS};
	return count + 1;
}

/* Take out the sites into whose middle anything that looks like a long branch
 * leads: such bytes need not be one, but then nothing is lost. And count those
 * that call the function. */
static size_t drop_entered(const struct shim_code *code, struct calls *calls,
			   struct shim_site *sites, size_t count)
{
	/* None is shorter than five bytes, and one of six. */
	struct places places = {code, branches_at, code->start, code->end - 5,
				0};
	struct middles middles;
	size_t left = 0;
	uint32_t at;

	find_middles(&middles, sites, count);
	while (next_place(&places, &at)) {
		const unsigned char *bytes = code->base + at;
		uint32_t skip = long_branch(bytes);

		if (!skip)
			continue;
		uint32_t target = at + skip + 4 + word_at(bytes + skip);

		if (target == calls->to && calls->to && bytes[0] == 0xe8) {
			calls->at = at;
			calls->count++;
		}
		if (!may_be_middle(&middles, target))
			continue;
		struct shim_site *site = entered(sites, count, target);

		if (site)
			site->size = 0;
	}
	for (size_t i = 0; i < count; i++)
		if (sites[i].size)
			sites[left++] = sites[i];
	return left;
}

size_t shim_sites_unentered(const struct shim_code *code,
			    struct shim_site *sites, size_t count)
{
	struct calls calls = {0};

	return drop_entered(code, &calls, sites, count);
}

static bool is_numbered(const struct shim_code *code, uint32_t call)
{
	const unsigned char *bytes = code->base + call - 5;

	return call >= code->start + 5 && bytes[0] == 0xb8;
}

/* Is the number taken from a register (mov %reg, %rax) or from the stack
 * (mov N(%rsp), %rax) right before? Or further up, and what stands before the
 * call is what open() without cancellation, and so opendir(), has there (mov
 * $AT_FDCWD, %edi), or syscall(2) (mov 8(%rsp), %r9)? */
static bool is_taken(const struct shim_code *code, uint32_t call)
{
	static const unsigned char stack[] = {0x48, 0x8b, 0x44, 0x24};
	static const unsigned char here[] = {0xbf, 0x9c, 0xff, 0xff, 0xff};
	static const unsigned char sixth[] = {0x4c, 0x8b, 0x4c, 0x24, 0x08};
	const unsigned char *bytes = code->base + call;

	if (call < code->start + 5)
		return false;
	return ((bytes[-3] & 0xfb) == 0x48 && bytes[-2] == 0x89 &&
		(bytes[-1] & 0xc7) == 0xc0) ||
	       begins_as(bytes - 5, stack, sizeof(stack)) ||
	       begins_as(bytes - 5, here, sizeof(here)) ||
	       begins_as(bytes - 5, sixth, sizeof(sixth));
}

static bool is_candidate(const struct shim_code *code, uint32_t at,
			 shim_wanted *wanted, bool unnumbered)
{
	if (code->base[at] != 0x0f || code->base[at + 1] != 0x05)
		return false;
	if (is_numbered(code, at))
		return wanted(word_at(code->base + at - 4));
	return unnumbered && is_taken(code, at);
}

size_t shim_sites_x86_64(const struct shim_code *code, shim_wanted *wanted,
			 bool unnumbered, struct shim_site *sites, size_t most)
{
	struct places places = {code, calls_at, code->start, code->end - 1, 0};
	uint32_t functions = function_count(code), at;
	struct calls calls = {0};
	size_t count = 0;

	if (code->end < code->start + 16)
		return 0;
	while (count < most && next_place(&places, &at)) {
		struct function function;
		struct shim_site *site = &sites[count];

		if (unnumbered && !calls.to)
			calls.to = cancelling(code, functions, at);
		if (!is_candidate(code, at, wanted, unnumbered) ||
		    !find_function(code, functions, at, &function) ||
		    !understand(code, &function, at, site))
			continue;
		/* Else `b8` was the end of another instruction. */
		if (is_numbered(code, at) && site->size != NUMBERED)
			continue;
		site->kind = is_numbered(code, at) ? SHIM_ONE : SHIM_ANY;
		if (is_whole(code, &function, site))
			count++;
	}
	if (count || calls.to)
		count = drop_entered(code, &calls, sites, count);
	return add_cancelling(code, functions, &calls, sites, count, most);
}
