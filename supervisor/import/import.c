#include "supervisor/import/import.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/say.h"

enum { COLUMN = 50, MOST = 16 * 1024 * 1024 };

int import_error(struct import *import, const char *place, const char *format,
		 ...)
{
	auto_free char *what = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&what, format, list) < 0)
		what = NULL;
	va_end(list);
	say("%s%s%s: %s", import->file, place[0] == ':' ? "" : ": ", place,
	    what ?: "malformed");
	import->failed = true;
	return -EINVAL;
}

/* Does the engine take it? What other tools let be written is more than can be
 * foreseen here. */
static bool is_rule(const char *home, const char *project, const char *rule)
{
	const struct policy_variable variables[] = {{"home", home},
						    {"project", project}};
	const struct policy_source source = {POLICY_LAYER_FILE, "import", rule};
	struct policy_system_host context = {.search_path = "/nowhere"};
	struct policy_host host;
	const struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.variables = variables,
		.variable_count = 2,
		.host = &host,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;

	policy_system_host_init(&host, &context);
	int error = list ? policy_load(&input, list, &policy) : -ENOMEM;

	policy_free(policy);
	policy_diagnostics_free(list);
	policy_system_host_clear(&context);
	return !error;
}

void import_rule(struct import *import, enum import_part part,
		 const char *origin, const char *format, ...)
{
	struct text *text = &import->parts[part];
	auto_free char *rule = NULL;
	va_list list;
	size_t length;

	va_start(list, format);
	if (vasprintf(&rule, format, list) < 0)
		rule = NULL;
	va_end(list);
	if (!rule) {
		text->failed = true;
		return;
	}
	if (!is_rule(import->home, import->project, rule)) {
		import_unsaid(import, origin, "no rule can say this");
		return;
	}
	length = strlen(rule);
	/* Several files say the same thing. */
	for (const char *at = text->data; at && *at;) {
		if (strncmp(at, rule, length) == 0 && at[length] == ' ')
			return;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	text_add_string(text, rule);
	do
		text_add_byte(text, ' ');
	while (++length < COLUMN);
	text_add_string(text, " # ");
	text_add_shown(text, origin, strlen(origin));
	if (import->shown) {
		size_t home = strlen(import->home);
		bool own = home &&
			   strncmp(import->shown, import->home, home) == 0 &&
			   import->shown[home] == '/';
		const char *shown = import->shown + (own ? home : 0);

		text_add_string(text, own ? ", ~" : ", ");
		text_add_shown(text, shown, strlen(shown));
	}
	text_add_byte(text, '\n');
	import->rules++;
}

void import_unsaid(struct import *import, const char *origin, const char *why)
{
	text_add_string(&import->unsaid, "#   ");
	text_add_shown(&import->unsaid, origin, strlen(origin));
	text_format(&import->unsaid, ": %s\n", why);
	import->left_out++;
}

void import_finish(struct import *import, const char *heading,
		   struct text *text)
{
	text_format(text, "# %s\npolicy 1\n", heading);
	for (int i = 0; i < IMPORT_PARTS; i++) {
		if (!import->parts[i].length)
			continue;
		text_add_byte(text, '\n');
		text_add(text, import->parts[i].data, import->parts[i].length);
		text->failed |= import->parts[i].failed;
	}
	if (import->unsaid.length) {
		text_add_string(text, "\n# What cannot be said here, or does "
				      "not have to be:\n");
		text_add(text, import->unsaid.data, import->unsaid.length);
	}
	text->failed |= import->unsaid.failed;
}

void import_clear(struct import *import)
{
	for (int i = 0; i < IMPORT_PARTS; i++)
		text_free(&import->parts[i]);
	text_free(&import->unsaid);
}

/* ----------------------------------------------------------------- files -- */

int import_read(struct import *import, const char *path, char **bytes,
		size_t *length)
{
	FILE *file = fopen(path, "re");
	struct text text = {0};
	char buffer[65536];
	size_t got;
	int error = file ? 0 : -errno;

	import->file = path;
	while (!error && (got = fread(buffer, 1, sizeof(buffer), file)) > 0) {
		text_add(&text, buffer, got);
		if (text.length > MOST)
			error = -EFBIG;
	}
	if (!error && ferror(file))
		error = -EIO;
	if (file)
		fclose(file);
	*length = text.length;
	if (!error)
		error = text_finish(&text, bytes);
	text_free(&text);
	if (error) {
		say("%s: %s", path, strerror(-error));
		import->failed = true;
	}
	return error;
}

int import_json(struct import *import, const char *path, json_t **object)
{
	auto_free char *bytes = NULL;
	char place[48];
	size_t length = 0;
	json_error_t why;
	int error = import_read(import, path, &bytes, &length);

	if (error)
		return error;
	*object = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &why);
	if (*object && !json_is_object(*object)) {
		json_decref(*object);
		*object = NULL;
		return import_error(import, ":1:1", "this is no JSON object");
	}
	if (*object)
		return 0;
	snprintf(place, sizeof(place), ":%d:%d", why.line > 0 ? why.line : 1,
		 why.column > 0 ? why.column : 1);
	return import_error(import, place, "%s", why.text);
}

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a text";
	default:
		return "true or false";
	}
}

static void place_of(char *place, size_t size, const char *within,
		     const char *name)
{
	snprintf(place, size, "%s%s%s", within, within[0] ? "." : "", name);
}

int import_member(struct import *import, const json_t *object,
		  const char *within, const char *name, json_type type,
		  json_t **member)
{
	char place[256];

	*member = json_object_get(object, name);
	if (!*member || json_typeof(*member) == type)
		return 0;
	*member = NULL;
	place_of(place, sizeof(place), within, name);
	return import_error(import, place, "this must be %s", type_name(type));
}

int import_flag(struct import *import, const json_t *object, const char *within,
		const char *name, bool otherwise, bool *value)
{
	const json_t *member = json_object_get(object, name);
	char place[256];

	*value = member ? json_is_true(member) : otherwise;
	if (!member || json_is_boolean(member))
		return 0;
	place_of(place, sizeof(place), within, name);
	return import_error(import, place, "this must be true or false");
}

int import_strings(struct import *import, const json_t *object,
		   const char *within, const char *name,
		   int (*visit)(struct import *import, const char *place,
				const char *string, void *context),
		   void *context)
{
	char list[256], place[300];
	json_t *array, *item;
	size_t i;
	int error =
		import_member(import, object, within, name, JSON_ARRAY, &array);

	if (error || !array)
		return error;
	place_of(list, sizeof(list), within, name);
	json_array_foreach(array, i, item)
	{
		int bad;

		snprintf(place, sizeof(place), "%s[%zu]", list, i);
		if (!json_is_string(item))
			bad = import_error(import, place,
					   "this must be a text");
		else if (!json_string_value(item)[0])
			bad = import_error(import, place, "this is empty");
		else
			bad = visit(import, place, json_string_value(item),
				    context);
		error = error ? error : bad;
	}
	return error;
}

/* ----------------------------------------------------------------- words -- */

/* Would the language take the word, as it is, for something of its own? */
static bool needs_quotes(const char *word, size_t length)
{
	static const char *const words[] = {
		"as",	   "by",    "under", "log",  "until", "override",
		"because", "argv0", "final", "read", "write", "exec"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (length == strlen(words[i]) &&
		    strncmp(word, words[i], length) == 0)
			return true;
	for (size_t i = 0; i < length; i++)
		if (isspace((unsigned char)word[i]) || word[i] == '#' ||
		    word[i] == '"' || word[i] == '\\' ||
		    (unsigned char)word[i] < 0x20 || word[i] == 0x7f)
			return true;
	return length == 0;
}

/* A word of a rule from text in which wildcards are wildcards already. */
static void put_word(struct text *text, const char *word, size_t length)
{
	if (!needs_quotes(word, length)) {
		text_add(text, word, length);
		return;
	}
	text_add_byte(text, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)word[i];

		if (c == '"' || c == '\\')
			text_format(text, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			text_format(text, "\\x%02x", c);
		else
			text_add_byte(text, (char)c);
	}
	text_add_byte(text, '"');
}

static void put_literal(struct text *word, char c)
{
	if (strchr("*?[]{}$~", c))
		text_format(word, "[%c]", c);
	else
		text_add_byte(word, c);
}

void import_argument(struct text *text, const char *bytes, size_t length,
		     bool globs)
{
	struct text word = {0};

	for (size_t i = 0; i < length; i++) {
		if (globs && bytes[i] == '*')
			text_add_byte(&word, '*');
		else
			put_literal(&word, bytes[i]);
	}
	put_word(text, word.data ?: "", word.length);
	text->failed |= word.failed;
	text_free(&word);
}

/* A set of gitignore, `[a-z]` or `[!a]`: its length, 0 where it is none. */
static size_t set_length(const char *at)
{
	size_t i = 1;

	if (at[i] == '!' || at[i] == '^')
		i++;
	if (at[i] == ']')
		i++;
	while (at[i] && at[i] != ']' && at[i] != '/')
		i++;
	return at[i] == ']' ? i + 1 : 0;
}

/* One component of a gitignore pattern. */
static void put_component(struct text *word, const char *at, size_t length)
{
	const char *end = at + length;

	if (length == 2 && at[0] == '*' && at[1] == '*') {
		text_add_string(word, "**");
		return;
	}
	while (at < end) {
		size_t set = *at == '[' ? set_length(at) : 0;

		if (*at == '\\' && at + 1 < end) {
			put_literal(word, at[1]);
			at += 2;
		} else if (*at == '*') {
			text_add_byte(word, '*');
			at += strspn(at, "*");
		} else if (*at == '?') {
			text_add_byte(word, *at++);
		} else if (set && at + set <= end) {
			text_add_byte(word, '[');
			text_add_byte(word, at[1] == '^' ? '!' : at[1]);
			text_add(word, at + 2, set - 2);
			at += set;
		} else {
			put_literal(word, *at++);
		}
	}
}

/* A directory, as shortly as a rule can say it. */
static void put_directory(const struct import *import, struct text *word,
			  const char *directory)
{
	size_t home = strlen(import->home);

	if (strcmp(directory, import->project) == 0) {
		text_add_string(word, "${project}");
		return;
	}
	if (home && strncmp(directory, import->home, home) == 0 &&
	    (directory[home] == '/' || !directory[home])) {
		text_add_string(word, "~");
		directory += home;
	}
	for (; *directory; directory++)
		put_literal(word, *directory);
}

static void put_anchor(const struct import *import, struct text *word,
		       const struct import_place *place)
{
	if (place->anchor == ANCHOR_HOME)
		text_add_string(word, "~");
	else if (place->anchor == ANCHOR_PROJECT)
		text_add_string(word, "${project}");
	else if (place->anchor == ANCHOR_DIRECTORY && place->directory)
		put_directory(import, word, place->directory);
}

void import_path(struct import *import, struct text *text,
		 const struct import_place *place, const char *pattern,
		 bool tree)
{
	struct text word = {0};
	bool open = false;

	put_anchor(import, &word, place);
	while (*pattern) {
		size_t length;

		pattern += strspn(pattern, "/");
		length = strcspn(pattern, "/");
		if (!length || (length == 1 && pattern[0] == '.')) {
			pattern += length;
			continue;
		}
		text_add_byte(&word, '/');
		put_component(&word, pattern, length);
		open = length == 2 && pattern[0] == '*' && pattern[1] == '*';
		pattern += length;
	}
	if (tree && !open)
		text_add_string(&word, "/**");
	else if (!word.length)
		text_add_byte(&word, '/');
	put_word(text, word.data ?: "", word.length);
	text->failed |= word.failed;
	text_free(&word);
}

bool import_is_file(const struct import *import,
		    const struct import_place *place, const char *pattern)
{
	const char *top = place->anchor == ANCHOR_HOME	      ? import->home
			  : place->anchor == ANCHOR_PROJECT   ? import->project
			  : place->anchor == ANCHOR_DIRECTORY ? place->directory
							      : "";
	char path[PATH_MAX];
	struct stat st;

	if (strpbrk(pattern, "*?[\\"))
		return false;
	return snprintf(path, sizeof(path), "%s/%s", top, pattern) <
		       (int)sizeof(path) &&
	       stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* A number that is to be an address, with or without a prefix: is it none? */
static bool is_no_address(const char *host, size_t length)
{
	char whole[INET_ADDRSTRLEN + 4], *slash;
	struct in_addr number;

	if (strspn(host, "0123456789./") < length)
		return memchr(host, '/', length) != NULL;
	if (length >= sizeof(whole))
		return true;
	snprintf(whole, sizeof(whole), "%.*s", (int)length, host);
	slash = strchr(whole, '/');
	if (slash)
		*slash++ = '\0';
	return inet_pton(AF_INET, whole, &number) != 1 ||
	       (slash && (!*slash || strlen(slash) > 2 || atoi(slash) > 32 ||
			  strchr(slash, '/') || strchr(slash, '.')));
}

/* Bytes that are not those of a host, checked before, cannot make more than one
 * rule of it. */
bool import_is_endpoint(const char *endpoint)
{
	auto_free char *rule = NULL;

	if (asprintf(&rule, "allow connect %s", endpoint) < 0) {
		rule = NULL;
		return false;
	}
	return is_rule("/", "/", rule);
}

bool import_host(struct text *text, const char *host, const char *ports)
{
	auto_free char *endpoint = NULL;
	const char *colon =
		host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
	size_t length;

	if (host[0] == '[' && (!colon || (colon[1] && colon[1] != ':')))
		return false;
	if (host[0] == '[')
		colon = colon[1] ? colon + 1 : NULL;
	length = colon ? (size_t)(colon - host) : strlen(host);
	if (!length ||
	    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
			 "RSTUVWXYZ0123456789-._*:[]/") < length)
		return false;
	if (host[0] != '[' && is_no_address(host, length))
		return false;
	/* A star is a whole label, and the first one. */
	for (size_t i = 0; i < length; i++)
		if (host[i] == '*' &&
		    (i > 0 || (length > 1 && host[1] != '.') || length == 2))
			return false;
	if (colon && (!colon[1] ||
		      strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
		      strlen(colon + 1) > 5 || atoi(colon + 1) > 65535))
		return false;
	if (length > 1 && host[length - 1] == '.')
		length--;
	if (asprintf(&endpoint, "%.*s:%s", (int)length, host,
		     colon ? colon + 1 : ports) < 0) {
		endpoint = NULL;
		return false;
	}
	if (!import_is_endpoint(endpoint))
		return false;
	text_add_byte(text, ' ');
	text_add_string(text, endpoint);
	return true;
}
