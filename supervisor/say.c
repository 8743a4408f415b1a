#include "supervisor/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/utf8.h"

void say(const char *format, ...)
{
	static const char digits[] = "0123456789abcdef";
	char text[2048], line[sizeof(text) * 4 + 32];
	size_t used = (size_t)snprintf(line, sizeof(line), "interpose: ");
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	for (const char *from = text; *from;) {
		uint32_t character;
		size_t width = utf8_decode(from, strlen(from), &character);

		if (width && !utf8_deceives(character)) {
			memcpy(line + used, from, width);
			used += width;
			from += width;
			continue;
		}
		/* Byte by byte: C1 controls are two, and terminals obey them.
		 */
		for (size_t i = 0; i < (width ? width : 1); i++, from++) {
			unsigned char c = (unsigned char)*from;

			line[used++] = '\\';
			line[used++] = 'x';
			line[used++] = digits[c >> 4];
			line[used++] = digits[c & 15];
		}
	}
	line[used++] = '\n';
	/* One write: lines of several processes do not mix. */
	(void)!write(STDERR_FILENO, line, used);
}
