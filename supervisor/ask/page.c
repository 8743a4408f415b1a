#include "supervisor/ask/page.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "policy/scope.h"
#include "supervisor/utf8.h"

enum {
	LABEL = 9,	/* columns of a label */
	VALUE_ROWS = 3, /* of one value, at most */
};

static const char *const styles[] = {
	[PAGE_PLAIN] = "",
	[PAGE_STRONG] = "\x1b[1m",
	[PAGE_WEAK] = "\x1b[2m",
	[PAGE_HEADING] = "\x1b[7m",
};

void page_begin(struct page *page)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *value = NULL;

	for (size_t i = 0; i < 3 && !(value && *value); i++)
		value = getenv(names[i]);
	page->utf8 = value &&
		     (strcasestr(value, "utf-8") || strcasestr(value, "utf8"));
	const char *none = getenv("NO_COLOR");

	page->colour = !page->lines && !(none && *none);
}

/* ----------------------------------------------------------------- width -- */

/* The columns of a character, by the C library's table. */
static int width_of(uint32_t character)
{
	static locale_t utf8;

	if (character < 0x7f)
		return 1;
	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return 1;
	locale_t before = uselocale(utf8);
	int width = wcwidth((wchar_t)character);

	uselocale(before);
	return width;
}

void page_shown(struct text *text, const char *bytes)
{
	size_t length = strlen(bytes);

	while (length > 0) {
		uint32_t character;
		size_t n = utf8_decode(bytes, length, &character);

		/* What takes no column of its own could stand for something
		 * else, too. */
		if (n && !utf8_deceives(character) && width_of(character) > 0) {
			text_add(text, bytes, n);
		} else {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				text_format(text, "\\x%02x",
					    (unsigned char)bytes[i]);
		}
		bytes += n;
		length -= n;
	}
}

/* The length in bytes of what fits in so many columns. */
static size_t fitting(const char *bytes, size_t columns)
{
	size_t length = strlen(bytes), at = 0, used = 0;

	while (at < length) {
		uint32_t character;
		size_t n = utf8_decode(bytes + at, length - at, &character);
		int width = n ? width_of(character) : 1;

		used += width > 0 ? (size_t)width : 0;
		if (used > columns)
			break;
		at += n ? n : 1;
	}
	return at;
}

static size_t character_length(const char *bytes)
{
	uint32_t character;
	size_t n = utf8_decode(bytes, strlen(bytes), &character);

	return n ? n : 1;
}

size_t page_columns(const char *bytes)
{
	size_t length = strlen(bytes), used = 0;

	while (length > 0) {
		uint32_t character;
		size_t n = utf8_decode(bytes, length, &character);
		int width = n ? width_of(character) : 1;

		used += width > 0 ? (size_t)width : 0;
		bytes += n ? n : 1;
		length -= n ? n : 1;
	}
	return used;
}

/* ------------------------------------------------------------------ rows -- */

static unsigned indent_of(const struct page *page)
{
	return page->columns >= 60 || page->lines ? 3 : 1;
}

unsigned page_width(const struct page *page)
{
	unsigned margin = indent_of(page) + LABEL;

	return page->columns > margin + 8 ? page->columns - margin - 1 : 8;
}

bool page_room(const struct page *page)
{
	return page->lines || page->row <= page->rows;
}

static void begin_row(struct page *page)
{
	if (!page->lines)
		text_format(&page->text, "\x1b[%u;1H", page->row);
}

static void end_row(struct page *page)
{
	if (page->lines)
		text_add_string(&page->text, "\r\n");
	page->row++;
}

static void styled(struct page *page, enum page_style style, const char *bytes,
		   size_t length)
{
	bool marked = page->colour && style != PAGE_PLAIN;

	if (marked)
		text_add_string(&page->text, styles[style]);
	text_add(&page->text, bytes, length);
	if (marked)
		text_add_string(&page->text, "\x1b[0m");
}

void page_value(struct page *page, const char *label, const char *value,
		enum page_style style)
{
	size_t width = page_width(page);
	struct text made = {0};
	auto_free char *shown = NULL;
	char head[32];

	text_add_string(&made, "");
	page_shown(&made, value);
	if (text_finish(&made, &shown) || !shown)
		return;
	const char *at = shown;

	for (unsigned row = 0; page_room(page) && (row == 0 || *at); row++) {
		bool last = !page->lines &&
			    (row == VALUE_ROWS - 1 || page->row == page->rows);
		size_t length = page->lines ? strlen(at) : fitting(at, width);
		bool cut = last && at[length] != '\0';

		/* The end says more than the middle. */
		while (cut && page_columns(at) > width - 3)
			at += character_length(at);
		if (cut || (length == 0 && *at))
			length = strlen(at);
		snprintf(head, sizeof(head), "%*s%-*s", (int)indent_of(page),
			 "", LABEL, row == 0 ? label : "");
		begin_row(page);
		styled(page, PAGE_WEAK, head, strlen(head));
		if (cut)
			text_add_string(&page->text, "...");
		styled(page, style, at, length);
		end_row(page);
		at += length;
	}
}

void page_line(struct page *page, const char *line, enum page_style style)
{
	size_t length =
		page->lines ? strlen(line) : fitting(line, page->columns);
	const char *end = line + length;

	if (!page_room(page))
		return;
	begin_row(page);
	while (style == PAGE_PLAIN && line < end) {
		const char *open = memchr(line, '[', (size_t)(end - line));
		const char *close =
			open ? memchr(open, ']', (size_t)(end - open)) : NULL;

		if (!close)
			break;
		styled(page, PAGE_PLAIN, line, (size_t)(open - line));
		styled(page, PAGE_STRONG, open, (size_t)(close - open) + 1);
		line = close + 1;
	}
	styled(page, style, line, (size_t)(end - line));
	end_row(page);
}

void page_put(struct page *page, int terminal)
{
	auto_free char *bytes = NULL;
	size_t length = page->text.length, at = 0;

	if (text_finish(&page->text, &bytes) || !bytes)
		return;
	while (at < length) {
		ssize_t put = write(terminal, bytes + at, length - at);

		if (put <= 0)
			break;
		at += (size_t)put;
	}
}
