/*
 * `Tool` and `Tool(content)` of Claude Code's permissions. What a rule of a
 * tool says holds here for every program of the session.
 */
#include <errno.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/import/import.h"

static const char *verdict_of(enum import_part part)
{
	return part == IMPORT_ALLOW ? "allow"
	       : part == IMPORT_ASK ? "ask"
				    : "deny";
}

/* ------------------------------------------------------------------ Bash -- */

enum { MOST_WORDS = 64 };

struct word {
	const char *at;
	size_t length;
	bool star; /* it has one that is not quoted */
};

struct command {
	char *bytes; /* of all words, quotes taken away */
	struct word words[MOST_WORDS];
	size_t count;
};

/* Split at spaces, with quotes. Returns why it cannot be said, or NULL. */
static const char *split(const char *text, struct command *command)
{
	char *out = command->bytes;
	char quote = 0;
	bool open = false;

	for (const char *at = text;; at++) {
		char c = *at;

		if (!c || (!quote && (c == ' ' || c == '\t'))) {
			if (open) {
				struct word *word =
					&command->words[command->count++];

				word->length = (size_t)(out - word->at);
				open = false;
			}
			if (!c)
				return quote ? "its quotes do not end" : NULL;
			continue;
		}
		if (!open) {
			if (command->count == MOST_WORDS)
				return "it has too many words";
			command->words[command->count] =
				(struct word){out, 0, false};
			open = true;
		}
		if (quote && c == quote) {
			quote = 0;
		} else if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else if (quote != '\'' && strchr("$`\\\n", c)) {
			return "what the shell makes of it is not known before";
		} else if (!quote && strchr("|&;<>()", c)) {
			return "it is a line of the shell, and each program of "
			       "it is decided by itself";
		} else {
			command->words[command->count].star |=
				!quote && c == '*';
			*out++ = c;
		}
	}
}

static bool is_word(const struct word *word, const char *string)
{
	return word->length == strlen(string) &&
	       strncmp(word->at, string, word->length) == 0;
}

static bool is_builtin(const struct word *word)
{
	static const char *const builtins[] = {
		".",	 "alias", "bg",	    "cd",    "declare", "eval",
		"exec",	 "exit",  "export", "fg",    "hash",	"history",
		"jobs",	 "local", "popd",   "pushd", "read",	"return",
		"set",	 "shift", "source", "trap",  "type",	"ulimit",
		"umask", "unset", "wait",
	};

	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++)
		if (is_word(word, builtins[i]))
			return true;
	return false;
}

static void put_program(struct import *import, struct text *rule,
			const struct word *word)
{
	struct import_place place = {ANCHOR_PROJECT, NULL};
	auto_free char *path = strndup(word->at, word->length);

	if (is_word(word, "*")) {
		text_add_string(rule, "/** **");
	} else if (path && !memchr(path, '/', word->length) && word->star) {
		text_add_string(rule, "/**/");
		import_argument(rule, word->at, word->length, true);
		text_add_string(rule, " **");
	} else if (path && memchr(path, '/', word->length)) {
		const char *rest = path;

		if (rest[0] == '/')
			place.anchor = ANCHOR_ROOT;
		else if (rest[0] == '~' && rest[1] == '/')
			place.anchor = ANCHOR_HOME;
		rest += rest[0] == '~';
		import_path(import, rule, &place, rest, false);
	} else {
		import_argument(rule, word->at, word->length, false);
	}
}

/* The pattern after `exec`. A star of theirs takes in spaces. */
static void put_command(struct import *import, struct text *rule,
			const struct command *command)
{
	put_program(import, rule, &command->words[0]);
	for (size_t i = 1; i < command->count; i++) {
		const struct word *word = &command->words[i];
		bool last = i + 1 == command->count;

		text_add_byte(rule, ' ');
		if (is_word(word, "*") && word->star) {
			text_add_string(rule, last ? "**" : "* **");
			continue;
		}
		import_argument(rule, word->at, word->length, word->star);
		if (word->star && word->at[word->length - 1] == '*')
			text_add_string(rule, " **");
	}
}

static int bash_rule(struct import *import, enum import_part part,
		     const char *origin, const char *content)
{
	auto_free char *bytes = NULL, *plain = NULL;
	struct command command = {0};
	struct text rule = {0};
	size_t length = strlen(content);
	const char *why = NULL;
	int error = 0;

	/* `git:*` is `git *`. */
	if (length > 2 && strcmp(content + length - 2, ":*") == 0) {
		if (asprintf(&plain, "%.*s *", (int)length - 2, content) < 0)
			plain = NULL;
	} else {
		plain = strdup(content);
	}
	bytes = malloc(length + 2);
	command.bytes = bytes;
	if (!plain || !bytes)
		return -ENOMEM;
	why = split(plain, &command);
	if (!why && (!command.count || !command.words[0].length))
		why = "it names no program";
	else if (!why &&
		 memchr(command.words[0].at, '=', command.words[0].length))
		why = "it begins with a variable, which is no part of what is "
		      "run";
	else if (!why && is_builtin(&command.words[0]))
		why = "the shell does it itself, and starts nothing";
	if (why) {
		import_unsaid(import, origin, why);
		return 0;
	}
	put_command(import, &rule, &command);
	if (rule.failed) {
		error = -ENOMEM;
	} else if (part == IMPORT_ALLOW && command.count == 1 &&
		   !command.words[0].star) {
		/* Without arguments, that is; a rule of this language that
		 * names none matches any. A refusal may well be the wider. */
		import_rule(import, IMPORT_REGION, origin, "allow exec %s",
			    rule.data);
		import_rule(import, IMPORT_REGION, "no more than that",
			    "ask exec %s * **", rule.data);
	} else {
		import_rule(import, part, origin, "%s exec %s",
			    verdict_of(part), rule.data);
	}
	text_free(&rule);
	return error;
}

/* ----------------------------------------------------------------- files -- */

/* Where a pattern begins, and the rest of it. */
static const char *anchor_of(const struct import_place *source,
			     const char *pattern, struct import_place *place)
{
	*place = (struct import_place){ANCHOR_PROJECT, NULL};
	if (strncmp(pattern, "//", 2) == 0) {
		place->anchor = ANCHOR_ROOT;
		return pattern + 1;
	}
	if (strncmp(pattern, "~/", 2) == 0) {
		place->anchor = ANCHOR_HOME;
		return pattern + 1;
	}
	if (pattern[0] == '/')
		*place = *source;
	return pattern;
}

static void file_rule(struct import *import, enum import_part part,
		      const struct import_place *source, const char *origin,
		      bool edit, const char *content)
{
	struct import_place place;
	const char *pattern = anchor_of(source, content, &place);
	struct text path = {0};
	auto_free char *deep = NULL;
	const char *slash, *actions;
	bool here = strncmp(pattern, "./", 2) == 0;

	if (pattern[0] == '!' || strstr(pattern, "/../") ||
	    strncmp(pattern, "../", 3) == 0) {
		import_unsaid(import, origin,
			      pattern[0] == '!'
				      ? "a pattern that takes back another; "
					"leave the other out"
				      : "a path with `..`: write where it "
					"leads");
		return;
	}
	pattern += here ? 2 : 0;
	/* A name alone is meant at any depth; so is `./name` where it is
	 * refused, which is more, not less. */
	slash = strchr(pattern, '/');
	if ((!slash || !slash[1]) && (!here || part == IMPORT_DENY) &&
	    strcmp(pattern, "**") != 0) {
		if (asprintf(&deep, "**/%s", pattern) < 0)
			deep = NULL;
		if (deep)
			pattern = deep;
	}
	import_path(import, &path, &place, pattern,
		    !import_is_file(import, &place, pattern));
	/* Who may edit may read, and what may not be read is not edited. */
	actions = edit ? (part == IMPORT_ALLOW ? "read,write" : "write")
		       : (part == IMPORT_DENY ? "read,write" : "read");
	if (path.failed)
		import->parts[part].failed = true;
	else
		import_rule(import, part, origin, "%s %s %s", verdict_of(part),
			    actions, path.data);
	text_free(&path);
}

/* ----------------------------------------------------------------- hosts -- */

static int fetch_rule(struct import *import, enum import_part part,
		      const char *place, const char *origin,
		      const char *content)
{
	struct text hosts = {0};

	if (strncmp(content, "domain:", 7) != 0)
		return import_error(import, place,
				    "WebFetch wants `domain:` and a name, as "
				    "in WebFetch(domain:example.com)");
	content += 7 + strspn(content + 7, " ");
	if (strchr(content, ':'))
		import_unsaid(import, origin,
			      "it is about a name on ports 443 and 80, and "
			      "this says more than a name");
	else if (!import_host(&hosts, content, "443") ||
		 !import_host(&hosts, content, "80"))
		import_unsaid(import, origin,
			      "a `*` can only be the first label of a host");
	else
		import_rule(import, part, origin, "%s connect%s",
			    verdict_of(part), hosts.data);
	text_free(&hosts);
	return 0;
}

/* ----------------------------------------------------------------- tools -- */

static void whole_tool(struct import *import, enum import_part part,
		       const char *tool)
{
	static const struct {
		const char *tool, *rule;
	} known[] = {
		{"Bash", "allow exec /**"},
		{"Read", "allow read /**"},
		{"Edit", "allow read,write /**"},
		{"Write", "allow read,write /**"},
		{"WebFetch", "allow connect *:443 *:80"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(tool, known[i].tool) != 0)
			continue;
		if (part == IMPORT_ALLOW)
			import_rule(import, part, tool, "%s", known[i].rule);
		else
			import_unsaid(import, tool,
				      "a tool as a whole is Claude Code's own "
				      "matter: keep the rule there; what its "
				      "programs do is decided one by one");
		return;
	}
	import_unsaid(import, tool,
		      "a tool that is no file, program or host of its own");
}

static const char *why_not(const char *tool)
{
	if (strcmp(tool, "Write") == 0 || strcmp(tool, "NotebookEdit") == 0 ||
	    strcmp(tool, "MultiEdit") == 0)
		return "Claude Code matches no path of this tool; Edit(...) is "
		       "for all that edit";
	if (strcmp(tool, "Glob") == 0 || strcmp(tool, "Grep") == 0 ||
	    strcmp(tool, "LS") == 0)
		return "Claude Code matches no path of this tool; Read(...) is "
		       "for all that read";
	if (strcmp(tool, "Cd") == 0)
		return "it is about the command /cd";
	if (strcmp(tool, "PowerShell") == 0)
		return "it is for Windows";
	return "a tool that is no file, program or host of its own";
}

/* `Tool` or `Tool(content)`: its two parts. */
static int take_apart(struct import *import, const char *place,
		      const char *rule, char **tool, char **content)
{
	const char *open = strchr(rule, '(');
	size_t length = strlen(rule),
	       name = open ? (size_t)(open - rule) : length;
	const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
			       "VWXYZ0123456789_-*. ";

	if (!name || strspn(rule, letters) < name)
		return import_error(import, place,
				    "`%s` names no tool: it is Tool or "
				    "Tool(content)",
				    rule);
	if (open && rule[length - 1] != ')')
		return import_error(import, place,
				    "`%s`: its parenthesis is not closed at "
				    "the end",
				    rule);
	if (open && open + 2 == rule + length)
		return import_error(import, place,
				    "`%s`: nothing stands between the "
				    "parentheses",
				    rule);
	*tool = strndup(rule, name);
	*content = open ? strndup(open + 1, length - name - 2) : NULL;
	return *tool && (!open || *content) ? 0 : -ENOMEM;
}

int import_claude_rule(struct import *import, enum import_part part,
		       const struct import_place *source, const char *place,
		       const char *rule)
{
	auto_free char *tool = NULL, *content = NULL;
	int error = take_apart(import, place, rule, &tool, &content);

	if (error)
		return error;
	if (strncmp(tool, "mcp__", 5) == 0)
		import_unsaid(import, rule,
			      "a tool of a server; the server's program is "
			      "decided as any other");
	else if (!content || strcmp(content, "*") == 0 ||
		 (strcmp(tool, "WebFetch") == 0 &&
		  strcmp(content, "domain:*") == 0))
		whole_tool(import, part, tool);
	else if (strcmp(tool, "Bash") == 0)
		return bash_rule(import, part, rule, content);
	else if (strcmp(tool, "Read") == 0 || strcmp(tool, "Edit") == 0)
		file_rule(import, part, source, rule, tool[0] == 'E', content);
	else if (strcmp(tool, "WebFetch") == 0)
		return fetch_rule(import, part, place, rule, content);
	else
		import_unsaid(import, rule, why_not(tool));
	return 0;
}
