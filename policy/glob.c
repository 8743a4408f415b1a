#include "policy/glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Braces multiply; more alternatives than these are no longer readable. */
enum { MOST_ALTERNATIVES = 512, LONGEST_GLOB = 4096 };

static int problem_set(struct glob_problem *problem, const char *message,
		       const char *hint)
{
	problem->message = message;
	problem->hint = hint;
	return -EINVAL;
}

/** The index after a set that starts at `at`; 0 if it is not closed. */
static size_t set_end(struct symbols glob, size_t at)
{
	at++;
	if (at < glob.count && (glob.items[at] == '!' || glob.items[at] == '^'))
		at++;
	if (at < glob.count && glob.items[at] == ']')
		at++;
	while (at < glob.count && glob.items[at] != ']')
		at++;
	return at < glob.count ? at + 1 : 0;
}

/** The first brace that opens, the one that closes it; false: none. */
static bool find_braces(struct symbols glob, size_t *open, size_t *close,
			struct glob_problem *problem)
{
	size_t depth = 0;

	for (size_t i = 0; i < glob.count; i++) {
		if (glob.items[i] == '[') {
			size_t end = set_end(glob, i);

			if (end == 0) {
				problem_set(problem, "a `[` that is not closed",
					    "`[[]` matches the bracket itself");
				return false;
			}
			i = end - 1;
		} else if (glob.items[i] == '{') {
			if (depth++ == 0)
				*open = i;
		} else if (glob.items[i] == '}') {
			if (depth == 0) {
				problem_set(problem, "a `}` without its `{`",
					    "`[}]` matches the brace itself");
				return false;
			}
			if (--depth == 0) {
				*close = i;
				return true;
			}
		}
	}
	if (depth)
		problem_set(problem, "a `{` that is not closed",
			    "`[{]` matches the brace itself");
	return false;
}

/** The end of the alternative that starts at `at`, inside braces. */
static size_t alternative_end(struct symbols glob, size_t at, size_t close)
{
	size_t depth = 0;

	while (at < close) {
		if (glob.items[at] == '[')
			at = set_end(glob, at) - 1;
		else if (glob.items[at] == '{')
			depth++;
		else if (glob.items[at] == '}')
			depth--;
		else if (glob.items[at] == ',' && depth == 0)
			break;
		at++;
	}
	return at;
}

struct expansion {
	struct glob_problem *problem;
	int (*visit)(void *context, struct symbols alternative);
	void *context;
	size_t count;
};

static int expand(struct expansion *expansion, struct symbols glob)
{
	symbol joined[LONGEST_GLOB];
	size_t open = 0, close = 0, at;

	if (glob.count > LONGEST_GLOB)
		return problem_set(expansion->problem,
				   "this is longer than a path can be", NULL);
	if (!find_braces(glob, &open, &close, expansion->problem)) {
		if (expansion->problem->message)
			return -EINVAL;
		if (++expansion->count > MOST_ALTERNATIVES)
			return problem_set(expansion->problem,
					   "too many alternatives",
					   "write several rules");
		return expansion->visit(expansion->context, glob);
	}
	for (at = open + 1; at <= close; at++) {
		size_t end = alternative_end(glob, at, close);
		struct symbols one = {joined, open + (end - at)};
		size_t rest = glob.count - close - 1;
		int error;

		memcpy(joined, glob.items, open * sizeof(symbol));
		memcpy(joined + open, glob.items + at,
		       (end - at) * sizeof(symbol));
		memcpy(joined + one.count, glob.items + close + 1,
		       rest * sizeof(symbol));
		one.count += rest;
		error = expand(expansion, one);
		if (error)
			return error;
		at = end;
	}
	return 0;
}

/** Nested braces recurse; each level costs a buffer on the stack. */
static bool too_deep(struct symbols glob)
{
	size_t braces = 0;

	for (size_t i = 0; i < glob.count; i++)
		braces += glob.items[i] == '{';
	return braces > 16;
}

int glob_alternatives(struct symbols glob, struct glob_problem *problem,
		      int (*visit)(void *context, struct symbols alternative),
		      void *context)
{
	struct expansion expansion = {problem, visit, context, 0};

	*problem = (struct glob_problem){0};
	if (too_deep(glob))
		return problem_set(problem, "too many braces",
				   "write several rules");
	return expand(&expansion, glob);
}

bool glob_is_literal(struct symbols glob)
{
	for (size_t i = 0; i < glob.count; i++)
		if (glob.items[i] < 0x80 && glob.items[i] != 0 &&
		    strchr("*?[{}", glob.items[i]))
			return false;
	return true;
}

/** Read the set that starts at `at`; returns where it ends, 0 on a mistake. */
static size_t read_set(enum glob_kind kind, struct symbols glob, size_t at,
		       struct byte_set *set, struct glob_problem *problem)
{
	size_t end = set_end(glob, at);
	bool negated = false, any = false;

	*set = (struct byte_set){{0}};
	if (end == 0) {
		problem_set(problem, "a `[` that is not closed",
			    "`[[]` matches the bracket itself");
		return 0;
	}
	at++;
	if (glob.items[at] == '!' || glob.items[at] == '^') {
		negated = true;
		at++;
	}
	while (at < end - 1) {
		unsigned low = glob.items[at] & 0xff, high = low;

		if (glob.items[at] == '[' && at + 1 < end - 1 &&
		    glob.items[at + 1] == ':') {
			problem_set(problem, "character classes are not known",
				    "write a range, such as `[a-z]`");
			return 0;
		}
		if (at + 2 < end - 1 && glob.items[at + 1] == '-') {
			high = glob.items[at + 2] & 0xff;
			at += 2;
		}
		at++;
		if (low > high) {
			problem_set(problem, "a range from high to low", NULL);
			return 0;
		}
		for (unsigned c = low; c <= high; c++)
			byte_set_add(set, c);
		any = true;
	}
	if (!any) {
		problem_set(problem, "an empty set matches nothing", NULL);
		return 0;
	}
	if (negated)
		for (size_t i = 0; i < 4; i++)
			set->bits[i] = ~set->bits[i];
	set->bits[0] &= ~UINT64_C(1);
	if (kind != GLOB_NAME)
		set->bits['/' / 64] &= ~(UINT64_C(1) << ('/' % 64));
	return end;
}

/** Append the elements of a component, or of a whole name. */
static int part_elements(enum glob_kind kind, struct symbols part,
			 struct set_table *sets, struct elements *elements,
			 struct glob_problem *problem)
{
	uint32_t any = kind == GLOB_NAME ? SET_ANY : SET_NOT_SLASH;
	bool only_stars = part.count > 0;
	int error = 0;

	for (size_t i = 0; i < part.count; i++)
		only_stars = only_stars && part.items[i] == '*';
	/* A component is never empty, so a lone star is one byte or more. */
	if (only_stars && kind != GLOB_NAME)
		error = elements_add(elements, ELEMENT_SET, any);
	for (size_t i = 0; i < part.count && !error;) {
		symbol s = part.items[i];
		struct byte_set set;
		uint32_t index;

		if (s == '*') {
			error = elements_add(elements, ELEMENT_STAR, any);
			i++;
		} else if (s == '?') {
			error = elements_add(elements, ELEMENT_SET, any);
			i++;
		} else if (s == '[') {
			i = read_set(kind, part, i, &set, problem);
			if (i == 0)
				return -EINVAL;
			error = set_table_add(sets, &set, &index);
			if (!error)
				error = elements_add(elements, ELEMENT_SET,
						     index);
		} else {
			error = elements_add(elements, ELEMENT_BYTE, s & 0xffu);
			i++;
		}
	}
	return error;
}

static bool part_is(struct symbols part, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < part.count && i < length; i++)
		if ((part.items[i] & 0xff) != (unsigned char)text[i])
			return false;
	return part.count == length;
}

static bool has_double_star(struct symbols part)
{
	for (size_t i = 0; i + 1 < part.count; i++)
		if (part.items[i] == '*' && part.items[i + 1] == '*')
			return true;
	return false;
}

static int component_elements(enum glob_kind kind, struct symbols part,
			      bool after_tree, struct set_table *sets,
			      struct elements *elements,
			      struct glob_problem *problem)
{
	int error;

	if (has_double_star(part)) {
		if (part.count != 2)
			return problem_set(
				problem, "`**` stands for whole components",
				"write `*` for a part of one, or put `/` "
				"around `**`");
		return after_tree ? 0 : elements_add_tree(elements);
	}
	if (kind == GLOB_PATH && (part_is(part, ".") || part_is(part, "..")))
		return problem_set(problem,
				   "`.` and `..` never match: what is matched "
				   "is the canonical path",
				   "write the directory's own name");
	error = elements_add(elements, ELEMENT_BYTE, '/');
	if (!error)
		error = part_elements(kind, part, sets, elements, problem);
	return error;
}

static int path_elements(enum glob_kind kind, struct symbols glob,
			 struct set_table *sets, struct elements *elements,
			 struct glob_problem *problem)
{
	bool after_tree = false;
	size_t at = 0, start;
	int error = 0;

	for (; at < glob.count && !error; at++) {
		struct symbols part;

		for (start = at;
		     at < glob.count && (glob.items[at] & 0xff) != '/';) {
			size_t end = glob.items[at] == '[' ? set_end(glob, at)
							   : at + 1;

			at = end ? end : glob.count;
		}
		part = (struct symbols){glob.items + start, at - start};
		if (part.count == 0)
			continue;
		error = component_elements(kind, part, after_tree, sets,
					   elements, problem);
		after_tree = part.count == 2 && has_double_star(part);
	}
	return error;
}

int glob_elements(enum glob_kind kind, struct symbols glob,
		  struct set_table *sets, struct elements *elements,
		  struct glob_problem *problem)
{
	bool ends_in_slash =
		glob.count > 0 && (glob.items[glob.count - 1] & 0xff) == '/';
	int error;

	*problem = (struct glob_problem){0};
	if (kind == GLOB_NAME) {
		error = part_elements(kind, glob, sets, elements, problem);
	} else if (kind == GLOB_PATH && ends_in_slash && glob.count > 1) {
		return problem_set(problem, "a pattern does not end in `/`",
				   "write `DIR/**` for it and all below, or "
				   "`DIR` for it alone");
	} else {
		error = path_elements(kind, glob, sets, elements, problem);
		if (!error && kind == GLOB_URL && ends_in_slash)
			error = elements_add(elements, ELEMENT_BYTE, '/');
	}
	if (!error && elements->count > LINE_MOST)
		return problem_set(problem, "this pattern is too long", NULL);
	return error;
}
