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

/* Most components have an empty one. */
static unsigned row_of(const char *component, size_t length)
{
	unsigned first = (unsigned char)component[0],
		 last = (unsigned char)component[length - 1];

	return (first * 37 + last * 11 + (unsigned)length) % SHIM_NAMES_ROWS;
}

static void link_name(struct shim_names *names, struct shim_name *name,
		      uint16_t *row)
{
	name->next = *row;
	*row = (uint16_t)(name - names->list + 1);
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
	if (name->whole) {
		link_name(names, name, &names->rows[row_of(pattern, length)]);
		return 0;
	}
	link_name(names, name, &names->open);
	if (begins)
		set_bit(names->first, (unsigned char)pattern[0]);
	else
		set_all(names->first);
	if (ends)
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

/* Of a row: the more that is found, the greater. */
static enum shim_named match_row(const struct shim_names *names, uint16_t row,
				 const char *component, size_t length)
{
	enum shim_named found = SHIM_NOT_NAMED;

	for (const struct shim_name *name; row; row = name->next) {
		name = &names->list[row - 1];
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

enum shim_named shim_names_match(const struct shim_names *names,
				 const char *component, size_t length)
{
	enum shim_named found =
		match_row(names, names->rows[row_of(component, length)],
			  component, length);

	if (found == SHIM_NAMED_ANYWHERE ||
	    !has_bit(names->first, (unsigned char)component[0]) ||
	    !has_bit(names->last, (unsigned char)component[length - 1]))
		return found;
	enum shim_named open = match_row(names, names->open, component, length);

	return open > found ? open : found;
}
