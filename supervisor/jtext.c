/*
 * jansson refuses lone surrogates. So before it sees the text, \udcXX becomes
 * two characters: a mark, and the character U+0100 + XX. A mark that stands in
 * the text itself is doubled. jtext_bytes() undoes both.
 */
#include "supervisor/jtext.h"

#include "policy/scope.h"
#include "supervisor/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* U+FDD0, which Unicode has set aside for a program's own use. */
static const char mark[] = "\xef\xb7\x90";
enum { MARK = 3 };

/* -------------------------------------------------------------- writing -- */

void jtext_put(struct jtext *text, const char *bytes, size_t length)
{
	if (length > text->size - text->length) {
		text->full = true;
		return;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void jtext_puts(struct jtext *text, const char *string)
{
	jtext_put(text, string, strlen(string));
}

void jtext_putf(struct jtext *text, const char *format, ...)
{
	char bytes[128];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(bytes, sizeof(bytes), format, list);
	va_end(list);
	if (length < 0 || (size_t)length >= sizeof(bytes))
		text->full = true;
	else
		jtext_put(text, bytes, (size_t)length);
}

void jtext_escaped(struct jtext *text, const char *bytes, size_t length)
{
	size_t plain = 0, at = 0;

	while (at < length) {
		uint32_t c = 0;
		size_t width = utf8_decode(bytes + at, length - at, &c);

		if (width && c != '"' && c != '\\' && !utf8_deceives(c)) {
			at += width;
			continue;
		}
		jtext_put(text, bytes + plain, at - plain);
		if (!width) {
			c = 0xdc00 | (unsigned char)bytes[at];
			width = 1;
		}
		if (c == '"' || c == '\\')
			jtext_putf(text, "\\%c", (char)c);
		else if (c < 0x10000)
			jtext_putf(text, "\\u%04" PRIx32, c);
		else
			jtext_putf(text, "\\u%04" PRIx32 "\\u%04" PRIx32,
				   0xd800 + ((c - 0x10000) >> 10),
				   0xdc00 + ((c - 0x10000) & 0x3ff));
		at += width;
		plain = at;
	}
	jtext_put(text, bytes + plain, at - plain);
}

void jtext_time(struct jtext *text, const struct timespec *time)
{
	struct tm tm;

	if (!gmtime_r(&time->tv_sec, &tm)) {
		text->full = true;
		return;
	}
	jtext_putf(text, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ",
		   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		   tm.tm_min, tm.tm_sec, time->tv_nsec);
}

/* -------------------------------------------------------------- reading -- */

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that a \udcXX at `text` stands for, or -1. */
static int escaped_byte(const char *text, size_t length)
{
	int high, low;

	if (length < 6 || text[1] != 'u' || strncasecmp(text, "\\udc", 4) != 0)
		return -1;
	high = digit(text[4]);
	low = digit(text[5]);
	return high >= 8 && low >= 0 ? high << 4 | low : -1;
}

/* Is the escape at `text` the first half of a pair, so that \udcXX follows? */
static bool is_pair(const char *text, size_t length)
{
	return length >= 12 && strncasecmp(text, "\\ud", 3) == 0 &&
	       digit(text[3]) >= 8 && digit(text[3]) <= 0xb &&
	       escaped_byte(text + 6, length - 6) >= 0;
}

/* Mark the bytes for jansson; `out` has room for twice the text. */
static size_t mark_bytes(const char *text, size_t length, char *out)
{
	size_t done = 0, at = 0;

	while (at < length) {
		size_t width = 1;
		int byte = escaped_byte(text + at, length - at);

		if (byte >= 0) {
			memcpy(out + done, mark, MARK);
			done += MARK;
			done += utf8_encode(0x100 + (uint32_t)byte, out + done);
			at += 6;
			continue;
		}
		if (length - at >= MARK && !memcmp(text + at, mark, MARK)) {
			memcpy(out + done, mark, MARK);
			done += MARK;
			width = MARK;
		} else if (text[at] == '\\') {
			width = is_pair(text + at, length - at) ? 12 : 2;
		}
		if (width > length - at)
			width = length - at;
		memcpy(out + done, text + at, width);
		done += width;
		at += width;
	}
	return done;
}

/* Is there nothing to be marked? As nearly always. */
static bool is_plain(const char *text, size_t length)
{
	return !memchr(text, '\\', length) &&
	       !memchr(text, (unsigned char)mark[0], length);
}

int jtext_load(const char *text, size_t length, json_t **value)
{
	auto_free char *marked = NULL;
	json_error_t error;

	if (!is_plain(text, length)) {
		marked = malloc(2 * length + 1);
		if (!marked)
			return -ENOMEM;
		length = mark_bytes(text, length, marked);
		text = marked;
	}
	*value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (*value)
		return 0;
	return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
								   : -EINVAL;
}

size_t jtext_bytes(const json_t *string, char *out)
{
	const char *text = json_string_value(string);
	size_t length = json_string_length(string), done = 0, at = 0;

	if (!memchr(text, (unsigned char)mark[0], length)) {
		memcpy(out, text, length + 1);
		return length;
	}
	while (at < length) {
		uint32_t c = 0;
		size_t width;

		if (length - at <= MARK || memcmp(text + at, mark, MARK) != 0) {
			out[done++] = text[at++];
			continue;
		}
		at += MARK;
		width = utf8_decode(text + at, length - at, &c);
		if (c >= 0x180 && c <= 0x1ff) {
			out[done++] = (char)(c & 0xff);
		} else {
			memcpy(out + done, text + at, width);
			done += width;
		}
		at += width;
	}
	out[done] = '\0';
	return done;
}
