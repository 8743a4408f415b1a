#include "supervisor/virtual/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/scan.h"
#include "supervisor/virtual/shape.h"

#define DEPTH_MAX 128

struct reader {
	struct marks *marks;
	const char *text;
	size_t at, length;
	unsigned depth;
};

struct range {
	size_t from, to;
};

static int read_value(struct reader *reader, enum key_kind kind);

static bool skip_comment(struct reader *reader)
{
	const char *text = reader->text;
	size_t from = reader->at, to = from + 2;

	if (reader->length - from < 2 || text[from] != '/')
		return false;
	if (text[from + 1] == '/') {
		while (to < reader->length && text[to] != '\n')
			to++;
	} else if (text[from + 1] == '*') {
		const char *end =
			memmem(text + to, reader->length - to, "*/", 2);

		if (!end)
			return false;
		to = (size_t)(end - text) + 2;
	} else {
		return false;
	}
	scan_text(reader->marks, text, from + 2, to);
	reader->at = to;
	return true;
}

/* The next byte that means something, or 0 at the end. */
static char peek(struct reader *reader)
{
	while (reader->at < reader->length) {
		char c = reader->text[reader->at];

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			reader->at++;
		else if (!skip_comment(reader))
			return c;
	}
	return '\0';
}

static bool take(struct reader *reader, char c)
{
	if (peek(reader) != c)
		return false;
	reader->at++;
	return true;
}

/* The bytes between the quotes of a string. */
static int read_string(struct reader *reader, struct range *string)
{
	if (!take(reader, '"'))
		return -EINVAL;
	string->from = reader->at;
	for (; reader->at < reader->length; reader->at++) {
		unsigned char c = (unsigned char)reader->text[reader->at];

		if (c == '"') {
			string->to = reader->at++;
			return 0;
		}
		if (c < 0x20 && c != '\t')
			return -EINVAL;
		if (c == '\\')
			reader->at++;
	}
	return -EINVAL;
}

/* The kind of a key; escapes may spell out any letter of it. */
static enum key_kind kind_of(const struct reader *reader, struct range key,
			     enum key_kind container)
{
	char name[128];
	size_t size = 0;

	for (size_t at = key.from; at < key.to && size < sizeof(name); at++) {
		const char *text = reader->text + at;
		unsigned value = 0;

		if (*text != '\\' || key.to - at < 6 || text[1] != 'u') {
			name[size++] = *text;
			continue;
		}
		for (size_t i = 2; i < 6; i++) {
			char c = text[i];

			value = value << 4;
			if (isdigit((unsigned char)c))
				value |= (unsigned)(c - '0');
			else
				value |= (unsigned)(tolower((unsigned char)c) -
						    'a' + 10) &
					 15;
		}
		name[size++] = value < 0x80 ? (char)value : '?';
		at += 5;
	}
	return look_key_in(container, name, size);
}

static bool is_key(const struct reader *reader, struct range key,
		   const char *name)
{
	size_t size = strlen(name);

	return key.to - key.from == size &&
	       strncasecmp(reader->text + key.from, name, size) == 0;
}

/* `{"name": "PASSWORD", "value": "x"}`: what is known of the two so far. */
struct pair {
	bool secret;
	struct range value;
};

static int read_member(struct reader *reader, enum key_kind container,
		       struct pair *pair)
{
	struct range key, name;
	enum key_kind kind;
	size_t before;
	int error = read_string(reader, &key);

	if (error)
		return error;
	scan_text(reader->marks, reader->text, key.from, key.to);
	if (!take(reader, ':'))
		return -EINVAL;
	kind = kind_of(reader, key, container);
	before = reader->at;
	if (peek(reader) == '"' &&
	    (is_key(reader, key, "name") || is_key(reader, key, "key") ||
	     is_key(reader, key, "id"))) {
		error = read_string(reader, &name);
		if (error)
			return error;
		if (kind_of(reader, name, KEY_PLAIN) == KEY_SECRET)
			pair->secret = true;
		scan_value(reader->marks, reader->text, name.from, name.to,
			   is_key(reader, key, "name") ? KEY_HARMLESS : kind);
		return 0;
	}
	if (is_key(reader, key, "value") && peek(reader) == '"') {
		before = reader->at + 1;
		error = read_value(reader, pair->secret ? KEY_SECRET : kind);
		pair->value = (struct range){before, reader->at - 1};
		return error;
	}
	return read_value(reader, kind);
}

static int read_object(struct reader *reader, enum key_kind kind)
{
	struct pair pair = {0};

	reader->at++;
	while (!take(reader, '}')) {
		int error = read_member(reader, kind, &pair);

		if (error)
			return error;
		if (!take(reader, ',') && peek(reader) != '}')
			return -EINVAL;
	}
	if (pair.secret)
		scan_value(reader->marks, reader->text, pair.value.from,
			   pair.value.to, KEY_SECRET);
	return 0;
}

/* Is this element the name of an option whose value comes next? */
static bool is_secret_option(const struct reader *reader, size_t at)
{
	size_t from = at + 1, to = from;

	if (reader->length - at < 3 || reader->text[at] != '"' ||
	    reader->text[from] != '-')
		return false;
	while (to < reader->length && reader->text[to] != '"')
		to++;
	return !memchr(reader->text + from, '=', to - from) &&
	       look_key(reader->text + from, to - from) == KEY_SECRET;
}

static int read_array(struct reader *reader, enum key_kind kind)
{
	bool option = false;

	reader->at++;
	while (!take(reader, ']')) {
		size_t at;
		int error;

		peek(reader);
		at = reader->at;
		error = read_value(reader, option ? KEY_SECRET : kind);
		if (error)
			return error;
		option = is_secret_option(reader, at);
		if (!take(reader, ',') && peek(reader) != ']')
			return -EINVAL;
	}
	return 0;
}

static int read_scalar(struct reader *reader, enum key_kind kind)
{
	const char *text = reader->text + reader->at;
	size_t size = 0;

	while (reader->at + size < reader->length &&
	       (isalnum((unsigned char)text[size]) ||
		(text[size] && strchr("+-.", text[size]))))
		size++;
	reader->at += size;
	if (size == 4 &&
	    (memcmp(text, "true", 4) == 0 || memcmp(text, "null", 4) == 0))
		return 0;
	if (size == 5 && memcmp(text, "false", 5) == 0)
		return 0;
	if (!shape_is_number(text, size))
		return -EINVAL;
	if (kind == KEY_SECRET)
		marks_add(reader->marks, reader->at - size, reader->at);
	return 0;
}

static int read_value(struct reader *reader, enum key_kind kind)
{
	struct range string;
	char c = peek(reader);
	int error;

	if (c == '"') {
		error = read_string(reader, &string);
		if (!error)
			scan_value(reader->marks, reader->text, string.from,
				   string.to, kind);
		return error;
	}
	if (c != '{' && c != '[')
		return read_scalar(reader, kind);
	if (reader->depth == DEPTH_MAX)
		return -EINVAL;
	reader->depth++;
	error = c == '{' ? read_object(reader, kind) : read_array(reader, kind);
	reader->depth--;
	return error;
}

int json_mark(struct marks *marks, const char *text, size_t length,
	      enum key_kind kind)
{
	struct reader reader = {
		.marks = marks,
		.text = text,
		.length = length,
	};

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		reader.at = 3;
	do {
		int error = read_value(&reader, kind);

		if (error)
			return error;
	} while (peek(&reader));
	return 0;
}
