#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "policy/text.h"

/** What a line may start with. */
static const char *const statements[] = {
	"allow",   "ask", "deny",   "hide",  "fake",   "never",	    "final",
	"include", "set", "secret", "limit", "policy", "ssh-agent", NULL,
};

enum { MOST_DEPTH = 16 };

const char *parse_suggest(const char *const *words, const struct word *word,
			  char buffer[64])
{
	const char *near = nearest_word(words, word->raw, word->raw_length);

	if (!near)
		return NULL;
	snprintf(buffer, 64, "did you mean '%s'?", near);
	return buffer;
}

const char *parse_joined(struct parser *parser, struct words words)
{
	size_t length = 0;
	char *joined, *to;

	for (size_t i = 0; i < words.count; i++)
		length += words.items[i].raw_length + 1;
	joined = to = arena_alloc(&parser->policy->arena, length + 1);
	for (size_t i = 0; joined && i < words.count; i++) {
		if (i)
			*to++ = ' ';
		memcpy(to, words.items[i].raw, words.items[i].raw_length);
		to += words.items[i].raw_length;
	}
	return joined;
}

static bool name_is_valid(const char *name)
{
	if (!*name || (*name >= '0' && *name <= '9'))
		return false;
	for (; *name; name++)
		if (!((*name >= 'a' && *name <= 'z') ||
		      (*name >= 'A' && *name <= 'Z') ||
		      (*name >= '0' && *name <= '9') || *name == '_' ||
		      *name == '-'))
			return false;
	return true;
}

static int parse_set(struct parser *parser, struct words words)
{
	const struct variable *known;
	struct symbols value;
	char *name, *text;
	int result;

	if (words.count != 3) {
		parse_error(parser, &words.items[0], NULL,
			    "`set` takes a name and a value: `set NAME VALUE`");
		return 0;
	}
	name = word_string(&parser->policy->arena, &words.items[1]);
	if (!name)
		return -ENOMEM;
	known = variables_find(&parser->variables, name);
	if (!name_is_valid(name)) {
		parse_error(parser, &words.items[1], NULL,
			    "a name holds letters, digits, `_` and `-`");
		return 0;
	}
	if (known && known->built_in) {
		parse_error(parser, &words.items[1], "choose another name",
			    "'%s' is set by interpose", name);
		return 0;
	}
	result = expand_word(&parser->variables, parser->diagnostics,
			     &words.items[2], 0, &value);
	if (result < 0)
		return result == -EINVAL ? 0 : result;
	text = symbols_string(&parser->policy->arena, value);
	if (!text)
		return -ENOMEM;
	return variables_set(&parser->variables, name,
			     result == EXPANDED_UNSET ? NULL : text, false);
}

static int parse_version(struct parser *parser, struct words words, bool first)
{
	if (words.count != 2) {
		parse_error(parser, &words.items[0], NULL,
			    "`policy` takes the language's version: "
			    "`policy 1`");
	} else if (!word_is(&words.items[1], "1")) {
		parse_error(parser, &words.items[1],
			    "a newer interpose may know it",
			    "this interpose knows version 1 of the language");
	} else if (!first) {
		parse_error(parser, &words.items[0], NULL,
			    "`policy 1` is the first line or nowhere");
	}
	return 0;
}

static int parse_text(struct parser *parser, const char *text, size_t length);

/** The path of what an `include` names. Returns 1, 0 after a mistake. */
static int resolve_include(struct parser *parser, const struct word *word,
			   char **path)
{
	const struct policy_host *host = parser->input->host;
	struct arena *arena = &parser->policy->arena;
	const char *slash = strrchr(parser->file->name, '/');
	struct symbols expanded;
	char *name;
	int error;

	error = expand_word(&parser->variables, parser->diagnostics, word, 0,
			    &expanded);
	if (error < 0)
		return error == -EINVAL ? 0 : error;
	name = symbols_string(arena, expanded);
	if (!name)
		return -ENOMEM;
	if (error == EXPANDED_UNSET || !*name) {
		parse_error(parser, word, NULL, "this names no file");
		return 0;
	}
	if (!strchr(name, '/')) {
		error = host->find_policy
				? host->find_policy(host->context, name, path)
				: -ENOENT;
		if (error)
			*path = NULL; /* an error leaves nothing to free */
		if (error == -ENOENT)
			parse_error(parser, word,
				    "a file is named by a path: `./FILE`",
				    "there is no policy of that name");
		else if (error)
			return error;
		return error ? 0 : 1;
	}
	if (*name == '/') {
		*path = strdup(name);
	} else if (slash) {
		if (asprintf(path, "%.*s/%s", (int)(slash - parser->file->name),
			     parser->file->name, name) < 0)
			*path = NULL;
	} else {
		parse_error(parser, word, "write the whole path",
			    "what includes this is no file with a directory");
		return 0;
	}
	return *path ? 1 : -ENOMEM;
}

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!strchr(" \t\r\n\v\f", text[i]) || !text[i])
			return false;
	return true;
}

static int parse_include(struct parser *parser, struct words words)
{
	const struct policy_host *host = parser->input->host;
	struct arena *arena = &parser->policy->arena;
	auto_free char *path = NULL, *text = NULL;
	const struct parse_file *outer = parser->file;
	struct parse_file file = {.includer = outer, .kind = outer->kind};
	const struct word *word = &words.items[1];
	const char *copy;
	size_t length, depth = 0;
	int error;

	if (words.count != 2) {
		parse_error(parser, &words.items[0], NULL,
			    "`include` takes one name or file");
		return 0;
	}
	error = resolve_include(parser, word, &path);
	if (error <= 0)
		return error;
	file.name = arena_copy(arena, path, strlen(path));
	if (!file.name)
		return -ENOMEM;
	error = parse_canonical(parser, file.name, &file.identity);
	if (error)
		return error;
	for (const struct parse_file *at = outer; at; at = at->includer) {
		if (at->identity && strcmp(at->identity, file.identity) == 0) {
			parse_error(parser, word, NULL,
				    "this file includes itself");
			return 0;
		}
		depth++;
	}
	if (depth > MOST_DEPTH) {
		parse_error(parser, word, NULL, "files include too deeply");
		return 0;
	}
	/* What was read stands in its place already. */
	for (size_t i = 0; i < parser->read_count; i++)
		if (strcmp(parser->read[i], file.identity) == 0)
			return 0;
	error = host->read_file(host->context, path, &text, &length);
	if (error == -ENOMEM)
		return error;
	if (error || is_blank(text, length)) {
		parse_error(parser, word, NULL, error ? "%s: %s" : "%s: %s",
			    path, error ? strerror(-error) : "it is empty");
		return 0;
	}
	copy = arena_copy(arena, text, length);
	error = copy ? array_add(parser->read, parser->read_count,
				 parser->read_capacity, file.identity)
		     : -ENOMEM;
	if (!error)
		error = array_add(
			parser->policy->included,
			parser->policy->included_count,
			parser->policy->included_capacity,
			((struct policy_included){file.name, file.kind}));
	if (error)
		return error;
	/* Its rules are a layer of their own, below what includes them. */
	file.layer = POLICY_LAYER_GRANT + 1 + parser->layers++;
	parser->file = &file;
	error = parse_text(parser, copy, length);
	parser->file = outer;
	return error;
}

static int parse_statement(struct parser *parser, struct words words,
			   bool first)
{
	const struct word *start = &words.items[0];
	char buffer[64];

	if (word_is(start, "include"))
		return parse_include(parser, words);
	if (word_is(start, "set"))
		return parse_set(parser, words);
	if (word_is(start, "secret"))
		return parse_secret(parser, words);
	if (word_is(start, "ssh-agent"))
		return parse_agent(parser, words);
	if (word_is(start, "limit"))
		return parse_limit(parser, words);
	if (word_is(start, "policy"))
		return parse_version(parser, words, first);
	if (words.count > 1 && word_is(&words.items[1], "ptrace"))
		return parse_tracing(parser, words);
	if (words.count > 1 && word_is(&words.items[1], "clipboard"))
		return parse_clipboard(parser, words);
	if (!start->quoted &&
	    word_index(statements, start->raw, start->raw_length) >= 0)
		return parse_rule(parser, words);
	parse_error(parser, start, parse_suggest(statements, start, buffer),
		    "a line starts with a verdict, or with `include`, `set`, "
		    "`secret`, `ssh-agent`, `limit` or `policy`");
	return 0;
}

static int parse_text(struct parser *parser, const char *text, size_t length)
{
	struct lexer lexer;
	struct lex_line line;
	bool first = true;
	int more, error = 0;

	lexer_init(&lexer, &parser->policy->arena, parser->diagnostics,
		   parser->file->name, text, length);
	while (!error && (more = lexer_next(&lexer, &line)) != 0) {
		struct words words = {line.words, line.count};
		auto_free struct word *kept = NULL;

		if (more < 0) {
			error = more;
			break;
		}
		if (line.count == 0 || line.broken)
			continue;
		/* An include reads other lines before this one is done. */
		kept = malloc(line.count * sizeof(*kept));
		if (!kept) {
			error = -ENOMEM;
			break;
		}
		memcpy(kept, line.words, line.count * sizeof(*kept));
		words.items = kept;
		error = parse_statement(parser, words, first);
		first = false;
	}
	lexer_free(&lexer);
	return error;
}

static int parse_source(struct parser *parser,
			const struct policy_source *source)
{
	const struct policy_host *host = parser->input->host;
	struct arena *arena = &parser->policy->arena;
	struct parse_file file = {.kind = source->kind};
	struct place place = {.width = 1};
	auto_free char *read = NULL;
	const char *text = source->text;
	size_t length;
	int error = 0;

	/* Each file that is named is a layer; rules of one command line are
	 * one. */
	file.layer = source->kind == POLICY_LAYER_FILE
			     ? POLICY_LAYER_GRANT + 1 + parser->layers++
			     : source->kind;
	file.name = arena_copy(arena, source->name, strlen(source->name));
	if (!file.name)
		return -ENOMEM;
	place.file = file.name;
	if (text) {
		length = strlen(text);
	} else {
		error = host->read_file(host->context, source->name, &read,
					&length);
		text = read;
	}
	if (error == -ENOMEM)
		return error;
	if (error || is_blank(text, length)) {
		diagnostics_error(parser->diagnostics, &place, NULL, "%s",
				  error ? strerror(-error)
					: "a policy that is named must not be "
					  "empty");
		return 0;
	}
	if (read)
		error = parse_canonical(parser, file.name, &file.identity);
	if (!error && file.identity)
		error = array_add(parser->read, parser->read_count,
				  parser->read_capacity, file.identity);
	text = arena_copy(arena, text, length);
	if (error || !text)
		return -ENOMEM;
	parser->file = &file;
	error = parse_text(parser, text, length);
	parser->file = NULL;
	return error;
}

static bool looks_into_requests(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].actions & 1U << ACTION_HTTP)
			return true;
	return policy->secret_count > 0;
}

int parse_sources(struct parser *parser)
{
	const struct policy_input *input = parser->input;
	struct arena *arena = &parser->policy->arena;
	int error = 0;

	parser->variables.arena = arena;
	for (size_t i = 0; i < input->variable_count && !error; i++) {
		const struct policy_variable *given = &input->variables[i];
		char *name =
			arena_copy(arena, given->name, strlen(given->name));
		char *value = given->value ? arena_copy(arena, given->value,
							strlen(given->value))
					   : NULL;

		error = !name || (given->value && !value)
				? -ENOMEM
				: variables_set(&parser->variables, name, value,
						true);
	}
	for (size_t i = 0; i < input->source_count && !error; i++)
		error = parse_source(parser, &input->sources[i]);
	if (!error && input->for_requests &&
	    looks_into_requests(parser->policy))
		error = parse_source(parser, input->for_requests);
	variables_free(&parser->variables);
	free(parser->read);
	free(parser->canonical);
	free(parser->secret_names);
	return error;
}
