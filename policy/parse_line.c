#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/scope.h"

/** Read a number; returns where it ends, or NULL. */
static const char *read_number(const char *text, int64_t *number)
{
	const char *start = text;
	int64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return NULL;
	*number = value;
	return text > start ? text : NULL;
}

/** Multiply by what the last letter means, of a list of letters. */
static bool read_scaled(const char *text, const char *letters,
			const int64_t *factors, int64_t *number)
{
	const char *end = read_number(text, number), *letter;

	if (!end)
		return false;
	if (!*end)
		return true;
	letter = strchr(letters, *end);
	return letter && !end[1] &&
	       !__builtin_mul_overflow(*number, factors[letter - letters],
				       number);
}

bool parse_duration(const char *text, int64_t *seconds)
{
	static const int64_t factors[] = {1, 60, 60 * 60, 24 * 60 * 60};

	return read_scaled(text, "smhd", factors, seconds);
}

static bool parse_size(const char *text, int64_t *bytes)
{
	static const int64_t factors[] = {1LL << 10, 1LL << 20, 1LL << 30,
					  1LL << 40};

	return read_scaled(text, "KMGT", factors, bytes);
}

int line_keep(struct parser *parser, struct words words,
	      struct policy_line *line)
{
	line->file = words.items->place.file;
	line->line = words.items->place.line;
	line->text = parse_joined(parser, words);
	return line->text ? 0 : -ENOMEM;
}

int parse_limit(struct parser *parser, struct words words)
{
	static const char *const hints[] = {
		[LIMIT_MEMORY] = "such as `512M` or `8G`",
		[LIMIT_PROCESSES] = "such as `512`",
		[LIMIT_CPU] = "such as `90s` or `2h`",
		[LIMIT_TIME] = "such as `30m` or `8h`",
		[LIMIT_FILES] = "such as `1024`",
		[LIMIT_FILE_SIZE] = "such as `512M` or `8G`",
	};
	struct policy *policy = parser->policy;
	const struct word *kind = &words.items[1];
	char *text, buffer[64];
	int64_t value = -1;
	bool valid;
	int index;

	if (words.count != 3) {
		parse_error(parser, &words.items[0], NULL,
			    "`limit` takes a kind and a value");
		return 0;
	}
	index = word_index(limit_words, kind->raw, kind->raw_length);
	if (index < 0) {
		parse_error(parser, kind,
			    parse_suggest(limit_words, kind, buffer)
				    ?: "memory, processes, cpu, time, files "
				       "or file-size",
			    "this is no limit");
		return 0;
	}
	text = word_string(&policy->arena, &words.items[2]);
	if (!text)
		return -ENOMEM;
	if (index == LIMIT_MEMORY || index == LIMIT_FILE_SIZE) {
		valid = parse_size(text, &value);
	} else if (index == LIMIT_CPU || index == LIMIT_TIME) {
		valid = parse_duration(text, &value);
	} else {
		const char *end = read_number(text, &value);

		valid = end && !*end;
	}
	if (!valid || value == 0) {
		parse_error(parser, &words.items[2], hints[index],
			    "this is no value for the limit");
		return 0;
	}
	policy->limits[index] = value;
	return line_keep(parser, words, &policy->limit_lines[index]);
}

/* ---------------------------------------------------------------- ptrace -- */

int parse_tracing(struct parser *parser, struct words words)
{
	const struct word *verdict = &words.items[0];
	bool allow = word_is(verdict, "allow");

	if (!allow && !word_is(verdict, "deny")) {
		parse_error(parser, verdict, "`allow ptrace` or `deny ptrace`",
			    "`ptrace` is allowed or not");
		return 0;
	}
	if (words.count != 2) {
		parse_error(parser, &words.items[2], NULL,
			    "`ptrace` is for all programs of the session: "
			    "nothing follows it");
		return 0;
	}
	parser->policy->tracing = allow;
	return line_keep(parser, words, &parser->policy->tracing_line);
}

/* ------------------------------------------------------------- clipboard -- */

int parse_clipboard(struct parser *parser, struct words words)
{
	static const char hint[] = "such as `deny clipboard read,write`";
	const struct word *verdict = &words.items[0], *how = &words.items[2];
	struct policy *policy = parser->policy;
	bool allow = word_is(verdict, "allow"), read, write;
	struct policy_line line;

	if (!allow && !word_is(verdict, "deny")) {
		parse_error(parser, verdict, hint,
			    "`clipboard` is allowed or denied");
		return 0;
	}
	if (words.count < 3) {
		parse_error(parser, &words.items[1], hint,
			    "is it about to `read` it or to `write` it?");
		return 0;
	}
	read = word_is(how, "read") || word_is(how, "read,write");
	write = word_is(how, "write") || word_is(how, "read,write");
	if (!read && !write) {
		parse_error(parser, how, hint,
			    "a clipboard is for `read`, `write` or "
			    "`read,write`");
		return 0;
	}
	if (words.count > 3) {
		parse_error(parser, &words.items[3], NULL,
			    "the clipboard is the terminal's, for all programs "
			    "of the session: nothing follows");
		return 0;
	}
	int error = line_keep(parser, words, &line);

	if (!error && read) {
		policy->clipboard[POLICY_CLIPBOARD_READ] = allow;
		policy->clipboard_lines[POLICY_CLIPBOARD_READ] = line;
	}
	if (!error && write) {
		policy->clipboard[POLICY_CLIPBOARD_WRITE] = allow;
		policy->clipboard_lines[POLICY_CLIPBOARD_WRITE] = line;
	}
	return error;
}

/* ---------------------------------------------------------------- secret -- */

struct secret_words {
	struct parser *parser;
	const struct word *at, *end;
	struct policy_secret *secret;
	bool wrong;
};

static void mistake(struct secret_words *words, const struct word *word,
		    const char *hint, const char *message)
{
	parse_error(words->parser, word, hint, "%s", message);
	words->wrong = true;
	words->at = words->end;
}

/** The next word; a mistake, and NULL, where there is none. */
static const struct word *want(struct secret_words *words, const char *message)
{
	if (words->at < words->end)
		return words->at++;
	if (!words->wrong)
		mistake(words, words->end - 1, NULL, message);
	return NULL;
}

/** Keep what a word says. */
static int keep_word(struct secret_words *words, const struct word *word,
		     const char **kept)
{
	if (words->wrong)
		return 0;
	*kept = word_string(&words->parser->policy->arena, word);
	return *kept ? 0 : -ENOMEM;
}

static bool take(struct secret_words *words, const char *text)
{
	if (words->at == words->end || !word_is(words->at, text))
		return false;
	words->at++;
	return true;
}

static const char *const source_words[] = {"env", "file", "command", NULL};
static const char *const place_words[] = {"header", "basic", "bearer", "query",
					  "body",   "aws",   NULL};
static const char *const secret_words[] = {"to",      "in",	"ttl",
					   "renewed", "revoke", NULL};

static int read_source(struct secret_words *words)
{
	static const char wants[] =
		"a secret comes from `env VAR`, `file PATH` or `command \"…\"`";
	struct parser *parser = words->parser;
	const struct word *kind = want(words, wants), *value;
	struct symbols path;
	char buffer[64];
	int error;

	if (!kind)
		return 0;
	if (kind->quoted ||
	    word_index(source_words, kind->raw, kind->raw_length) < 0) {
		mistake(words, kind, parse_suggest(source_words, kind, buffer),
			wants);
		return 0;
	}
	words->secret->source = (enum policy_source_kind)word_index(
		source_words, kind->raw, kind->raw_length);
	value = want(words, wants);
	if (!value)
		return 0;
	if (word_is(kind, "command") && !value->quoted)
		mistake(words, value, NULL, "a command stands in quotes");
	if (!word_is(kind, "file"))
		return keep_word(words, value, &words->secret->from);
	error = expand_word(&parser->variables, parser->diagnostics, value, 0,
			    &path);
	if (error < 0) {
		words->wrong = true;
		return error == -EINVAL ? 0 : error;
	}
	if (error == EXPANDED &&
	    (path.count == 0 || path.items[0] % 256 != '/'))
		mistake(words, value, NULL,
			"a path starts with `/`, `~` or a variable");
	words->secret->from = symbols_string(&parser->policy->arena, path);
	if (!words->secret->from)
		return -ENOMEM;
	if (!take(words, "key"))
		return 0;
	value = want(words, "`key` wants a name");
	return value ? keep_word(words, value, &words->secret->key) : 0;
}

static int drop_line(void *context, enum space space,
		     const struct elements *elements)
{
	(void)context;
	(void)space;
	(void)elements;
	return 0;
}

static const char *add_host(struct arena *arena, const char *hosts,
			    const char *host)
{
	size_t length = strlen(hosts), size = strlen(host) + 1;
	char *text = arena_alloc(arena, length + 1 + size);

	if (!text)
		return NULL;
	memcpy(text, hosts, length);
	text[length] = ' ';
	memcpy(text + length + 1, host, size);
	return text;
}

/** Read the hosts; they must be such that a person can mean them. */
static int read_hosts(struct secret_words *words)
{
	struct parser *parser = words->parser;
	const char *hosts = "";
	size_t count = 0;

	while (words->at < words->end &&
	       (words->at->quoted || word_index(secret_words, words->at->raw,
						words->at->raw_length) < 0)) {
		const struct word *word = words->at++;
		char *text = word_string(&parser->policy->arena, word);
		enum host_form form = HOST_ANY;
		struct glob_problem problem;
		int error;

		if (!text)
			return -ENOMEM;
		error = endpoint_lines(
			TRANSPORT_TCP, text, NULL, &parser->policy->sets, &form,
			&parser->policy->edges, &problem, drop_line, NULL);
		if (error == -EINVAL)
			mistake(words, word, problem.hint, problem.message);
		else if (error)
			return error;
		else if (form == HOST_ANY || form == HOST_SELF)
			mistake(words, word, "name the hosts",
				"a secret goes to hosts that are named");
		hosts = add_host(&parser->policy->arena, hosts, text);
		if (!hosts)
			return -ENOMEM;
		count++;
	}
	words->secret->hosts = hosts;
	if (count == 0 && !words->wrong)
		mistake(words, words->at - 1, NULL, "`to` wants a host");
	return 0;
}

/** Of an AWS key there are several variables, whose names belong together. */
static void check_aws(struct secret_words *words, const struct word *word)
{
	static const char ending[] = "ACCESS_KEY_ID";
	const struct policy_secret *secret = words->secret;
	size_t length;

	if (secret->renewed)
		mistake(words, word, NULL,
			"an AWS key is not renewed by an answer");
	if (words->wrong || secret->source != SECRET_FROM_ENV)
		return;
	length = strlen(secret->from);
	if (length < sizeof(ending) - 1 ||
	    strcmp(secret->from + length - (sizeof(ending) - 1), ending) != 0)
		mistake(words, word, "from env AWS_ACCESS_KEY_ID",
			"name the variable of the key's id");
}

static int read_in(struct secret_words *words)
{
	static const char wants[] =
		"`in` wants `header NAME`, basic, bearer, query, body or aws";
	const struct word *word = want(words, wants);
	char buffer[64];

	if (!word)
		return 0;
	if (word->quoted ||
	    word_index(place_words, word->raw, word->raw_length) < 0) {
		mistake(words, word, parse_suggest(place_words, word, buffer),
			wants);
		return 0;
	}
	int error = keep_word(words, word, &words->secret->place);

	if (!error && word_is(word, "aws"))
		check_aws(words, word);
	if (error || !word_is(word, "header"))
		return error;
	word = want(words, "`header` wants a name");
	return word ? keep_word(words, word, &words->secret->header) : 0;
}

static int read_ttl(struct secret_words *words)
{
	const struct word *word = want(words, "`ttl` wants a time, as `15m`");
	char *text;

	if (!word)
		return 0;
	if (words->secret->source == SECRET_FROM_ENV)
		mistake(words, word - 1,
			"a file or a command can be read again",
			"a variable stays what it is");
	text = word_string(&words->parser->policy->arena, word);
	if (!text)
		return -ENOMEM;
	if (!words->wrong && (!parse_duration(text, &words->secret->ttl) ||
			      words->secret->ttl == 0))
		mistake(words, word, "such as `90s`, `15m` or `2h`",
			"this is no time");
	return 0;
}

/** What renews it is written back to where it came from. */
static int read_renewed(struct secret_words *words)
{
	const struct word *word = want(words, "`renewed` wants a key");

	if (!word)
		return 0;
	if (words->secret->place && strcmp(words->secret->place, "aws") == 0)
		mistake(words, word - 1, NULL,
			"an AWS key is not renewed by an answer");
	if (words->secret->source != SECRET_FROM_FILE || !words->secret->key)
		mistake(words, word - 1, "from file PATH key KEY",
			"only a secret that is a key of a file is renewed");
	return keep_word(words, word, &words->secret->renewed);
}

static int read_rest(struct secret_words *words)
{
	unsigned seen = 0;
	int error = 0;

	while (!error && words->at < words->end) {
		const struct word *word = words->at;
		char buffer[64];
		int index = word->quoted ? -1
					 : word_index(secret_words, word->raw,
						      word->raw_length);

		if (index <= 0) {
			mistake(words, word,
				parse_suggest(secret_words, word, buffer),
				"this does not belong here");
			break;
		}
		if (seen & 1u << index) {
			mistake(words, word, NULL, "this is said twice");
			break;
		}
		seen |= 1u << index;
		words->at++;
		if (word_is(word, "in")) {
			error = read_in(words);
		} else if (word_is(word, "ttl")) {
			error = read_ttl(words);
		} else if (word_is(word, "renewed")) {
			error = read_renewed(words);
		} else {
			const struct word *command =
				want(words, "`revoke` wants a command");

			if (command && !command->quoted)
				mistake(words, command, NULL,
					"a command stands in quotes");
			if (command)
				error = keep_word(words, command,
						  &words->secret->revoke);
		}
	}
	return error;
}

static int read_name(struct secret_words *words)
{
	struct parser *parser = words->parser;
	const struct word *word =
		want(words, "`secret NAME from SOURCE to HOST…`");
	const char *name;

	if (!word)
		return 0;
	name = word_string(&parser->policy->arena, word);
	if (!name)
		return -ENOMEM;
	for (size_t i = 0; i < parser->secret_name_count; i++)
		if (strcmp(parser->secret_names[i], name) == 0)
			mistake(words, word, NULL,
				"there is a secret of this name already");
	words->secret->name = name;
	return array_add(parser->secret_names, parser->secret_name_count,
			 parser->secret_name_capacity, name);
}

int parse_secret(struct parser *parser, struct words all)
{
	struct policy *policy = parser->policy;
	struct secret_words words = {
		.parser = parser,
		.at = all.items + 1,
		.end = all.items + all.count,
	};
	struct policy_secret secret = {.layer = parser->file->kind};
	int error;

	words.secret = &secret;
	error = read_name(&words);

	if (!error && !words.wrong && !take(&words, "from"))
		mistake(&words, words.at < words.end ? words.at : words.at - 1,
			NULL, "`from` and the secret's source come next");
	if (!error && !words.wrong)
		error = read_source(&words);
	if (!error && !words.wrong && !take(&words, "to"))
		mistake(&words, words.at < words.end ? words.at : words.at - 1,
			NULL, "`to` and the secret's hosts come next");
	if (!error && !words.wrong)
		error = read_hosts(&words);
	if (!error && !words.wrong)
		error = read_rest(&words);
	if (!error)
		error = line_keep(parser, all, &secret.line);
	return error ? error
		     : array_add(policy->secrets, policy->secret_count,
				 policy->secret_capacity, secret);
}
