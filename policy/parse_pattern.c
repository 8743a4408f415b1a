#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse_walk.h"
#include "policy/text.h"

int walk_report(struct pattern_walk *walk, const struct glob_problem *problem)
{
	parse_error(walk->parser, walk->word, problem->hint, "%s",
		    problem->message);
	return -EINVAL;
}

/** Take the line once more in its canonical spelling, if it has another. */
static int take_canonical(struct pattern_walk *walk, const struct line *line)
{
	struct arena *arena = &walk->parser->policy->arena;
	size_t length = line_directory(line), other;
	struct line spelled = *line;
	const char *canonical;
	uint8_t *prefix;
	char *directory;
	int error;

	if (length == 0 || memchr(line->prefix, '\0', length))
		return 0;
	directory = arena_copy(arena, line->prefix, length);
	if (!directory)
		return -ENOMEM;
	error = parse_canonical(walk->parser, directory, &canonical);
	if (error || strcmp(canonical, directory) == 0)
		return error;
	other = strcmp(canonical, "/") == 0 ? 0 : strlen(canonical);
	spelled.prefix_length =
		(uint32_t)(other + line->prefix_length - length);
	prefix = arena_alloc(arena, spelled.prefix_length + 1);
	if (!prefix)
		return -ENOMEM;
	memcpy(prefix, canonical, other);
	memcpy(prefix + other, line->prefix + length,
	       line->prefix_length - length);
	spelled.prefix = prefix;
	return walk->take(walk, walk->space, &spelled);
}

int walk_elements(struct pattern_walk *walk, enum space space,
		  const struct elements *elements)
{
	struct line line;
	int error = line_from_elements(&walk->parser->policy->arena, elements,
				       &line);

	if (!error)
		error = walk->take(walk, space, &line);
	if (!error && walk->canonical)
		error = take_canonical(walk, &line);
	return error;
}

static bool starts_path(struct symbols glob)
{
	if (glob.count == 0)
		return false;
	if ((glob.items[0] & 0xff) == '/')
		return true;
	return glob.count > 2 && glob.items[0] == '*' && glob.items[1] == '*' &&
	       (glob.items[2] & 0xff) == '/';
}

static int report_start(struct pattern_walk *walk)
{
	char buffer[64];
	const char *hint = parse_suggest(qualifier_words, walk->word, buffer);

	if (walk->kind == GLOB_PATH && word_is(walk->word, "**"))
		hint = "`/**` matches every path";
	parse_error(walk->parser, walk->word, hint,
		    "a path starts with `/`, `~`, a variable or `**/`");
	return -EINVAL;
}

static int take_alternative(void *context, struct symbols glob)
{
	struct pattern_walk *walk = context;
	struct elements elements = {0};
	struct glob_problem problem;
	int error;

	if (walk->kind == GLOB_PATH && !starts_path(glob))
		return report_start(walk);
	error = glob_elements(walk->kind, glob, &walk->parser->policy->sets,
			      &elements, &problem);
	if (error == -EINVAL)
		walk_report(walk, &problem);
	if (!error)
		error = walk_elements(walk, walk->space, &elements);
	elements_free(&elements);
	return error;
}

/** The built-in layers speak of much that is not everywhere. */
static bool warns(const struct pattern_walk *walk)
{
	return !walk->quiet && walk->parser->file->kind > POLICY_LAYER_PROFILE;
}

int walk_unset(struct pattern_walk *walk)
{
	if (warns(walk))
		parse_warn(walk->parser, walk->word, NULL,
			   "a variable in it is not set here, so this matches "
			   "nothing");
	return 0;
}

int walk_word(struct pattern_walk *walk, size_t from)
{
	struct glob_problem problem;
	struct symbols expanded;
	int result;

	result =
		expand_word(&walk->parser->variables, walk->parser->diagnostics,
			    walk->word, from, &expanded);
	if (result < 0)
		return result;
	if (result == EXPANDED_UNSET)
		return walk_unset(walk);
	result = glob_alternatives(expanded, &problem, take_alternative, walk);
	if (result == -EINVAL && problem.message)
		walk_report(walk, &problem);
	return result;
}

/* --------------------------------------------------------------- branches --
 */

static int take_branch(struct pattern_walk *walk, enum space space,
		       const struct line *line)
{
	struct policy *policy = walk->parser->policy;
	const struct policy_rule *rule = walk->rule;
	struct branch branch = {
		.rule = rule->index,
		.action = walk->action,
		.space = space,
		.granting = rule->verdict == VERDICT_ALLOW ||
			    rule->verdict == VERDICT_ASK,
		.refusing = rule->verdict != VERDICT_ALLOW,
		.line = *line,
	};
	struct place *place = arena_alloc(&policy->arena, sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = walk->word->place;
	branch.place = place;
	return array_add(policy->branches, policy->branch_count,
			 policy->branch_capacity, branch);
}

/** A bare name where it refuses: any program of that name, or called so. */
static int take_bare_name(void *context, struct symbols name)
{
	struct pattern_walk *walk = context;
	struct set_table *sets = &walk->parser->policy->sets;
	struct elements path = {0}, base = {0};
	struct glob_problem problem;
	int error;

	error = glob_elements(GLOB_NAME, name, sets, &base, &problem);
	if (error == -EINVAL)
		walk_report(walk, &problem);
	if (!error)
		error = elements_add_tree(&path);
	if (!error)
		error = glob_elements(GLOB_PATH, name, sets, &path, &problem);
	if (!error)
		error = walk_elements(walk, SPACE_PATH, &path);
	if (!error)
		error = walk_elements(walk, SPACE_ARGV0, &base);
	elements_free(&path);
	elements_free(&base);
	return error;
}

/** A bare name where it grants: the one file that PATH finds now. */
static int take_found_program(void *context, struct symbols symbols)
{
	struct pattern_walk *walk = context;
	struct parser *parser = walk->parser;
	struct elements elements = {0};
	const char *path;
	char *name;
	int error;

	if (!glob_is_literal(symbols)) {
		parse_error(parser, walk->word,
			    "write a path glob, such as `/usr/bin/NAME*`",
			    "PATH finds one program by its whole name");
		return -EINVAL;
	}
	name = symbols_string(&parser->policy->arena, symbols);
	if (!name)
		return -ENOMEM;
	error = parse_find_program(parser, name, &path);
	if (error)
		return error;
	if (!path) {
		if (warns(walk))
			parse_warn(
				parser, walk->word, NULL,
				"PATH finds no '%s', so this matches nothing",
				name);
		return 0;
	}
	error = elements_add_bytes(&elements, path, strlen(path));
	if (!error)
		error = walk_elements(walk, walk->space, &elements);
	elements_free(&elements);
	return error;
}

static bool has_slash(struct symbols symbols)
{
	for (size_t i = 0; i < symbols.count; i++)
		if ((symbols.items[i] & 0xff) == '/')
			return true;
	return false;
}

/** Walk the word of a program: by its path, or as `bare` takes names. */
static int walk_program(struct pattern_walk *walk,
			int (*bare)(void *context, struct symbols name))
{
	struct glob_problem problem;
	struct symbols expanded;
	int result;

	result =
		expand_word(&walk->parser->variables, walk->parser->diagnostics,
			    walk->word, 0, &expanded);
	if (result < 0)
		return result;
	if (result == EXPANDED_UNSET)
		return walk_unset(walk);
	if (expanded.count == 0) {
		parse_error(walk->parser, walk->word, NULL,
			    "this names no program");
		return -EINVAL;
	}
	if (has_slash(expanded)) {
		walk->canonical = true;
		return walk_word(walk, 0);
	}
	result = glob_alternatives(expanded, &problem, bare, walk);
	if (result == -EINVAL && problem.message)
		walk_report(walk, &problem);
	return result;
}

/* ------------------------------------------------------------ all of them --
 */

static int walk_action(struct pattern_walk *walk, struct words words)
{
	const struct word *methods = NULL;
	int worst = 0;

	if (walk->action == ACTION_HTTP) {
		methods = &words.items[0];
		if (!walk_methods(walk->parser, methods))
			return -EINVAL;
		words.items++;
		words.count--;
		if (words.count == 0) {
			parse_error(walk->parser, methods, NULL,
				    "a request is `METHOD HOST[:PORT]/PATH`");
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < words.count; i++) {
		int error;

		walk->word = &words.items[i];
		if (walk->action == ACTION_EXEC)
			error = walk_program(walk, walk->rule->verdict ==
								   VERDICT_ALLOW
							   ? take_found_program
							   : take_bare_name);
		else if (walk->action == ACTION_HTTP)
			error = walk_http(walk, methods);
		else if (walk->action == ACTION_CONNECT ||
			 walk->action == ACTION_LISTEN)
			error = walk_endpoint(walk);
		else
			error = walk_word(walk, 0);
		if (error && error != -EINVAL)
			return error;
		worst = error ? error : worst;
	}
	return worst;
}

int parse_patterns(struct parser *parser, struct policy_rule *rule,
		   struct words words)
{
	bool reported = false, quiet = false;

	for (int action = 0; action < ACTION_COUNT && !reported; action++) {
		struct pattern_walk walk = {
			.parser = parser,
			.kind = action == ACTION_ENV ? GLOB_NAME : GLOB_PATH,
			.space = action == ACTION_ENV ? SPACE_ENV : SPACE_PATH,
			.canonical =
				action == ACTION_READ || action == ACTION_WRITE,
			.take = take_branch,
			.rule = rule,
			.action = (enum action)action,
			.quiet = quiet,
		};
		int error;

		if (!(rule->actions & 1u << action))
			continue;
		error = walk_action(&walk, words);
		if (error && error != -EINVAL)
			return error;
		quiet = true;
		/* The same words would be wrong for the next action too. */
		reported = error != 0;
	}
	return 0;
}

/* ------------------------------------------------------------ other lines --
 */

static int take_line(struct pattern_walk *walk, enum space space,
		     const struct line *line)
{
	(void)space;
	return array_add(walk->list->items, walk->list->count,
			 walk->list->capacity, *line);
}

int parse_glob_lines(struct parser *parser, enum glob_kind kind,
		     const struct word *word, struct line_list *list)
{
	struct pattern_walk walk = {
		.parser = parser,
		.word = word,
		.kind = kind,
		.canonical = kind == GLOB_PATH,
		.take = take_line,
		.list = list,
	};

	return walk_word(&walk, 0);
}

int parse_program_lines(struct parser *parser, const struct word *word,
			struct line_list *list)
{
	struct pattern_walk walk = {
		.parser = parser,
		.word = word,
		.kind = GLOB_PATH,
		.take = take_line,
		.list = list,
	};

	return walk_program(&walk, take_found_program);
}
