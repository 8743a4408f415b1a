#include "supervisor/import/codex_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/scope.h"

enum { MOST_TOKENS = 32, MOST_RULES = 256 };

int codex_add(struct codex_value *list, const struct codex_value *item)
{
	return array_add(list->items, list->count, list->capacity, *item);
}

void codex_value_clear(struct codex_value *value)
{
	for (size_t i = 0; i < value->count; i++)
		codex_value_clear(&value->items[i]);
	free(value->items);
	free(value->text);
	*value = (struct codex_value){0};
}

static int wrong(const char **why_at, const char **why, const char *at,
		 const char *what)
{
	*why_at = at;
	*why = what;
	return -EINVAL;
}

static const struct codex_value *argument(const struct codex_call *call,
					  const char *name)
{
	for (size_t i = 0; i < call->count; i++)
		if (call->arguments[i].length == strlen(name) &&
		    strncmp(call->arguments[i].name, name, strlen(name)) == 0)
			return &call->arguments[i].value;
	return NULL;
}

/* No argument may have another name: it would be passed over. */
static int known_only(const struct codex_call *call, const char *const *names,
		      const char **why_at, const char **why)
{
	for (size_t i = 0; i < call->count; i++) {
		const struct codex_argument *one = &call->arguments[i];
		bool known = false;

		for (const char *const *name = names; *name; name++)
			known |= one->length == strlen(*name) &&
				 strncmp(one->name, *name, one->length) == 0;
		if (!known)
			return wrong(why_at, why, one->name,
				     "this argument is not known");
	}
	return 0;
}

/* ---------------------------------------------------------------- prefixes --
 */

static bool token_is(const struct codex_value *token, const char *word,
		     size_t length)
{
	if (token->text)
		return strlen(token->text) == length &&
		       memcmp(token->text, word, length) == 0;
	for (size_t i = 0; i < token->count; i++)
		if (token_is(&token->items[i], word, length))
			return true;
	return false;
}

/* The next word of an example, as the shell splits it; false at its end. */
static bool next_word(const char **at, struct text *word)
{
	char quote = 0;

	*at += strspn(*at, " \t\n");
	if (!**at)
		return false;
	word->length = 0;
	text_add(word, "", 0);
	for (; **at && (quote || !strchr(" \t\n", **at)); (*at)++) {
		char c = **at;

		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
			continue;
		}
		if (c == '\\' && quote != '\'' && (*at)[1])
			c = *++*at;
		text_add_byte(word, c);
	}
	return !word->failed;
}

/* Does the pattern begin the example, a text or a list of words? */
static bool begins(const struct codex_value *pattern,
		   const struct codex_value *example)
{
	const char *at = example->text;
	struct text word = {0};
	bool same = true;

	for (size_t i = 0; i < pattern->count && same; i++) {
		if (example->is_list)
			same = i < example->count && example->items[i].text &&
			       token_is(&pattern->items[i],
					example->items[i].text,
					strlen(example->items[i].text));
		else
			same = next_word(&at, &word) &&
			       token_is(&pattern->items[i], word.data ?: "",
					word.length);
	}
	text_free(&word);
	return same;
}

/* `match` and `not_match` are what the rule's author takes it to mean. */
static int examples(const struct codex_call *call, const char *name,
		    const struct codex_value *pattern, bool wanted,
		    const char **why_at, const char **why)
{
	const struct codex_value *list = argument(call, name);

	if (!list || list->none)
		return 0;
	if (!list->is_list)
		return wrong(why_at, why, list->at, "a list is wanted here");
	for (size_t i = 0; i < list->count; i++)
		if (begins(pattern, &list->items[i]) != wanted)
			return wrong(why_at, why, list->items[i].at,
				     wanted ? "this example does not match "
					      "its rule"
					    : "this example matches its rule, "
					      "and should not");
	return 0;
}

static int pattern_of(const struct codex_call *call,
		      const struct codex_value **pattern, const char **why_at,
		      const char **why)
{
	const struct codex_value *list = argument(call, "pattern");

	if (!list)
		return wrong(why_at, why, call->at, "this rule has no pattern");
	if (!list->is_list || !list->count || list->count > MOST_TOKENS)
		return wrong(why_at, why, list->at,
			     "a pattern is a list of texts, not empty");
	for (size_t i = 0; i < list->count; i++) {
		const struct codex_value *token = &list->items[i];
		bool good = token->text || (token->is_list && token->count);

		for (size_t k = 0; good && k < token->count; k++)
			good = token->items[k].text != NULL;
		if (!good || (token->text && !token->text[0] && i == 0))
			return wrong(why_at, why, token->at,
				     "a token is a text, or a list of texts, "
				     "one of which it is");
	}
	*pattern = list;
	return 0;
}

static int decision_of(const struct codex_call *call, const char *forbidden,
		       enum import_part *part, const char **why_at,
		       const char **why)
{
	const struct codex_value *decision = argument(call, "decision");

	*part = IMPORT_ALLOW;
	if (!decision || decision->none)
		return 0;
	if (decision->text && strcmp(decision->text, "allow") == 0)
		return 0;
	*part = IMPORT_ASK;
	if (decision->text && strcmp(decision->text, "prompt") == 0)
		return 0;
	*part = IMPORT_DENY;
	if (decision->text && strcmp(decision->text, forbidden) == 0)
		return 0;
	return wrong(why_at, why, decision->at,
		     "a decision is allow, prompt or forbidden (of a host, "
		     "deny)");
}

/* One choice of each token: `choice` counts through all of them. */
static int add_choice(struct codex *codex, const struct codex_value *pattern,
		      size_t choice, enum import_part part, const char *because)
{
	struct codex_rule rule = {.part = part};
	struct text words = {0}, origin = {0};

	text_add(&words, "", 0);
	for (size_t i = 0; i < pattern->count; i++) {
		const struct codex_value *token = &pattern->items[i];
		const char *word = token->text;

		if (token->is_list) {
			word = token->items[choice % token->count].text;
			choice /= token->count;
		}
		text_add_string(&origin, i ? " " : "");
		text_add_string(&origin, word);
		if (i == 0) {
			rule.program = strdup(word);
			continue;
		}
		text_add_byte(&words, ' ');
		import_argument(&words, word, strlen(word), false);
	}
	text_add_string(&words, pattern->count > 1 ? " **" : "");
	rule.because = because ? strdup(because) : NULL;
	int error = text_finish(&words, &rule.words);
	int also = text_finish(&origin, &rule.origin);

	error = error ? error : also;
	if (!error && (!rule.program || (because && !rule.because)))
		error = -ENOMEM;
	if (!error)
		error = array_add(codex->rules, codex->rule_count,
				  codex->rule_capacity, rule);
	if (error) {
		free(rule.program);
		free(rule.words);
		free(rule.because);
		free(rule.origin);
	}
	return error;
}

static int prefix_rule(struct codex *codex, const struct codex_call *call,
		       const char **why_at, const char **why)
{
	static const char *const names[] = {"pattern",	     "decision",
					    "justification", "match",
					    "not_match",     NULL};
	const struct codex_value *pattern = NULL, *because;
	enum import_part part = IMPORT_DENY;
	size_t choices = 1;
	int error = known_only(call, names, why_at, why);

	if (!error)
		error = pattern_of(call, &pattern, why_at, why);
	if (!error)
		error = decision_of(call, "forbidden", &part, why_at, why);
	if (!error)
		error = examples(call, "match", pattern, true, why_at, why);
	if (!error)
		error = examples(call, "not_match", pattern, false, why_at,
				 why);
	because = argument(call, "justification");
	if (!error && because && !because->none && !because->text)
		error = wrong(why_at, why, because->at,
			      "a text is wanted here");
	for (size_t i = 0; !error && i < pattern->count; i++)
		if (pattern->items[i].is_list)
			choices *= pattern->items[i].count;
	if (!error && choices > MOST_RULES)
		error = wrong(why_at, why, pattern->at,
			      "it has too many alternatives");
	for (size_t i = 0; !error && i < choices; i++)
		error = add_choice(codex, pattern, i, part,
				   because ? because->text : NULL);
	return error;
}

/* ------------------------------------------------------- names and hosts -- */

static int host_executable(struct codex *codex, const struct codex_call *call,
			   const char **why_at, const char **why)
{
	static const char *const names[] = {"name", "paths", NULL};
	const struct codex_value *name = argument(call, "name");
	const struct codex_value *paths = argument(call, "paths");
	struct codex_name made = {0};
	int error = known_only(call, names, why_at, why);

	if (error)
		return error;
	if (!name || !name->text || !paths || !paths->is_list)
		return wrong(why_at, why, call->at,
			     "a name and a list of paths are wanted");
	for (size_t i = 0; i < paths->count; i++)
		if (!paths->items[i].text ||
		    (paths->items[i].text[0] != '/' &&
		     strncmp(paths->items[i].text, "~/", 2) != 0))
			return wrong(why_at, why, paths->items[i].at,
				     "an absolute path is wanted here");
	made.name = strdup(name->text);
	error = made.name ? 0 : -ENOMEM;
	if (!error)
		error = array_add(codex->names, codex->name_count,
				  codex->name_capacity, made);
	if (error) {
		free(made.name);
		return error;
	}
	struct codex_name *kept = &codex->names[codex->name_count - 1];

	for (size_t i = 0; i < paths->count && !error; i++) {
		char *path = strdup(paths->items[i].text);

		error = path ? array_add(kept->paths, kept->count,
					 kept->capacity, path)
			     : -ENOMEM;
		if (error)
			free(path);
	}
	return error;
}

static int network_rule(struct codex *codex, const struct codex_call *call,
			const char **why_at, const char **why)
{
	static const char *const names[] = {"host", "protocol", "decision",
					    "justification", NULL};
	static const struct {
		const char *protocol, *ports, *lead;
	} known[] = {
		{"https", "443", ""},
		{"http", "80", ""},
		{"socks5_tcp", "*", ""},
		{"socks5_udp", "*", "udp:"},
	};
	const struct codex_value *host = argument(call, "host");
	const struct codex_value *protocol = argument(call, "protocol");
	enum import_part part = IMPORT_ALLOW;
	struct text hosts = {0};
	int error = known_only(call, names, why_at, why);

	if (!error)
		error = decision_of(call, "deny", &part, why_at, why);
	if (error)
		return error;
	if (!host || !host->text || !protocol || !protocol->text)
		return wrong(why_at, why, call->at,
			     "a host and a protocol are wanted");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(protocol->text, known[i].protocol) != 0)
			continue;
		if (!import_host(&hosts, host->text, known[i].ports)) {
			text_free(&hosts);
			return wrong(why_at, why, host->at,
				     "this is no host name");
		}
		import_rule(codex->import, part, host->text, "%s connect %s%s",
			    part == IMPORT_ALLOW ? "allow"
			    : part == IMPORT_ASK ? "ask"
						 : "deny",
			    known[i].lead, hosts.data + 1);
		text_free(&hosts);
		return 0;
	}
	return wrong(why_at, why, protocol->at,
		     "a protocol is https, http, socks5_tcp or socks5_udp");
}

int codex_call(struct codex *codex, const struct codex_call *call,
	       const char **why_at, const char **why)
{
	static const struct {
		const char *name;
		int (*take)(struct codex *codex, const struct codex_call *call,
			    const char **why_at, const char **why);
	} known[] = {
		{"prefix_rule", prefix_rule},
		{"host_executable", host_executable},
		{"network_rule", network_rule},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].name) == call->length &&
		    strncmp(known[i].name, call->at, call->length) == 0)
			return known[i].take(codex, call, why_at, why);
	return wrong(why_at, why, call->at,
		     "only calls of prefix_rule, host_executable and "
		     "network_rule can be read");
}

/* ------------------------------------------------------------------ rules --
 */

static void put_rule(struct codex *codex, const struct codex_rule *rule,
		     const char *program)
{
	struct import_place place = {ANCHOR_ROOT, NULL};
	struct text text = {0};
	const char *verdict = rule->part == IMPORT_ALLOW ? "allow"
			      : rule->part == IMPORT_ASK ? "ask"
							 : "deny";

	text_format(&text, "%s exec ", verdict);
	if (program[0] == '~' && program[1] == '/')
		place.anchor = ANCHOR_HOME;
	if (program[0] == '/' || place.anchor == ANCHOR_HOME)
		import_path(codex->import, &text, &place,
			    program + (program[0] == '~'), false);
	else
		import_argument(&text, program, strlen(program), false);
	text_add_string(&text, rule->words);
	if (rule->because && rule->part != IMPORT_ALLOW) {
		text_add_string(&text, " because \"");
		for (const char *at = rule->because; *at; at++) {
			if (*at == '"' || *at == '\\')
				text_add_byte(&text, '\\');
			text_add_byte(&text,
				      (unsigned char)*at < 0x20 || *at == 0x7f
					      ? ' '
					      : *at);
		}
		text_add_byte(&text, '"');
	}
	if (text.failed)
		codex->import->parts[rule->part].failed = true;
	else
		import_rule(codex->import, rule->part, rule->origin, "%s",
			    text.data);
	text_free(&text);
}

int codex_finish(struct codex *codex)
{
	codex->import->shown = NULL;
	for (size_t i = 0; i < codex->rule_count; i++) {
		const struct codex_rule *rule = &codex->rules[i];
		const struct codex_name *name = NULL;

		if (strchr(rule->program, '/') && rule->program[0] != '/' &&
		    rule->program[0] != '~') {
			import_unsaid(codex->import, rule->origin,
				      "a program by a relative path");
			continue;
		}
		for (size_t k = 0; k < codex->name_count; k++)
			if (strcmp(codex->names[k].name, rule->program) == 0)
				name = &codex->names[k];
		/* What is refused is refused by every name. */
		if (!name || rule->part != IMPORT_ALLOW)
			put_rule(codex, rule, rule->program);
		else
			for (size_t k = 0; k < name->count; k++)
				put_rule(codex, rule, name->paths[k]);
	}
	return 0;
}

void codex_clear(struct codex *codex)
{
	for (size_t i = 0; i < codex->rule_count; i++) {
		free(codex->rules[i].program);
		free(codex->rules[i].words);
		free(codex->rules[i].because);
		free(codex->rules[i].origin);
	}
	for (size_t i = 0; i < codex->name_count; i++) {
		for (size_t k = 0; k < codex->names[i].count; k++)
			free(codex->names[i].paths[k]);
		free(codex->names[i].paths);
		free(codex->names[i].name);
	}
	free(codex->rules);
	free(codex->names);
}
