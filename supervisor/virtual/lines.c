#include "supervisor/virtual/lines.h"

#include <ctype.h>
#include <string.h>

#include "supervisor/virtual/look.h"
#include "supervisor/virtual/scan.h"

bool line_at(const char *text, size_t length, size_t offset, struct line *line)
{
	const char *end;

	if (offset >= length)
		return false;
	end = memchr(text + offset, '\n', length - offset);
	line->from = offset;
	line->to = end ? (size_t)(end - text) : length;
	line->next = end ? line->to + 1 : length;
	if (line->to > offset && text[line->to - 1] == '\r')
		line->to--;
	return true;
}

size_t line_skip(const char *text, size_t from, size_t to)
{
	while (from < to && (text[from] == ' ' || text[from] == '\t'))
		from++;
	return from;
}

size_t line_trim(const char *text, size_t from, size_t to)
{
	while (to > from && (text[to - 1] == ' ' || text[to - 1] == '\t' ||
			     text[to - 1] == '\r'))
		to--;
	return to;
}

static bool is_key_character(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.-/@", c));
}

/* The separator of `key = value`, or `to`. */
static size_t find_separator(const char *text, size_t from, size_t to,
			     const char *separators)
{
	while (from < to && !(text[from] && strchr(separators, text[from])))
		from++;
	return from;
}

void line_mark_unknown(struct marks *marks, const char *text, size_t from,
		       size_t to)
{
	size_t separator, end;

	from = line_skip(text, from, to);
	separator = find_separator(text, from, to, "=:");
	end = line_trim(text, from, separator);
	if (separator < to && end > from && end - from <= 64) {
		size_t at = from;

		while (at < end && is_key_character(text[at]))
			at++;
		if (at == end && !look_word(text + from, end - from))
			from = separator + 1;
	}
	scan_everything(marks, text, from, to);
}

/* The range without the quotes around it, if it has them. */
static void strip_quotes(const char *text, size_t *from, size_t *to)
{
	char quote = *from < *to ? text[*from] : '\0';

	if (*to - *from >= 2 && (quote == '"' || quote == '\'') &&
	    text[*to - 1] == quote) {
		++*from;
		--*to;
	}
}

struct ini {
	enum key_kind section;
	enum key_kind key; /* of the value that lines may continue */
	bool in_value;
};

static void mark_section(struct marks *marks, const char *text, size_t from,
			 size_t to, struct ini *ini)
{
	size_t end = from;

	scan_text(marks, text, from, to);
	while (end < to && text[end] != ']' && text[end] != ' ')
		end++;
	/* A section of keys is one; [profile token-service] is not. */
	ini->section = end < to && text[end] == ']'
			       ? look_key(text + from + 1, end - from - 1)
			       : KEY_PLAIN;
	ini->in_value = false;
}

/* The end of a key says most: //host/:_authToken, http.proxyPassword. */
static enum key_kind kind_of(const struct ini *ini, const char *text,
			     size_t from, size_t to)
{
	size_t last = to;

	while (last > from && text[last - 1] != ':' && text[last - 1] != '/')
		last--;
	return look_key_in(ini->section, text + last, to - last);
}

/* npm's keys hold colons, so the first = decides where there is one. */
static size_t ini_separator(const char *text, size_t from, size_t to)
{
	size_t equals = find_separator(text, from, to, "=");
	size_t colon = find_separator(text, from, to, ":");

	if (colon < equals && colon + 1 < to && text[from] != '/' &&
	    (text[colon + 1] == ' ' || equals == to))
		return colon;
	return equals < to ? equals : colon;
}

/* `block "label" {` and its end, as HCL has them. */
static bool mark_brace(struct marks *marks, const char *text, size_t from,
		       size_t to, struct ini *ini)
{
	size_t end = from;

	to = line_trim(text, from, to);
	if (from == to)
		return false;
	while (end < to && is_key_character(text[end]))
		end++;
	if (text[to - 1] == '{')
		ini->section = look_key(text + from, end - from);
	else if (text[to - 1] == '}' && to - from == 1)
		ini->section = KEY_PLAIN;
	else
		return false;
	scan_text(marks, text, from, to);
	ini->in_value = false;
	return true;
}

static void mark_line(struct marks *marks, const char *text, size_t from,
		      size_t to, struct ini *ini)
{
	size_t separator = ini_separator(text, from, to);
	size_t end = line_trim(text, from, separator);
	size_t value, stop;

	if (separator == to && mark_brace(marks, text, from, to, ini))
		return;
	if (separator == to) {
		ini->in_value = false;
		scan_everything(marks, text, from, to);
		return;
	}
	scan_text(marks, text, from, end);
	value = line_skip(text, separator + 1, to);
	if (value < to && text[value] == '>')
		value = line_skip(text, value + 1, to);
	stop = line_trim(text, value, to);
	strip_quotes(text, &value, &stop);
	ini->key = kind_of(ini, text, from, end);
	ini->in_value = true;
	scan_value(marks, text, value, stop, ini->key);
}

void ini_mark(struct marks *marks, const char *text, size_t length)
{
	struct ini ini = {.section = KEY_PLAIN};
	struct line line = {0};

	scan_armour(marks, text, 0, length);
	while (line_at(text, length, line.next, &line)) {
		size_t from = line_skip(text, line.from, line.to);

		if (from == line.to)
			continue;
		if (text[from] == '#' || text[from] == ';')
			scan_text(marks, text, from, line.to);
		else if (text[from] == '[')
			mark_section(marks, text, from, line.to, &ini);
		else if (from > line.from && ini.in_value &&
			 ini.key == KEY_SECRET &&
			 ini_separator(text, from, line.to) == line.to)
			marks_add(marks, from, line_trim(text, from, line.to));
		else
			mark_line(marks, text, from, line.to, &ini);
	}
}

static bool is_token(const char *text, size_t from, size_t to, const char *word)
{
	return to - from == strlen(word) &&
	       memcmp(text + from, word, to - from) == 0;
}

/* The next word, in quotes or not; false at the end. */
static bool next_token(const char *text, size_t length, size_t *from,
		       size_t *to)
{
	size_t at = *to;

	while (at < length && isspace((unsigned char)text[at]))
		at++;
	if (at >= length)
		return false;
	*from = at;
	if (text[at] == '"') {
		for (at++; at < length && text[at] != '"' && text[at] != '\n';
		     at++)
			at += text[at] == '\\' && at + 1 < length;
		*to = at < length ? at + 1 : length;
		return true;
	}
	while (at < length && !isspace((unsigned char)text[at]))
		at += text[at] == '\\' && at + 1 < length ? 2 : 1;
	*to = at < length ? at : length;
	return true;
}

/* The rest of the line, for a comment. */
static size_t line_end(const char *text, size_t length, size_t at)
{
	const char *end = memchr(text + at, '\n', length - at);

	return end ? (size_t)(end - text) : length;
}

void netrc_mark(struct marks *marks, const char *text, size_t length)
{
	/* Of the word before: what comes after it. */
	enum { ANY, NAME, VALUE } next = ANY;
	size_t from = 0, to = 0;

	while (next_token(text, length, &from, &to)) {
		if (next == VALUE) {
			bool quoted = text[from] == '"' && to - from >= 2 &&
				      text[to - 1] == '"';

			marks_add(marks, from + quoted, to - quoted);
			next = ANY;
		} else if (next == NAME) {
			scan_text(marks, text, from, to);
			next = ANY;
		} else if (text[from] == '#') {
			to = line_end(text, length, from);
			scan_text(marks, text, from, to);
		} else if (is_token(text, from, to, "password") ||
			   is_token(text, from, to, "account") ||
			   is_token(text, from, to, "passwd")) {
			next = VALUE;
		} else if (is_token(text, from, to, "machine") ||
			   is_token(text, from, to, "port") ||
			   is_token(text, from, to, "login") ||
			   is_token(text, from, to, "user")) {
			next = NAME;
		} else if (!is_token(text, from, to, "default")) {
			scan_everything(marks, text, from, to);
		}
	}
}

void pgpass_mark(struct marks *marks, const char *text, size_t length)
{
	struct line line = {0};

	while (line_at(text, length, line.next, &line)) {
		size_t at = line.from;
		unsigned fields = 0;

		if (at < line.to && text[at] == '#') {
			scan_text(marks, text, at, line.to);
			continue;
		}
		for (; at < line.to && fields < 4; at++) {
			if (text[at] == '\\' && at + 1 < line.to)
				at++;
			else
				fields += text[at] == ':';
		}
		if (fields == 4)
			marks_add(marks, at, line.to);
		else
			scan_everything(marks, text, line.from, line.to);
	}
}

void plain_mark(struct marks *marks, const char *text, size_t length)
{
	scan_text(marks, text, 0, length);
}

void unknown_mark(struct marks *marks, const char *text, size_t length)
{
	struct line line = {0};

	scan_armour(marks, text, 0, length);
	while (line_at(text, length, line.next, &line))
		line_mark_unknown(marks, text, line.from, line.to);
}
