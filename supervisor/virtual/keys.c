#include "supervisor/virtual/keys.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/json.h"
#include "supervisor/virtual/lines.h"
#include "supervisor/virtual/look.h"
#include "supervisor/virtual/toml.h"
#include "supervisor/virtual/yaml.h"

enum format {
	FORMAT_UNKNOWN = 0,
	FORMAT_JSON,
	FORMAT_YAML,
	FORMAT_TOML,
	FORMAT_INI,
	FORMAT_NETRC,
	FORMAT_PGPASS,
	FORMAT_PLAIN,
};

/* Ends of names. */
static const struct {
	const char *end;
	enum format format;
} names[] = {
	{".json", FORMAT_JSON},
	{".jsonc", FORMAT_JSON},
	{".json5", FORMAT_JSON},
	{".jsonl", FORMAT_JSON},
	{".yaml", FORMAT_YAML},
	{".yml", FORMAT_YAML},
	{".toml", FORMAT_TOML},
	{".netrc", FORMAT_NETRC},
	{"_netrc", FORMAT_NETRC},
	{".authinfo", FORMAT_NETRC},
	{".pgpass", FORMAT_PGPASS},
	{"npmrc", FORMAT_INI},
	{".pypirc", FORMAT_INI},
	{".gitconfig", FORMAT_INI},
	{".my.cnf", FORMAT_INI},
	{".s3cfg", FORMAT_INI},
	{".boto", FORMAT_INI},
	{".tfvars", FORMAT_INI},
	{".terraformrc", FORMAT_INI},
	{".properties", FORMAT_INI},
	{".ini", FORMAT_INI},
	{".cfg", FORMAT_INI},
	{".git-credentials", FORMAT_PLAIN},
	{".pem", FORMAT_PLAIN},
};

static enum format format_of_name(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t size = strlen(names[i].end);

		if (size <= length &&
		    strcasecmp(path + length - size, names[i].end) == 0)
			return names[i].format;
	}
	return FORMAT_UNKNOWN;
}

static bool begins(const char *text, size_t from, size_t to, const char *word)
{
	size_t size = strlen(word);

	return to - from >= size && memcmp(text + from, word, size) == 0;
}

static bool is_url(const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to && isalpha((unsigned char)text[at]))
		at++;
	return at > from && begins(text, at, to, "://");
}

/* What the first line with something on it says. */
static enum format format_of_line(const char *text, size_t from, size_t to)
{
	const char *colon = memchr(text + from, ':', to - from);
	const char *equals = memchr(text + from, '=', to - from);

	if (begins(text, from, to, "-----BEGIN ") || is_url(text, from, to) ||
	    begins(text, from, to, "ssh-") || begins(text, from, to, "ecdsa-"))
		return FORMAT_PLAIN;
	if (begins(text, from, to, "---") || begins(text, from, to, "%YAML") ||
	    begins(text, from, to, "- "))
		return FORMAT_YAML;
	if (begins(text, from, to, "machine ") ||
	    begins(text, from, to, "default login "))
		return FORMAT_NETRC;
	if (text[from] == '[' || (equals && (!colon || equals < colon)) ||
	    begins(text, from, to, "//"))
		return FORMAT_INI;
	if (colon && (colon + 1 == text + to || colon[1] == ' '))
		return FORMAT_YAML;
	return equals ? FORMAT_INI : FORMAT_UNKNOWN;
}

static enum format format_of_text(const char *text, size_t length)
{
	struct line line = {0};

	while (line_at(text, length, line.next, &line)) {
		size_t from = line_skip(text, line.from, line.to);

		if (from == line.to || text[from] == '#' || text[from] == ';')
			continue;
		if (text[from] == '{')
			return FORMAT_JSON;
		return format_of_line(text, from, line.to);
	}
	return FORMAT_PLAIN; /* nothing but comments */
}

/* Mark in one format; false where the text is not in it. */
static bool mark_as(struct marks *marks, enum format format, const char *text,
		    size_t length)
{
	switch (format) {
	case FORMAT_JSON:
		return json_mark(marks, text, length, KEY_PLAIN) == 0;
	case FORMAT_YAML:
		return yaml_mark(marks, text, length) == 0;
	case FORMAT_TOML:
		return toml_mark(marks, text, length) == 0;
	case FORMAT_INI:
		ini_mark(marks, text, length);
		return true;
	case FORMAT_NETRC:
		netrc_mark(marks, text, length);
		return true;
	case FORMAT_PGPASS:
		pgpass_mark(marks, text, length);
		return true;
	case FORMAT_PLAIN:
		plain_mark(marks, text, length);
		return true;
	case FORMAT_UNKNOWN:
		break;
	}
	return false;
}

/* Try formats in order; leaves no marks where none of them fits. */
static bool mark_as_one_of(struct marks *marks, const enum format *formats,
			   const char *text, size_t length)
{
	for (; *formats; formats++) {
		if (mark_as(marks, *formats, text, length))
			return true;
		marks_clear(marks);
	}
	return false;
}

void keys_mark(struct marks *marks, const char *path, const char *text,
	       size_t length)
{
	/* A list in JSON begins like a section, and TOML often reads as INI. */
	static const enum format ini[] = {FORMAT_JSON, FORMAT_TOML, FORMAT_INI,
					  FORMAT_UNKNOWN};
	enum format named = format_of_name(path);
	enum format found = format_of_text(text, length);
	enum format one[] = {named ? named : found, FORMAT_UNKNOWN};
	bool marked;

	if (found == FORMAT_INI && !named)
		marked = mark_as_one_of(marks, ini, text, length);
	else if (found == FORMAT_JSON && named == FORMAT_INI)
		marked = mark_as_one_of(marks, ini, text, length);
	else
		marked = mark_as_one_of(marks, one, text, length);
	if (!marked)
		unknown_mark(marks, text, length);
}
