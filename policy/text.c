#include "policy/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/deceives.h"
#include "policy/scope.h"

static bool text_reserve(struct text *text, size_t more)
{
	size_t wanted = text->capacity ? text->capacity : 64;
	char *grown;

	if (text->failed)
		return false;
	if (more < text->capacity - text->length)
		return true;
	while (wanted - text->length <= more) {
		if (wanted > SIZE_MAX / 2) {
			text->failed = true;
			return false;
		}
		wanted *= 2;
	}
	grown = realloc(text->data, wanted);
	if (!grown) {
		text->failed = true;
		return false;
	}
	text->data = grown;
	text->capacity = wanted;
	return true;
}

void text_add(struct text *text, const char *bytes, size_t length)
{
	if (!text_reserve(text, length))
		return;
	if (length)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_byte(struct text *text, char byte)
{
	text_add(text, &byte, 1);
}

void text_format(struct text *text, const char *format, ...)
{
	auto_free char *formatted = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&formatted, format, arguments);
	va_end(arguments);
	if (length < 0) {
		formatted = NULL;
		text->failed = true;
		return;
	}
	text_add(text, formatted, (size_t)length);
}

/** How a character starts: its length, its own bits, the least it may be. */
static size_t utf8_start(unsigned char first, uint32_t *code, uint32_t *least)
{
	if (first >= 0xc2 && first <= 0xdf) {
		*code = first & 0x1fu;
		*least = 0x80;
		return 2;
	}
	if (first >= 0xe0 && first <= 0xef) {
		*code = first & 0x0fu;
		*least = 0x800;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*code = first & 0x07u;
		*least = 0x10000;
		return 4;
	}
	return 0;
}

/* The length of a character, and its number; 0 where there is none. */
static size_t utf8_code(const unsigned char *bytes, size_t length,
			uint32_t *code)
{
	uint32_t least;
	size_t need;

	if (length == 0)
		return 0;
	*code = bytes[0];
	if (bytes[0] < 0x80)
		return 1;
	need = utf8_start(bytes[0], code, &least);
	if (need == 0 || need > length)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3fu);
	}
	if (*code < least || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return need;
}

size_t utf8_length(const unsigned char *bytes, size_t length)
{
	uint32_t code;

	return utf8_code(bytes, length, &code);
}

size_t text_add_shown(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	size_t columns = 0;

	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t n = utf8_code(at + i, length - i, &code);

		if (at[i] == '\t') {
			text_add_byte(text, ' ');
			columns++;
			i++;
		} else if (n == 0 || deceives(code)) {
			for (size_t end = i + (n ? n : 1); i < end; i++) {
				text_format(text, "\\x%02x", at[i]);
				columns += 4;
			}
		} else {
			text_add(text, bytes + i, n);
			columns++;
			i += n;
		}
	}
	return columns;
}

/* One character that JSON does not want as it is, or that deceives. */
static void add_escaped(struct text *text, uint32_t code)
{
	if (code > 0xffff) {
		code -= 0x10000;
		text_format(text, "\\u%04x", 0xd800 | code >> 10);
		code = 0xdc00 | (code & 0x3ff);
	}
	text_format(text, "\\u%04x", code);
}

void text_add_json(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;

	text_add_byte(text, '"');
	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t n = utf8_code(at + i, length - i, &code);

		if (n == 0) {
			text_format(text, "\\udc%02x", at[i]);
			i++;
			continue;
		}
		if (code == '"' || code == '\\') {
			text_add_byte(text, '\\');
			text_add(text, bytes + i, 1);
		} else if (deceives(code)) {
			add_escaped(text, code);
		} else {
			text_add(text, bytes + i, n);
		}
		i += n;
	}
	text_add_byte(text, '"');
}

int text_finish(struct text *text, char **string)
{
	int error = 0;

	if (!text->data)
		text_add(text, "", 0);
	if (text->failed) {
		free(text->data);
		error = -ENOMEM;
	} else {
		*string = text->data;
	}
	*text = (struct text){0};
	return error;
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}
