/*
 * Codex's rules: calls of prefix_rule(), host_executable() and network_rule()
 * in Starlark. Only such calls, of texts and lists of texts, are read; what
 * else stands there is an error, for it could mean anything.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/import/codex_rules.h"
#include "supervisor/import/import.h"
#include "supervisor/say.h"

enum { DEEPEST = 8, MOST_ARGUMENTS = 32 };

struct parser {
	struct import *import;
	struct codex *codex;
	const char *text, *at;
};

static int mistake(struct parser *parser, const char *at, const char *what)
{
	unsigned line = 1, column = 1;
	char place[48];

	for (const char *p = parser->text; p < at; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	snprintf(place, sizeof(place), ":%u:%u", line, column);
	return import_error(parser->import, place, "%s", what);
}

static void skip(struct parser *parser)
{
	for (;;) {
		parser->at += strspn(parser->at, " \t\r\n");
		if (*parser->at != '#')
			return;
		parser->at += strcspn(parser->at, "\n");
	}
}

static bool take(struct parser *parser, char c)
{
	skip(parser);
	if (*parser->at != c)
		return false;
	parser->at++;
	return true;
}

static int escape(struct parser *parser, struct text *out)
{
	static const char names[] = "nrt0\\'\"abfv\n";
	static const char values[] = "\n\r\t\0\\'\"\a\b\f\v";
	const char *found = strchr(names, parser->at[1]);

	if (!parser->at[1] || !found || !*found)
		return mistake(parser, parser->at,
			       "this escape is not understood");
	if (parser->at[1] == '0')
		return mistake(parser, parser->at,
			       "a text without NUL, please");
	if (parser->at[1] != '\n')
		text_add_byte(out, values[found - names]);
	parser->at += 2;
	return 0;
}

/* 'x', "x", of three quotes each, with r before it: malloc()ed. */
static int take_text(struct parser *parser, char **string)
{
	const char *start = parser->at;
	struct text out = {0};
	bool raw = *parser->at == 'r';
	char quote = parser->at[raw];
	bool three;
	int error = 0;

	parser->at += raw;
	three = parser->at[1] == quote && parser->at[2] == quote;
	parser->at += three ? 3 : 1;
	while (!error) {
		if (!*parser->at || (!three && *parser->at == '\n')) {
			error = mistake(parser, start,
					"this text does not "
					"end");
		} else if (*parser->at == quote &&
			   (!three || (parser->at[1] == quote &&
				       parser->at[2] == quote))) {
			parser->at += three ? 3 : 1;
			break;
		} else if (*parser->at == '\\' && !raw) {
			error = escape(parser, &out);
		} else {
			text_add_byte(&out, *parser->at++);
		}
	}
	if (!error)
		error = text_finish(&out, string);
	text_free(&out);
	return error;
}

static int take_value(struct parser *parser, struct codex_value *value,
		      int depth);

static int take_items(struct parser *parser, struct codex_value *list,
		      int depth)
{
	int error = 0;

	list->is_list = true;
	while (!error && !take(parser, ']')) {
		struct codex_value item = {0};

		if (!*parser->at)
			return mistake(parser, list->at,
				       "this list does not "
				       "end");
		error = take_value(parser, &item, depth + 1);
		if (error || codex_add(list, &item))
			codex_value_clear(&item);
		if (!error && !take(parser, ',')) {
			skip(parser);
			if (*parser->at != ']')
				error = mistake(parser, parser->at,
						"a `,` or a `]` is wanted "
						"here");
		}
	}
	return error;
}

static int take_value(struct parser *parser, struct codex_value *value,
		      int depth)
{
	skip(parser);
	value->at = parser->at;
	if (depth > DEEPEST)
		return mistake(parser, parser->at, "too many lists in lists");
	if (take(parser, '['))
		return take_items(parser, value, depth);
	if (*parser->at == '"' || *parser->at == '\'' ||
	    (*parser->at == 'r' &&
	     (parser->at[1] == '"' || parser->at[1] == '\'')))
		return take_text(parser, &value->text);
	if (strncmp(parser->at, "None", 4) == 0) {
		parser->at += 4;
		value->none = true;
		return 0;
	}
	return mistake(parser, parser->at,
		       "a text or a list of texts is "
		       "wanted here");
}

static size_t name_length(const char *at)
{
	size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
				   "RSTUVWXYZ_0123456789");

	return at[0] >= '0' && at[0] <= '9' ? 0 : length;
}

/* Has the call an argument of that name? */
static bool is_named(const struct codex_call *call,
		     const struct codex_argument *argument)
{
	for (size_t i = 0; i < call->count; i++)
		if (call->arguments[i].length == argument->length &&
		    strncmp(call->arguments[i].name, argument->name,
			    argument->length) == 0)
			return true;
	return false;
}

/* `name = value, …)` after the parenthesis. */
static int take_arguments(struct parser *parser, struct codex_call *call)
{
	int error = 0;

	while (!error && !take(parser, ')')) {
		struct codex_argument *argument = &call->arguments[call->count];
		size_t length;

		if (!*parser->at)
			return mistake(parser, call->at,
				       "this call does not end");
		length = name_length(parser->at);
		if (!length || call->count == MOST_ARGUMENTS)
			return mistake(parser, parser->at,
				       "`name = value` is wanted here");
		argument->name = parser->at;
		argument->length = length;
		if (is_named(call, argument))
			return mistake(parser, parser->at,
				       "this was said before");
		parser->at += length;
		if (!take(parser, '='))
			return mistake(parser, parser->at,
				       "a `=` is wanted "
				       "here");
		call->count++;
		error = take_value(parser, &argument->value, 0);
		if (!error && !take(parser, ',')) {
			skip(parser);
			if (*parser->at != ')')
				error = mistake(parser, parser->at,
						"a `,` or a `)` is wanted "
						"here");
		}
	}
	return error;
}

static int take_call(struct parser *parser)
{
	struct codex_call call = {.at = parser->at};
	const char *why_at = NULL, *why = NULL;
	int error;

	call.length = name_length(parser->at);
	parser->at += call.length;
	if (!call.length || !take(parser, '('))
		return mistake(parser, call.at,
			       "only calls of prefix_rule, host_executable and "
			       "network_rule can be read");
	error = take_arguments(parser, &call);
	if (!error) {
		error = codex_call(parser->codex, &call, &why_at, &why);
		if (error == -EINVAL)
			mistake(parser, why_at, why);
	}
	for (size_t i = 0; i < call.count; i++)
		codex_value_clear(&call.arguments[i].value);
	return error;
}

static int take_file(struct import *import, struct codex *codex,
		     const char *path)
{
	auto_free char *text = NULL;
	struct parser parser = {import, codex, NULL, NULL};
	size_t length = 0;
	int error = import_read(import, path, &text, &length);

	if (error)
		return error;
	import->shown = path;
	parser.text = parser.at = text;
	if (strlen(text) != length)
		return mistake(&parser, text + strlen(text), "a NUL");
	for (skip(&parser); *parser.at && !error; skip(&parser))
		error = take_call(&parser);
	return error;
}

static int is_rules(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 6 && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + length - 6, ".rules") == 0;
}

static int take_directory(struct import *import, struct codex *codex,
			  const char *directory, int *files)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_rules, alphasort);
	int error = 0;

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", directory,
			 entries[i]->d_name);
		if (!error)
			error = take_file(import, codex, path);
		free(entries[i]);
		(*files)++;
	}
	free(entries);
	return error;
}

static int take_usual(struct import *import, struct codex *codex)
{
	const char *set = getenv("CODEX_HOME");
	char path[PATH_MAX];
	int files = 0, error;

	if (set && set[0] == '/')
		snprintf(path, sizeof(path), "%s/rules", set);
	else
		snprintf(path, sizeof(path), "%s/.codex/rules", import->home);
	error = take_directory(import, codex, path, &files);
	snprintf(path, sizeof(path), "%s/.codex/rules", import->project);
	if (!error)
		error = take_directory(import, codex, path, &files);
	if (!error && !files) {
		say("no rules of Codex: neither in ~/.codex/rules nor in %s",
		    path);
		error = -ENOENT;
	}
	return error;
}

int import_codex(struct import *import, const char *const *files, size_t count)
{
	struct codex codex = {.import = import};
	int error = count ? 0 : take_usual(import, &codex);

	for (size_t i = 0; i < count && !error; i++)
		error = take_file(import, &codex, files[i]);
	if (!error)
		error = codex_finish(&codex);
	codex_clear(&codex);
	import->shown = NULL;
	return error;
}
