#include "shim/names.h"

#include <errno.h>

static size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static bool is_wild(char byte)
{
	return byte == '*' || byte == '?';
}

static void set_bit(uint32_t bits[8], unsigned char byte)
{
	bits[byte >> 5] |= 1U << (byte & 31);
}

static bool has_bit(const uint32_t bits[8], unsigned char byte)
{
	return bits[byte >> 5] >> (byte & 31) & 1;
}

static void set_all(uint32_t bits[8])
{
	for (int i = 0; i < 8; i++)
		bits[i] = ~0U;
}

int shim_names_add(struct shim_names *names, const char *pattern, bool anywhere)
{
	size_t length = length_of(pattern), begins = 0, ends = 0;

	if (length == 0 ||
	    (pattern[0] == '.' &&
	     (length == 1 || (length == 2 && pattern[1] == '.'))))
		return -EINVAL;
	while (begins < length && !is_wild(pattern[begins]))
		begins++;
	while (ends < length - begins && !is_wild(pattern[length - ends - 1]))
		ends++;
	if (begins > UINT8_MAX || ends > UINT8_MAX ||
	    names->count == SHIM_NAMES ||
	    names->used + begins + ends > SHIM_NAMES_TEXT)
		return -E2BIG;
	struct shim_name *name = &names->list[names->count++];

	name->at = (uint16_t)names->used;
	name->begins = (uint8_t)begins;
	name->ends = (uint8_t)ends;
	name->whole = begins == length;
	name->anywhere = anywhere;
	for (size_t i = 0; i < begins; i++)
		names->text[names->used++] = pattern[i];
	for (size_t i = length - ends; i < length; i++)
		names->text[names->used++] = pattern[i];
	if (begins)
		set_bit(names->first, (unsigned char)pattern[0]);
	else
		set_all(names->first);
	if (ends || name->whole)
		set_bit(names->last, (unsigned char)pattern[length - 1]);
	else
		set_all(names->last);
	return 0;
}

static bool same(const char *one, const char *other, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (one[i] != other[i])
			return false;
	return true;
}

enum shim_named shim_names_match(const struct shim_names *names,
				 const char *component, size_t length)
{
	enum shim_named found = SHIM_NOT_NAMED;

	if (!has_bit(names->first, (unsigned char)component[0]) ||
	    !has_bit(names->last, (unsigned char)component[length - 1]))
		return SHIM_NOT_NAMED;
	for (uint32_t i = 0; i < names->count; i++) {
		const struct shim_name *name = &names->list[i];
		const char *text = names->text + name->at;
		size_t fixed = (size_t)name->begins + name->ends;

		if (name->whole ? length != fixed : length < fixed)
			continue;
		if (!same(component, text, name->begins) ||
		    !same(component + length - name->ends, text + name->begins,
			  name->ends))
			continue;
		if (name->anywhere)
			return SHIM_NAMED_ANYWHERE;
		found = SHIM_NAMED_OUTSIDE;
	}
	return found;
}
