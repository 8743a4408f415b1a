#include "supervisor/stack/elf_frames.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAMES_MOST = 1 << 20,
	/* How the start of a function is written; the two that compilers use.
	 */
	PE_PCREL_SDATA4 = 0x1b,
	PE_UDATA4 = 0x03,
	PE_ABSOLUTE = 0x00,
	PE_FORMAT = 0x0f,
};

/* What is left of a section, or of an entry in it. */
struct bytes {
	const unsigned char *at, *end;
};

static bool skip(struct bytes *bytes, size_t count)
{
	if ((size_t)(bytes->end - bytes->at) < count)
		return false;
	bytes->at += count;
	return true;
}

/* A number of seven bits a byte; only small ones matter, and their sign not. */
static bool leb(struct bytes *bytes, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; bytes->at < bytes->end; shift += 7) {
		unsigned char byte = *bytes->at++;

		if (shift < 63)
			*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Bytes of a pointer in an encoding; 0: of no fixed size. */
static size_t pointer_size(unsigned char encoding)
{
	switch (encoding & PE_FORMAT) {
	case 0x00:
	case 0x04:
	case 0x0c:
		return 8;
	case 0x02:
	case 0x0a:
		return 2;
	case 0x03:
	case 0x0b:
		return 4;
	default:
		return 0;
	}
}

/* What a CIE says of the pointers in its FDEs; -1: it cannot be read. */
static int pointer_encoding(struct bytes cie)
{
	uint64_t number;
	/* Behind length and id: the version, and the augmentation's name. */
	const unsigned char *version = cie.at + 8;

	if (!skip(&cie, 9))
		return -1;
	const char *name = (const char *)cie.at;
	const char *end = memchr(name, '\0', (size_t)(cie.end - cie.at));

	if (!end || !skip(&cie, (size_t)(end - name) + 1))
		return -1;
	if (name[0] == '\0')
		return PE_ABSOLUTE;
	/* Alignment of code and data, the return address, how much follows. */
	if (name[0] != 'z' || !leb(&cie, &number) || !leb(&cie, &number) ||
	    !(*version == 1 ? skip(&cie, 1) : leb(&cie, &number)) ||
	    !leb(&cie, &number))
		return -1;
	for (name++; *name; name++) {
		if (*name == 'S' || *name == 'B')
			continue;
		if (cie.at == cie.end)
			return -1;
		unsigned char encoding = *cie.at++;

		if (*name == 'R')
			return encoding;
		if (*name == 'P' && (pointer_size(encoding) == 0 ||
				     !skip(&cie, pointer_size(encoding))))
			return -1;
		if (*name != 'P' && *name != 'L')
			return -1;
	}
	return PE_ABSOLUTE;
}

/* Where the function of an FDE starts. */
static bool function_start(struct bytes fde, int encoding, uint64_t address,
			   uint64_t *start)
{
	int32_t relative;

	if (encoding == PE_ABSOLUTE && fde.end - fde.at >= 16) {
		memcpy(start, fde.at + 8, sizeof(*start));
		return true;
	}
	if (fde.end - fde.at < 12)
		return false;
	memcpy(&relative, fde.at + 8, sizeof(relative));
	if (encoding == PE_UDATA4)
		*start = (uint32_t)relative;
	else if (encoding == PE_PCREL_SDATA4)
		*start = address + 8 + (uint64_t)(int64_t)relative;
	else
		return false;
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct elf_frame *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* One entry; returns whether it is an FDE that can be used. */
static bool read_entry(const unsigned char *section, struct bytes entry,
		       uint64_t address, struct elf_frame *frame)
{
	size_t place = (size_t)(entry.at - section);
	uint32_t back, length;
	uint64_t start;

	memcpy(&back, entry.at + 4, sizeof(back));
	if (back == 0 || back > place + 4)
		return false; /* a CIE, or nonsense */
	struct bytes cie = {.at = section + (place + 4 - back),
			    .end = entry.end};

	if (cie.end - cie.at < 8)
		return false;
	memcpy(&length, cie.at, sizeof(length));
	if (length > (size_t)(cie.end - cie.at) - 4)
		return false;
	cie.end = cie.at + 4 + length;
	int encoding = pointer_encoding(cie);

	if (encoding < 0 ||
	    !function_start(entry, encoding, address + place, &start))
		return false;
	int64_t relative = (int64_t)(start - address);

	if (relative < INT32_MIN || relative > INT32_MAX || place > INT32_MAX)
		return false;
	*frame = (struct elf_frame){.start = (int32_t)relative,
				    .entry = (int32_t)place};
	return true;
}

size_t elf_frames(const unsigned char *section, size_t size, uint64_t address,
		  struct elf_frame **result)
{
	struct elf_frame *frames = NULL;
	size_t count = 0, room = 0, at = 0;

	while (size - at >= 8 && count < FRAMES_MOST) {
		uint32_t length;

		memcpy(&length, section + at, sizeof(length));
		/* 0 ends it; all ones announce a format that nobody uses. */
		if (length < 4 || length > size - at - 4)
			break;
		if (count == room) {
			room = room ? 2 * room : 1024;
			struct elf_frame *more =
				realloc(frames, room * sizeof(*frames));

			if (!more)
				break;
			frames = more;
		}
		struct bytes entry = {.at = section + at,
				      .end = section + at + 4 + length};

		count += read_entry(section, entry, address, &frames[count]);
		at += 4 + (size_t)length;
	}
	if (count == 0) {
		free(frames);
		return 0;
	}
	qsort(frames, count, sizeof(*frames), by_start);
	*result = frames;
	return count;
}
