#include "supervisor/visible.h"

#include "supervisor/utf8.h"

#include <string.h>

void visible_put(FILE *out, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t c = 0;
		size_t width = utf8_decode(bytes + at, length - at, &c);

		if (width && !utf8_deceives(c)) {
			fwrite(bytes + at, 1, width, out);
			at += width;
			continue;
		}
		for (size_t end = at + (width ? width : 1); at < end; at++)
			fprintf(out, "\\x%02x", (unsigned char)bytes[at]);
	}
}

void visible_puts(FILE *out, const char *string)
{
	visible_put(out, string, strlen(string));
}
