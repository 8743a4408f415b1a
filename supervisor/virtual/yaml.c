#include "supervisor/virtual/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/lines.h"
#include "supervisor/virtual/look.h"
#include "supervisor/virtual/scan.h"

#define DEPTH_MAX 64

/* A key, or the dash of a list, that what is indented further belongs to. */
struct level {
	size_t column;
	enum key_kind kind;
	bool dash;
	bool pair; /* its mapping has `name: PASSWORD`; then `value` is one */
};

struct reader {
	struct marks *marks;
	const char *text;
	size_t length;
	size_t next; /* where the next line begins */
	struct level levels[DEPTH_MAX];
	unsigned depth;
	bool in_block; /* in a block scalar, which is indented further than */
	long block_column;
	enum key_kind block_kind;
	bool in_secret; /* a document of Kubernetes that is one */
};

static int read_flow(struct reader *reader, size_t *at, enum key_kind kind,
		     unsigned depth);

/* Does white space, or the end of the line, come here? */
static bool is_gap(const struct reader *reader, size_t at, size_t to)
{
	return at >= to || reader->text[at] == ' ' || reader->text[at] == '\t';
}

/* The closing quote; -EINVAL where there is none. */
static int find_quote(const struct reader *reader, size_t at, size_t *end)
{
	char quote = reader->text[at];

	for (at++; at < reader->length; at++) {
		char c = reader->text[at];

		if (c == '\\' && quote == '"') {
			at++;
		} else if (c == quote) {
			/* Two single quotes are one. */
			if (quote == '"' || at + 1 >= reader->length ||
			    reader->text[at + 1] != quote) {
				*end = at;
				return 0;
			}
			at++;
		}
	}
	return -EINVAL;
}

/* Where the comment of a line begins, or its end. */
static size_t find_comment(const struct reader *reader, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++) {
		if (reader->text[at] == '#' &&
		    (at == from || is_gap(reader, at - 1, to)))
			return at;
	}
	return to;
}

/* Anchors and tags before a value. */
static size_t skip_properties(const struct reader *reader, size_t at, size_t to)
{
	at = line_skip(reader->text, at, to);
	while (at < to &&
	       (reader->text[at] == '&' || reader->text[at] == '!')) {
		while (!is_gap(reader, at, to))
			at++;
		at = line_skip(reader->text, at, to);
	}
	return at;
}

static enum key_kind kind_in(const struct reader *reader, size_t from,
			     size_t to, enum key_kind container)
{
	const char *key = reader->text + from;

	if (reader->in_secret && to - from == 4 && memcmp(key, "data", 4) == 0)
		return KEY_SECRET;
	return look_key_in(container, key, to - from);
}

/* -------------------------------------------------------- flow style -- */

/* Blanks, ends of lines and comments inside a flow collection. */
static size_t skip_flow(struct reader *reader, size_t at)
{
	while (at < reader->length) {
		char c = reader->text[at];

		if (c == '#' && at && is_gap(reader, at - 1, at)) {
			size_t from = at;

			while (at < reader->length && reader->text[at] != '\n')
				at++;
			scan_text(reader->marks, reader->text, from, at);
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			at++;
		} else {
			break;
		}
	}
	return at;
}

/* One scalar; the range is its content, without quotes. */
static int read_flow_scalar(struct reader *reader, size_t *at, size_t *from,
			    size_t *to)
{
	const char *text = reader->text;
	int error;

	if (*at < reader->length && (text[*at] == '"' || text[*at] == '\'')) {
		*from = *at + 1;
		error = find_quote(reader, *at, to);
		*at = *to + 1;
		return error;
	}
	*from = *at;
	while (*at < reader->length && text[*at] &&
	       !strchr(",[]{}", text[*at])) {
		if (text[*at] == ':' && (*at + 1 >= reader->length ||
					 strchr(" \t\r\n,[]{}", text[*at + 1])))
			break;
		++*at;
	}
	*to = *at;
	while (*to > *from && isspace((unsigned char)text[*to - 1]))
		--*to;
	return 0;
}

static int read_flow_entry(struct reader *reader, size_t *at,
			   enum key_kind kind, unsigned depth)
{
	size_t from = 0, to = 0;
	enum key_kind of_key;
	int error;

	if (reader->text[*at] == '{' || reader->text[*at] == '[')
		return read_flow(reader, at, kind, depth + 1);
	error = read_flow_scalar(reader, at, &from, &to);
	if (error)
		return error;
	*at = skip_flow(reader, *at);
	if (*at >= reader->length || reader->text[*at] != ':') {
		scan_value(reader->marks, reader->text, from, to, kind);
		return 0;
	}
	if (memchr(reader->text + from, '\\', to - from))
		return -EINVAL;
	scan_text(reader->marks, reader->text, from, to);
	of_key = kind_in(reader, from, to, kind);
	*at = skip_flow(reader, *at + 1);
	if (*at >= reader->length)
		return -EINVAL;
	if (reader->text[*at] == '{' || reader->text[*at] == '[')
		return read_flow(reader, at, of_key, depth + 1);
	error = read_flow_scalar(reader, at, &from, &to);
	if (!error)
		scan_value(reader->marks, reader->text, from, to, of_key);
	return error;
}

static int read_flow(struct reader *reader, size_t *at, enum key_kind kind,
		     unsigned depth)
{
	char end = reader->text[*at] == '{' ? '}' : ']';

	if (depth >= DEPTH_MAX)
		return -EINVAL;
	++*at;
	for (;;) {
		int error;

		*at = skip_flow(reader, *at);
		if (*at >= reader->length)
			return -EINVAL;
		if (reader->text[*at] == end) {
			++*at;
			return 0;
		}
		error = read_flow_entry(reader, at, kind, depth);
		if (error)
			return error;
		*at = skip_flow(reader, *at);
		if (*at >= reader->length)
			return -EINVAL;
		if (reader->text[*at] == ',')
			++*at;
		else if (reader->text[*at] != end)
			return -EINVAL;
	}
}

/* ------------------------------------------------------- block style -- */

static int push(struct reader *reader, struct level level)
{
	if (reader->depth == DEPTH_MAX)
		return -EINVAL;
	reader->levels[reader->depth++] = level;
	return 0;
}

static enum key_kind container_kind(const struct reader *reader)
{
	return reader->depth ? reader->levels[reader->depth - 1].kind
			     : KEY_PLAIN;
}

static void begin_block(struct reader *reader, enum key_kind kind)
{
	reader->in_block = true;
	reader->block_kind = kind;
	reader->block_column =
		reader->depth ? (long)reader->levels[reader->depth - 1].column
			      : -1;
}

/* After a value that may have gone over lines: the rest of its last line. */
static void end_value(struct reader *reader, size_t at)
{
	struct line line;
	size_t comment;

	if (!line_at(reader->text, reader->length, at, &line)) {
		reader->next = reader->length;
		return;
	}
	comment = find_comment(reader, at, line.to);
	scan_everything(reader->marks, reader->text, at, comment);
	scan_text(reader->marks, reader->text, comment, line.to);
	reader->next = line.next;
}

/* A value that begins here. */
static int read_node(struct reader *reader, size_t at, size_t to,
		     enum key_kind kind)
{
	const char *text = reader->text;
	size_t end;
	int error;

	at = skip_properties(reader, at, to);
	if (at >= to)
		return 0;
	if (text[at] == '|' || text[at] == '>') {
		begin_block(reader, kind);
		return 0;
	}
	if (text[at] == '"' || text[at] == '\'') {
		error = find_quote(reader, at, &end);
		if (error)
			return error;
		scan_value(reader->marks, text, at + 1, end, kind);
		end_value(reader, end + 1);
		return 0;
	}
	if (text[at] == '{' || text[at] == '[') {
		error = read_flow(reader, &at, kind, 0);
		if (!error)
			end_value(reader, at);
		return error;
	}
	end = find_comment(reader, at, to);
	scan_value(reader->marks, text, at, line_trim(text, at, end), kind);
	scan_text(reader->marks, text, end, to);
	return 0;
}

/*
 * The key that begins here: its range and the place after its colon. False
 * where there is none.
 */
static bool find_key(const struct reader *reader, size_t at, size_t to,
		     size_t *from, size_t *end, size_t *after)
{
	const char *text = reader->text;

	if (text[at] == '"' || text[at] == '\'') {
		if (find_quote(reader, at, end) || *end >= to)
			return false;
		*from = at + 1;
		at = line_skip(text, *end + 1, to);
		*after = at + 1;
		return at < to && text[at] == ':' && is_gap(reader, at + 1, to);
	}
	if (strchr("{[|>#*", text[at]))
		return false;
	*from = at;
	for (; at < to; at++) {
		if (text[at] == ':' && is_gap(reader, at + 1, to)) {
			*end = line_trim(text, *from, at);
			*after = at + 1;
			return *end > *from;
		}
		if (text[at] == '#' && is_gap(reader, at - 1, to))
			return false;
	}
	return false;
}

static bool is_word(const char *text, size_t from, size_t to, const char *word)
{
	return to - from == strlen(word) &&
	       memcmp(text + from, word, to - from) == 0;
}

static int read_key(struct reader *reader, size_t column, size_t from,
		    size_t end, size_t at, size_t to)
{
	const char *text = reader->text;
	enum key_kind kind;
	struct level level = {.column = column};
	struct level *mapping =
		reader->depth ? &reader->levels[reader->depth - 1] : NULL;
	size_t value = line_skip(text, at, to);

	/* An escape may spell out any letter of a name. */
	if (memchr(text + from, '\\', end - from))
		return -EINVAL;
	scan_text(reader->marks, text, from, end);
	kind = kind_in(reader, from, end, mapping ? mapping->kind : KEY_PLAIN);
	if (mapping && is_word(text, from, end, "name"))
		mapping->pair =
			look_key(text + value, to - value) == KEY_SECRET;
	if (mapping && mapping->pair && is_word(text, from, end, "value"))
		kind = KEY_SECRET;
	level.kind = kind;
	if (push(reader, level))
		return -EINVAL;
	return read_node(reader, at, to, kind);
}

/* What stands on a line after its indentation and dashes. */
static int read_content(struct reader *reader, size_t column, size_t at,
			size_t to)
{
	size_t from, end, after, start = skip_properties(reader, at, to);

	if (start >= to)
		return 0;
	if (reader->text[start] == '?' && is_gap(reader, start + 1, to))
		return -EINVAL;
	if (find_key(reader, start, to, &from, &end, &after))
		return read_key(reader, column, from, end, after, to);
	return read_node(reader, at, to, container_kind(reader));
}

static void pop_levels(struct reader *reader, size_t column, bool dash)
{
	while (reader->depth) {
		const struct level *top = &reader->levels[reader->depth - 1];

		/* A list may stand as far left as the key it belongs to. */
		if (top->column < column ||
		    (top->column == column && dash && !top->dash))
			return;
		reader->depth--;
	}
}

static bool is_marker(const struct reader *reader, const struct line *line,
		      const char *marker)
{
	return line->to - line->from >= 3 &&
	       memcmp(reader->text + line->from, marker, 3) == 0 &&
	       is_gap(reader, line->from + 3, line->to);
}

static int read_line(struct reader *reader, struct line line)
{
	const char *text = reader->text;
	size_t at = line.from;

	if (is_marker(reader, &line, "---") ||
	    is_marker(reader, &line, "...")) {
		reader->depth = 0;
		at += 3;
	}
	for (;;) {
		bool dash;

		while (at < line.to && text[at] == ' ')
			at++;
		if (at == line.to)
			return 0;
		if (text[at] == '\t')
			return -EINVAL;
		dash = text[at] == '-' && is_gap(reader, at + 1, line.to);
		pop_levels(reader, at - line.from, dash);
		if (!dash)
			break;
		if (push(reader, (struct level){.column = at - line.from,
						.kind = container_kind(reader),
						.dash = true}))
			return -EINVAL;
		at++;
	}
	return read_content(reader, at - line.from, at, line.to);
}

/* A line of a block scalar; false where the scalar has ended before it. */
static bool read_block_line(struct reader *reader, const struct line *line)
{
	size_t at = line->from;

	while (at < line->to && reader->text[at] == ' ')
		at++;
	if (at == line->to)
		return true;
	if ((long)(at - line->from) <= reader->block_column) {
		reader->in_block = false;
		return false;
	}
	if (reader->block_kind == KEY_SECRET)
		marks_add(reader->marks, at,
			  line_trim(reader->text, at, line->to));
	else
		scan_text(reader->marks, reader->text, at, line->to);
	return true;
}

int yaml_mark(struct marks *marks, const char *text, size_t length)
{
	struct reader reader = {
		.marks = marks,
		.text = text,
		.length = length,
		.in_secret = memmem(text, length, "kind: Secret", 12),
	};
	struct line line;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		reader.next = 3;
	scan_armour(marks, text, 0, length);
	while (line_at(text, length, reader.next, &line)) {
		size_t at = line_skip(text, line.from, line.to);
		int error;

		reader.next = line.next;
		if (reader.in_block && read_block_line(&reader, &line))
			continue;
		if (at == line.to)
			continue;
		if (text[at] == '#' || text[line.from] == '%') {
			scan_text(marks, text, at, line.to);
			continue;
		}
		error = read_line(&reader, line);
		if (error)
			return error;
	}
	return 0;
}
