#include "supervisor/visible.h"

#include "policy/text.h"
#include "supervisor/utf8.h"

void visible_text(struct text *text, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t c = 0;
		size_t width = utf8_decode(bytes + at, length - at, &c);

		if (width && !utf8_deceives(c)) {
			text_add(text, bytes + at, width);
			at += width;
			continue;
		}
		for (size_t end = at + (width ? width : 1); at < end; at++)
			text_format(text, "\\x%02x", (unsigned char)bytes[at]);
	}
}
