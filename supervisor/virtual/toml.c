#include "supervisor/virtual/toml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/look.h"
#include "supervisor/virtual/scan.h"

#define DEPTH_MAX 64

struct reader {
	struct marks *marks;
	const char *text;
	size_t at, length;
	unsigned depth;
};

static int read_value(struct reader *reader, enum key_kind kind);

static char peek(const struct reader *reader)
{
	return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static bool is_at(const struct reader *reader, const char *word)
{
	size_t size = strlen(word);

	return reader->length - reader->at >= size &&
	       memcmp(reader->text + reader->at, word, size) == 0;
}

static size_t line_end(const struct reader *reader)
{
	const char *end = memchr(reader->text + reader->at, '\n',
				 reader->length - reader->at);

	return end ? (size_t)(end - reader->text) : reader->length;
}

/* Blanks, and where `lines` is set also ends of lines and comments. */
static void skip(struct reader *reader, bool lines)
{
	for (;; reader->at++) {
		char c = peek(reader);

		if (lines && c == '#') {
			size_t end = line_end(reader);

			scan_text(reader->marks, reader->text, reader->at, end);
			reader->at = end;
			c = peek(reader);
		}
		if (c != ' ' && c != '\t' && c != '\r' && !(lines && c == '\n'))
			return;
	}
}

/* A string of any of the four kinds; the range is what is inside. */
static int read_string(struct reader *reader, size_t *from, size_t *to)
{
	char quote = peek(reader);
	size_t size = is_at(reader, "\"\"\"") || is_at(reader, "'''") ? 3 : 1;

	reader->at += size;
	*from = reader->at;
	for (; reader->at < reader->length; reader->at++) {
		const char *text = reader->text + reader->at;

		if (*text == '\\' && quote == '"') {
			reader->at++;
			continue;
		}
		if (*text == '\n' && size == 1)
			return -EINVAL;
		if (*text != quote)
			continue;
		if (size == 3 && (reader->length - reader->at < 3 ||
				  text[1] != quote || text[2] != quote))
			continue;
		*to = reader->at;
		reader->at += size;
		return 0;
	}
	return -EINVAL;
}

/* `a."b c".d`, up to its end; the kind is that of its names together. */
static int read_key(struct reader *reader, enum key_kind container,
		    enum key_kind *kind)
{
	size_t from, to;
	int error;

	*kind = container;
	for (;;) {
		skip(reader, false);
		from = reader->at;
		if (peek(reader) == '"' || peek(reader) == '\'') {
			error = read_string(reader, &from, &to);
			if (error)
				return error;
			/* An escape may spell out any letter. */
			if (memchr(reader->text + from, '\\', to - from))
				return -EINVAL;
		} else {
			while (isalnum((unsigned char)peek(reader)) ||
			       peek(reader) == '_' || peek(reader) == '-')
				reader->at++;
			to = reader->at;
			if (to == from)
				return -EINVAL;
		}
		scan_text(reader->marks, reader->text, from, to);
		*kind = look_key_in(*kind, reader->text + from, to - from);
		skip(reader, false);
		if (peek(reader) != '.')
			return 0;
		reader->at++;
	}
}

static int read_assignment(struct reader *reader, enum key_kind container)
{
	enum key_kind kind;
	int error = read_key(reader, container, &kind);

	if (error)
		return error;
	if (peek(reader) != '=')
		return -EINVAL;
	reader->at++;
	skip(reader, false);
	return read_value(reader, kind);
}

static int read_list(struct reader *reader, enum key_kind kind, char end)
{
	reader->at++;
	for (;;) {
		int error;

		skip(reader, true);
		if (peek(reader) == end) {
			reader->at++;
			return 0;
		}
		error = end == '}' ? read_assignment(reader, kind)
				   : read_value(reader, kind);
		if (error)
			return error;
		skip(reader, true);
		if (peek(reader) == ',')
			reader->at++;
		else if (peek(reader) != end)
			return -EINVAL;
	}
}

/* A number, a date or a constant; words without quotes are not TOML. */
static int read_bare(struct reader *reader, enum key_kind kind)
{
	const char *text = reader->text + reader->at;
	size_t from = reader->at, size;

	while (isalnum((unsigned char)peek(reader)) ||
	       (peek(reader) && strchr("+-._: ", peek(reader))))
		reader->at++;
	while (reader->at > from && reader->text[reader->at - 1] == ' ')
		reader->at--;
	size = reader->at - from;
	if (look_is_constant(text, size) ||
	    (size == 3 && memcmp(text, "inf", 3) == 0))
		return 0;
	if (!size || !(isdigit((unsigned char)text[0]) ||
		       (size > 1 && strchr("+-", text[0]))))
		return -EINVAL;
	scan_value(reader->marks, reader->text, from, reader->at, kind);
	return 0;
}

static int read_value(struct reader *reader, enum key_kind kind)
{
	size_t from, to;
	char c = peek(reader);
	int error;

	if (c == '"' || c == '\'') {
		error = read_string(reader, &from, &to);
		if (!error)
			scan_value(reader->marks, reader->text, from, to, kind);
		return error;
	}
	if (c != '[' && c != '{')
		return read_bare(reader, kind);
	if (reader->depth == DEPTH_MAX)
		return -EINVAL;
	reader->depth++;
	error = read_list(reader, kind, c == '[' ? ']' : '}');
	reader->depth--;
	return error;
}

/* `[a.b]` and `[[a.b]]`: all of its names count. */
static int read_header(struct reader *reader, enum key_kind *section)
{
	bool twice = is_at(reader, "[[");
	int error;

	reader->at += twice ? 2 : 1;
	error = read_key(reader, KEY_PLAIN, section);
	if (error)
		return error;
	if (!is_at(reader, twice ? "]]" : "]"))
		return -EINVAL;
	reader->at += twice ? 2 : 1;
	return 0;
}

int toml_mark(struct marks *marks, const char *text, size_t length)
{
	struct reader reader = {
		.marks = marks,
		.text = text,
		.length = length,
	};
	enum key_kind section = KEY_PLAIN;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		reader.at = 3;
	for (;;) {
		int error;

		skip(&reader, true);
		if (reader.at >= length)
			return 0;
		error = peek(&reader) == '['
				? read_header(&reader, &section)
				: read_assignment(&reader, section);
		if (error)
			return error;
		skip(&reader, false);
		if (reader.at < length && peek(&reader) != '\n' &&
		    peek(&reader) != '#')
			return -EINVAL;
	}
}
