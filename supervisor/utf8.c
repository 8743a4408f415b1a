#include "supervisor/utf8.h"

#include "policy/deceives.h"

/* One row a form: the first byte's fixed bits, and the least number in it. */
static const struct form {
	unsigned char mask, lead;
	uint32_t least;
} forms[] = {
	{0x80, 0x00, 0},
	{0xe0, 0xc0, 0x80},
	{0xf0, 0xe0, 0x800},
	{0xf8, 0xf0, 0x10000},
};

size_t utf8_decode(const char *bytes, size_t length, uint32_t *character)
{
	const unsigned char *b = (const unsigned char *)bytes;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *f = &forms[i];
		uint32_t value;

		if ((b[0] & f->mask) != f->lead)
			continue;
		if (length < i + 1)
			return 0;
		value = b[0] & (unsigned char)~f->mask;
		for (size_t k = 1; k <= i; k++) {
			if ((b[k] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (b[k] & 0x3f);
		}
		if (value < f->least || value > 0x10ffff ||
		    (value >= 0xd800 && value <= 0xdfff))
			return 0;
		*character = value;
		return i + 1;
	}
	return 0;
}

size_t utf8_encode(uint32_t character, char bytes[4])
{
	size_t extra = 0;

	while (extra < 3 && character >= forms[extra + 1].least)
		extra++;
	for (size_t k = extra; k > 0; k--) {
		bytes[k] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	bytes[0] = (char)(forms[extra].lead | character);
	return extra + 1;
}

bool utf8_deceives(uint32_t character)
{
	return deceives(character);
}
