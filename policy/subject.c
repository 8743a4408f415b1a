/*
 * The words of `explain` and `policy test`, as a question.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/expand.h"
#include "policy/names.h"
#include "policy/scope.h"

struct policy_subject {
	struct arena arena;
	const struct policy_input *input;
	struct policy_query query;
	struct policy_endpoint endpoint;
	struct policy_program program, parent;

	const char *via[1];
	char *message;
};

const struct policy_query *
policy_subject_query(const struct policy_subject *subject)
{
	return &subject->query;
}

void policy_subject_free(struct policy_subject *subject)
{
	if (!subject)
		return;
	arena_clear(&subject->arena);
	free(subject->message);
	free(subject);
}

static int refuse(struct policy_subject *subject, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct policy_subject *subject, const char *format, ...)
{
	va_list arguments;

	free(subject->message);
	va_start(arguments, format);
	if (vasprintf(&subject->message, format, arguments) < 0)
		subject->message = NULL;
	va_end(arguments);
	return subject->message ? -EINVAL : -ENOMEM;
}

static int variables_from_input(struct policy_subject *subject,
				struct variables *variables)
{
	const struct policy_input *input = subject->input;
	int error = 0;

	variables->arena = &subject->arena;
	for (size_t i = 0; i < input->variable_count && !error; i++)
		error = variables_set(variables, input->variables[i].name,
				      input->variables[i].value, true);
	return error;
}

/** Expand `~` and variables in a word that a person typed. */
static int expand_text(struct policy_subject *subject, const char *text,
		       const char **expanded)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	size_t length = strlen(text);
	symbol *items =
		arena_alloc(&subject->arena, (length + 1) * sizeof(symbol));
	struct variables variables = {0};
	struct word word = {.raw = text, .raw_length = length};
	struct symbols symbols;
	int result = -ENOMEM;

	word.place = (struct place){.file = "", .width = 1};
	if (list && items && !variables_from_input(subject, &variables)) {
		for (size_t i = 0; i < length; i++)
			items[i] = (unsigned char)text[i];
		word.symbols = (struct symbols){items, length};
		result = expand_word(&variables, list, &word, 0, &symbols);
	}
	if (result == -EINVAL)
		refuse(subject, "%s",
		       policy_diagnostics_at(list, 0)
			       ? policy_diagnostics_at(list, 0)->message
			       : "unknown variable");
	if (result == EXPANDED_UNSET)
		result =
			refuse(subject, "%s: a variable is not set here", text);
	variables_free(&variables);
	policy_diagnostics_free(list);
	if (result)
		return result;
	*expanded = symbols_string(&subject->arena, symbols);
	return *expanded ? 0 : -ENOMEM;
}

/** The canonical path, and the name it was given if that is another. */
static int take_path(struct policy_subject *subject, const char *text,
		     const char **path, const char **given)
{
	const struct policy_host *host = subject->input->host;
	auto_free char *canonical = NULL;
	int error = expand_text(subject, text, path);

	if (error)
		return error;
	if (**path != '/')
		return refuse(subject,
			      "%s: a path starts with `/`, `~` or a "
			      "variable",
			      text);
	if (!host->canonical ||
	    host->canonical(host->context, *path, &canonical) != 0)
		return 0;
	if (given && strcmp(canonical, *path) != 0)
		*given = *path;
	*path = arena_copy(&subject->arena, canonical, strlen(canonical));
	return *path ? 0 : -ENOMEM;
}

/** A program by its path, or as PATH finds it. */
static int take_program(struct policy_subject *subject, const char *text,
			const char **path, const char **given)
{
	const struct policy_host *host = subject->input->host;
	auto_free char *found = NULL;
	int error;

	if (strchr(text, '/') || *text == '~' || *text == '$')
		return take_path(subject, text, path, given);
	error = host->find_program
			? host->find_program(host->context, text, &found)
			: -ENOENT;
	if (error == -ENOMEM)
		return error;
	if (error)
		return refuse(subject, "PATH finds no program '%s'", text);
	*path = arena_copy(&subject->arena, found, strlen(found));
	return *path ? 0 : -ENOMEM;
}

static int take_file(struct policy_subject *subject, const char *text)
{
	const char *given = NULL;
	int error = take_path(subject, text, &subject->query.text, &given);

	if (error)
		return error;
	subject->query.length = strlen(subject->query.text);
	if (given) {
		subject->via[0] = given;
		subject->query.via = subject->via;
		subject->query.via_count = 1;
	}
	return 0;
}

static int take_exec(struct policy_subject *subject, const char *const *words,
		     size_t count)
{
	const char *given = NULL;
	int error =
		take_program(subject, words[0], &subject->query.text, &given);

	if (error)
		return error;
	subject->query.length = strlen(subject->query.text);
	subject->query.argv = words;
	subject->query.argc = count;
	if (given) {
		subject->via[0] = given;
		subject->query.via = subject->via;
		subject->query.via_count = 1;
	}
	return 0;
}

static int take_port(struct policy_subject *subject, const char *whole,
		     const char *text)
{
	unsigned long port;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return refuse(subject, "%s: a port is wanted: `HOST:PORT`",
			      whole);
	port = strtoul(text, &end, 10);
	if (*end || port > 65535)
		return refuse(subject, "%s: this is no port", whole);
	subject->endpoint.port = (uint16_t)port;
	return 0;
}

/** Set a host that is a name, an address, `localhost` or `self`. */
static void take_host(struct policy_subject *subject, const char *host)
{
	struct policy_endpoint *endpoint = &subject->endpoint;

	if (strcmp(host, "self") == 0 || strcmp(host, "localhost") == 0) {
		endpoint->own = *host == 's';
		endpoint->host = *host == 'l' ? host : NULL;
		endpoint->family = AF_INET;
		inet_pton(AF_INET, "127.0.0.1", endpoint->address);
	} else if (inet_pton(AF_INET, host, endpoint->address) == 1) {
		endpoint->family = AF_INET;
	} else if (inet_pton(AF_INET6, host, endpoint->address) == 1) {
		endpoint->family = AF_INET6;
	} else {
		endpoint->host = host;
	}
}

/** Read HOST:PORT; without a port only where one is not needed. */
static int take_address(struct policy_subject *subject, const char *text,
			bool port_needed)
{
	char *host = arena_copy(&subject->arena, text, strlen(text)), *port;

	if (!host)
		return -ENOMEM;
	if (*host == '[') {
		char *close = strchr(++host, ']');

		if (!close)
			return refuse(subject, "%s: the `[` is not closed",
				      text);
		*close = '\0';
		port = close[1] == ':' ? close + 2 : NULL;
	} else {
		port = strrchr(host, ':');
		if (port)
			*port++ = '\0';
	}
	if (!*host)
		return refuse(subject, "%s: this names no host", text);
	take_host(subject, host);
	if (!port && !port_needed) {
		subject->endpoint.port = 443;
		return 0;
	}
	return take_port(subject, text, port);
}

static int take_endpoint(struct policy_subject *subject, const char *text)
{
	struct policy_query *query = &subject->query;

	query->endpoint = &subject->endpoint;
	if (strncmp(text, "unix:@", 6) == 0) {
		subject->endpoint.kind = ENDPOINT_ABSTRACT;
		query->text = text + 6;
		query->length = strlen(query->text);
		return 0;
	}
	if (strncmp(text, "unix:", 5) == 0) {
		subject->endpoint.kind = ENDPOINT_UNIX;
		return take_file(subject, text + 5);
	}
	if (strncmp(text, "udp:", 4) == 0) {
		subject->endpoint.kind = ENDPOINT_UDP;
		text += 4;
	}
	return take_address(subject, text, true);
}

static int take_request(struct policy_subject *subject,
			const char *const *words)
{
	const char *slash = strchr(words[1], '/');
	struct policy_query *query = &subject->query;
	char *host;

	if (!slash)
		return refuse(subject,
			      "%s: a request is "
			      "`METHOD HOST[:PORT]/PATH`",
			      words[1]);
	host = arena_copy(&subject->arena, words[1],
			  (size_t)(slash - words[1]));
	if (!host)
		return -ENOMEM;
	query->method = words[0];
	query->endpoint = &subject->endpoint;
	query->text = slash;
	query->length = strlen(slash);
	return take_address(subject, host, false);
}

static const struct policy_program *program_of(void *context)
{
	return context;
}

/** Read `PROGRAM [argv0 NAME] [script PATH]`; returns the words read. */
static int take_caller(struct policy_subject *subject, const char *const *words,
		       size_t count, size_t *used,
		       struct policy_program *program)
{
	int error;

	*used = 1;
	if (count == 0)
		return refuse(subject, "a program is named after `by` and "
				       "`under`");
	error = take_program(subject, words[0], &program->exe, NULL);
	while (!error && *used + 1 < count) {
		if (strcmp(words[*used], "argv0") == 0)
			program->argv0 = words[*used + 1];
		else if (strcmp(words[*used], "script") == 0)
			error = take_path(subject, words[*used + 1],
					  &program->script, NULL);
		else
			break;
		*used += 2;
	}
	return error;
}

/** Read `by PROGRAM`, `under PROGRAM` or `by PROGRAM under PROGRAM`. */
static int take_callers(struct policy_subject *subject,
			const char *const *words, size_t count)
{
	struct policy_program *program = &subject->program;
	size_t used;
	int error;

	while (count > 0) {
		if (strcmp(words[0], "by") != 0 &&
		    strcmp(words[0], "under") != 0)
			return refuse(subject,
				      "%s: `by PROGRAM` is all that "
				      "may stand here",
				      words[0]);
		if (program == NULL)
			return refuse(subject, "too many programs");
		error = take_caller(subject, words + 1, count - 1, &used,
				    program);
		if (error)
			return error;
		if (program == &subject->parent)
			subject->program.parent = program;
		program =
			program == &subject->program ? &subject->parent : NULL;
		words += used + 1;
		count -= used + 1;
		subject->query.program = program_of;
		subject->query.program_context = &subject->program;
	}
	return 0;
}

/** Where `by` or `under` starts; with `exec` the last, for arguments differ. */
static size_t find_callers(const char *const *words, size_t count, bool last)
{
	size_t found = count;

	for (size_t i = 2; i + 1 < count; i++) {
		bool by = strcmp(words[i], "by") == 0;

		if (!by && strcmp(words[i], "under") != 0)
			continue;
		if (found == count || (last && by))
			found = i;
	}
	return found;
}

static int take_words(struct policy_subject *subject, const char *const *words,
		      size_t count)
{
	int action =
		count ? word_index(action_words, words[0], strlen(words[0]))
		      : -1;
	size_t wanted = action == ACTION_HTTP ? 3 : 2, end;
	int error;

	if (count == 0)
		return refuse(subject, "`ACTION SUBJECT [by PROGRAM]`");
	if (action < 0) {
		const char *near =
			nearest_word(action_words, words[0], strlen(words[0]));

		return refuse(subject, "%s: this is no action%s%s%s", words[0],
			      near ? "; did you mean '" : "", near ?: "",
			      near ? "'?" : "");
	}
	end = find_callers(words, count, action == ACTION_EXEC);
	if (end < wanted || (end > wanted && action != ACTION_EXEC))
		return refuse(subject, "%s: `%s %s [by PROGRAM]`", words[0],
			      words[0],
			      action == ACTION_HTTP   ? "METHOD HOST/PATH"
			      : action == ACTION_EXEC ? "PROGRAM [ARG…]"
						      : "SUBJECT");
	subject->query.action = (enum action)action;
	if (action == ACTION_EXEC)
		error = take_exec(subject, words + 1, end - 1);
	else if (action == ACTION_HTTP)
		error = take_request(subject, words + 1);
	else if (action == ACTION_CONNECT || action == ACTION_LISTEN)
		error = take_endpoint(subject, words[1]);
	else if (action != ACTION_ENV)
		error = take_file(subject, words[1]);
	else
		error = 0;
	if (action == ACTION_ENV) {
		subject->query.text = words[1];
		subject->query.length = strlen(words[1]);
	}
	return error ? error : take_callers(subject, words + end, count - end);
}

int policy_subject_parse(const struct policy_input *input,
			 const char *const *words, size_t count,
			 struct policy_subject **out, char **message)
{
	struct policy_subject *subject = calloc(1, sizeof(*subject));
	const char **copy;
	int error;

	*message = NULL;
	if (!subject)
		return -ENOMEM;
	subject->input = input;
	/* The words are the caller's; what is asked keeps its own. */
	copy = arena_alloc(&subject->arena, (count + 1) * sizeof(*copy));
	error = copy ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && !error; i++) {
		copy[i] =
			arena_copy(&subject->arena, words[i], strlen(words[i]));
		error = copy[i] ? 0 : -ENOMEM;
	}
	if (!error)
		error = take_words(subject, copy, count);
	if (error) {
		*message = take_ptr(subject->message);
		policy_subject_free(subject);
		return error;
	}
	*out = subject;
	return 0;
}
