#include "supervisor/virtual/dotenv.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/lines.h"
#include "supervisor/virtual/look.h"
#include "supervisor/virtual/scan.h"
#include "supervisor/virtual/shape.h"

/* Longer than any name of a variable that is not a value gone astray. */
#define NAME_MAX_LENGTH 64

struct reader {
	struct marks *marks;
	const char *text;
	size_t length;
};

/* The end of a variable's name that begins here. */
static size_t name_end(const char *text, size_t from, size_t to)
{
	size_t at = from;

	if (at < to && isdigit((unsigned char)text[at]))
		return from;
	while (at < to && text[at] &&
	       (isalnum((unsigned char)text[at]) || strchr("_.-", text[at])))
		at++;
	if (at - from > NAME_MAX_LENGTH || look_word(text + from, at - from))
		return from;
	return at;
}

static size_t skip_export(const char *text, size_t from, size_t to)
{
	if (to - from > 7 && memcmp(text + from, "export", 6) == 0 &&
	    (text[from + 6] == ' ' || text[from + 6] == '\t'))
		return line_skip(text, from + 6, to);
	return from;
}

/* A comment may hold a line that was commented out. */
static void mark_comment(const struct reader *reader, size_t from, size_t to)
{
	const char *text = reader->text;
	size_t at = from, end;

	while (at < to &&
	       (text[at] == '#' || text[at] == ' ' || text[at] == '\t'))
		at++;
	at = skip_export(text, at, to);
	end = name_end(text, at, to);
	if (end > at && end < to && text[end] == '=' &&
	    (isupper((unsigned char)text[at]) ||
	     look_key(text + at, end - at) == KEY_SECRET))
		scan_everything(reader->marks, text, end + 1, to);
	else
		scan_text(reader->marks, text, from, to);
}

/* What stands behind a closing quote. */
static void mark_rest(const struct reader *reader, size_t from, size_t to)
{
	size_t at = line_skip(reader->text, from, to);

	if (at < to && reader->text[at] == '#')
		mark_comment(reader, at, to);
	else
		scan_everything(reader->marks, reader->text, at, to);
}

/* The closing quote of a value that may go over lines; `length` if none. */
static size_t closing_quote(const struct reader *reader, size_t at)
{
	char quote = reader->text[at];

	for (at++; at < reader->length; at++) {
		if (reader->text[at] == quote)
			return at;
		if (reader->text[at] == '\\' && quote == '"')
			at++;
	}
	return reader->length;
}

/* Without quotes: to the comment. A PEM block goes on to its end. */
static size_t mark_bare(const struct reader *reader, size_t from,
			struct line line)
{
	const char *text = reader->text;
	size_t end = from;
	const char *armour;

	if (shape_armour(text + from, reader->length - from)) {
		armour = memmem(text + from, reader->length - from, "-----END ",
				9);
		if (armour) {
			size_t at = (size_t)(armour - text);

			end = at + shape_armour(armour, reader->length - at);
			marks_add(reader->marks, from, end);
			line_at(text, reader->length, end, &line);
			mark_rest(reader, end, line.to);
			return end < reader->length ? line.next
						    : reader->length;
		}
	}
	while (end < line.to &&
	       !(text[end] == '#' && end > from &&
		 (text[end - 1] == ' ' || text[end - 1] == '\t')))
		end++;
	marks_add(reader->marks, from, line_trim(text, from, end));
	if (end < line.to)
		mark_comment(reader, end, line.to);
	return line.next;
}

static size_t mark_value(const struct reader *reader, size_t from,
			 struct line line)
{
	const char *text = reader->text;
	size_t end;

	if (from == line.to)
		return line.next;
	if (text[from] == '#' && text[from - 1] != '=') {
		mark_comment(reader, from, line.to);
		return line.next;
	}
	if (!strchr("\"'`", text[from]))
		return mark_bare(reader, from, line);
	end = closing_quote(reader, from);
	if (end == reader->length) {
		/* It never closes: some take the line, some the whole rest. */
		scan_everything(reader->marks, text, from, line.to);
		return line.next;
	}
	marks_add(reader->marks, from + 1, end);
	line_at(text, reader->length, end, &line);
	mark_rest(reader, end + 1, line.to);
	return line.next;
}

/* A line of one word may name a variable, or be a piece of a value. */
static bool is_lone_name(const char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (!isupper((unsigned char)text[i]) && text[i] != '_')
			return false;
	}
	return to > from && to - from <= 32;
}

static size_t mark_line(const struct reader *reader, struct line line)
{
	const char *text = reader->text;
	size_t from = line_skip(text, line.from, line.to);
	size_t end, at;

	if (from == line.to)
		return line.next;
	if (text[from] == '#') {
		mark_comment(reader, from, line.to);
		return line.next;
	}
	from = skip_export(text, from, line.to);
	end = name_end(text, from, line.to);
	at = line_skip(text, end, line.to);
	if (end > from && at < line.to && (text[at] == '=' || text[at] == ':'))
		return mark_value(reader, line_skip(text, at + 1, line.to),
				  line);
	if (!is_lone_name(text, from, line_trim(text, from, line.to)))
		scan_everything(reader->marks, text, from, line.to);
	return line.next;
}

void dotenv_mark(struct marks *marks, const char *text, size_t length)
{
	struct reader reader = {marks, text, length};
	struct line line = {0};

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		line.next = 3;
	while (line_at(text, length, line.next, &line))
		line.next = mark_line(&reader, line);
}
