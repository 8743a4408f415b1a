#include "policy/parse_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"

/** The verdicts that an action cannot have, and why. */
struct refusal {
	enum verdict verdict;
	enum action action;
	const char *message, *hint;
};

static const struct refusal refusals[] = {
	{VERDICT_HIDE, ACTION_WRITE, "`write` cannot be hidden",
	 "`hide read` hides a file from every action"},
	{VERDICT_FAKE, ACTION_WRITE, "`write` cannot be faked",
	 "`fake read` gives a stand-in, and writes go to it"},
	{VERDICT_FAKE, ACTION_EXEC, "a program cannot be faked",
	 "`fake read … as file PATH` puts another file in its place"},
	{VERDICT_FAKE, ACTION_CONNECT, "a host cannot be faked",
	 "`deny` refuses it, `hide` makes its name unknown"},
	{VERDICT_FAKE, ACTION_LISTEN, "a listening port cannot be faked",
	 "`deny` refuses it"},
	{VERDICT_HIDE, ACTION_LISTEN, "a port to listen on cannot be hidden",
	 "`deny` refuses it"},
	{VERDICT_FAKE, ACTION_HTTP, "a request cannot be faked",
	 "`deny` refuses it"},
	{VERDICT_HIDE, ACTION_HTTP, "a request cannot be hidden",
	 "`deny` refuses it"},
	{VERDICT_ASK, ACTION_ENV, "a variable cannot wait for a person",
	 "`hide` leaves it out, `fake` gives a placeholder"},
};

static void check_verdict(struct rule_words *words, const struct word *verdict)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (refusals[i].verdict == words->rule->verdict &&
		    words->rule->actions & 1u << refusals[i].action)
			rule_mistake(words, verdict, refusals[i].hint,
				     refusals[i].message);
}

static const struct word *read_verdict(struct rule_words *words)
{
	static const char *const known[] = {"allow", "ask",   "deny", "hide",
					    "fake",  "never", NULL};
	struct policy_rule *rule = words->rule;
	const struct word *word = words->at;
	char buffer[64];
	int index;

	if (word_is(word, "final")) {
		rule->final = true;
		words->at++;
		if (words->at == words->end) {
			rule_mistake(words, word, NULL,
				     "`final` goes before a verdict");
			return NULL;
		}
		word = words->at;
	}
	words->at++;
	if (word_is(word, "never")) {
		rule->verdict = VERDICT_DENY;
		rule->final = true;
		return word;
	}
	index = word->quoted ? -1
			     : word_index(verdict_words, word->raw,
					  word->raw_length);
	if (index < 0) {
		rule_mistake(words, word, parse_suggest(known, word, buffer),
			     "this is no verdict");
		return NULL;
	}
	rule->verdict = (enum verdict)index;
	return word;
}

/** Actions whose patterns are of one kind may share a rule. */
static unsigned kind_of(enum action action)
{
	switch (action) {
	case ACTION_READ:
	case ACTION_WRITE:
	case ACTION_EXEC:
		return 0;
	case ACTION_CONNECT:
	case ACTION_LISTEN:
		return 1;
	default:
		return 2u + (unsigned)action;
	}
}

static void read_action(struct rule_words *words, const struct word *word,
			size_t start, size_t length)
{
	struct policy_rule *rule = words->rule;
	struct word part = *word;
	char buffer[64];
	int index = word_index(action_words, word->raw + start, length);

	part.raw += start;
	part.raw_length = length;
	part.place.column += (unsigned)start;
	part.place.width = length ? (unsigned)length : 1;
	if (index < 0) {
		rule_mistake(words, &part,
			     parse_suggest(action_words, &part, buffer),
			     "this is no action");
		return;
	}
	if (rule->actions & 1u << index)
		rule_mistake(words, &part, NULL, "this action is named twice");
	for (int other = 0; other < ACTION_COUNT; other++)
		if (rule->actions & 1u << other &&
		    kind_of((enum action)other) != kind_of((enum action)index))
			rule_mistake(
				words, &part, "write one rule for each",
				"these actions have patterns of other kinds");
	rule->actions |= 1u << index;
}

/** Read the comma list of actions. Returns false if there is none. */
static bool read_actions(struct rule_words *words)
{
	const struct word *word = words->at;
	size_t start = 0;

	if (word == words->end) {
		rule_mistake(words, word - 1, NULL,
			     "a verdict wants an action");
		return false;
	}
	words->at++;
	for (size_t i = 0; i <= word->raw_length; i++) {
		if (i < word->raw_length && word->raw[i] != ',')
			continue;
		read_action(words, word, start, i - start);
		start = i + 1;
	}
	return true;
}

/** The words up to the first qualifier. */
static struct words read_patterns(struct rule_words *words)
{
	const struct word *start = words->at;

	while (words->at < words->end && !rule_is_qualifier(words->at))
		words->at++;
	return (struct words){start, (size_t)(words->at - start)};
}

/** Put the argument globs of an exec rule into one line over all of them. */
static int read_arguments(struct rule_words *words, struct words arguments)
{
	struct parser *parser = words->parser;
	struct elements all = {0};
	struct line_list list = {0};
	struct line line = {.shape = SHAPE_EXACT};
	int error = 0;

	for (size_t i = 0; i < arguments.count && !error; i++) {
		const struct word *word = &arguments.items[i];
		struct glob_problem problem = {0};
		struct symbols symbols;

		if (word_is(word, "**")) {
			error = elements_add(&all, ELEMENT_SKIP, 0);
			if (!error)
				error = elements_add(&all, ELEMENT_STAR,
						     SET_ALL);
		} else {
			error = expand_word(&parser->variables,
					    parser->diagnostics, word, 0,
					    &symbols);
			if (error == EXPANDED_UNSET)
				rule_mistake(
					words, word, NULL,
					"a variable in it is not set here");
			if (!error)
				error = glob_elements(GLOB_NAME, symbols,
						      &parser->policy->sets,
						      &all, &problem);
			if (problem.message)
				rule_mistake(words, word, problem.hint,
					     problem.message);
			words->wrong = words->wrong || error == -EINVAL;
			error = error == -ENOMEM ? error : 0;
		}
		if (!error)
			error = elements_add(&all, ELEMENT_BYTE, 0);
	}
	if (!error && all.count > LINE_MOST)
		rule_mistake(words, arguments.items, NULL,
			     "these arguments are too long");
	if (!error)
		error = line_from_elements(&parser->policy->arena, &all, &line);
	elements_free(&all);
	if (!error)
		error = array_add(list.items, list.count, list.capacity, line);
	words->rule->has_arguments = true;
	return rule_finish_lines(words, error, &list, &words->rule->arguments);
}

/**
 * An exec rule's words are a program, `argv0 GLOB`, and its arguments. Leaves
 * the program's word as the pattern.
 */
static int read_exec(struct rule_words *words, struct words *patterns)
{
	const struct word *qualifiers = words->at;
	struct policy_rule *rule = words->rule;
	struct words arguments;
	int error;

	/* `allow exec git log` would allow all of git, and log it. */
	if (patterns->count == 1 && words->at < words->end &&
	    word_is(words->at, "log"))
		rule_mistake(
			words, words->at,
			"\"log\" is the argument; `** log` logs whatever the "
			"arguments",
			"is this an argument or the qualifier?");
	if (rule->actions != 1u << ACTION_EXEC) {
		if (patterns->count > 1)
			rule_mistake(
				words, &patterns->items[1],
				"write one rule for each",
				"what follows a program are its arguments, so "
				"`exec` shares no rule of several patterns");
		return 0;
	}
	words->at = patterns->items + 1;
	words->end = qualifiers > words->at ? qualifiers : words->at;
	error = rule_read_argv0(words, &rule->has_argv0, &rule->argv0_base,
				&rule->argv0);
	arguments.items = words->at;
	arguments.count = (size_t)(words->end - words->at);
	if (!error && arguments.count > 0)
		error = read_arguments(words, arguments);
	patterns->count = 1;
	return error;
}

static void check_fake(struct rule_words *words, const struct word *verdict)
{
	struct policy_rule *rule = words->rule;

	if (rule->verdict != VERDICT_FAKE || words->has_as || words->wrong)
		return;
	if (rule->actions & 1u << ACTION_ENV)
		rule->fake.kind = FAKE_PLACEHOLDER;
	else
		rule_mistake(words, verdict,
			     "`as` aws, dotenv, keys, empty, text, file or dir",
			     "`fake` wants to know what stands in: `as …`");
}

/** Read all but the patterns themselves. */
static int read_rule(struct rule_words *words, struct words *patterns)
{
	const struct word *verdict = read_verdict(words), *end = words->end;
	const struct word *qualifiers;
	unsigned seen = 0;
	int error = 0;

	if (!verdict || !read_actions(words))
		return 0;
	check_verdict(words, verdict);
	*patterns = read_patterns(words);
	qualifiers = words->at;
	if (patterns->count == 0)
		rule_mistake(words, words->at - 1, NULL,
			     "an action wants a pattern");
	else if (words->rule->actions & 1u << ACTION_EXEC)
		error = read_exec(words, patterns);
	words->at = qualifiers;
	words->end = end;
	while (!error && words->at < words->end)
		error = rule_read_qualifier(words, &seen);
	if (words->rule->by && words->rule->under)
		rule_mistake(words, verdict, "write one of them",
			     "a rule has `by` or `under`, not both");
	check_fake(words, verdict);
	return error;
}

int parse_rule(struct parser *parser, struct words all)
{
	struct policy *policy = parser->policy;
	struct policy_rule rule = {
		.index = (uint32_t)policy->rule_count,
		.layer = parser->file->layer,
		.kind = parser->file->kind,
		.place = all.items->place,
	};
	struct rule_words words = {
		.parser = parser,
		.rule = &rule,
		.at = all.items,
		.start = all.items,
		.end = all.items + all.count,
	};
	struct words patterns = {0};
	int error = read_rule(&words, &patterns);

	if (!error && rule.actions && patterns.count)
		error = parse_patterns(parser, &rule, patterns);
	if (error)
		return error;
	rule.text = parse_joined(parser, all);
	if (!rule.text)
		return -ENOMEM;
	rule.conditional = rule.by || rule.under || rule.has_until ||
			   rule.has_arguments || rule.has_argv0;
	return array_add(policy->rules, policy->rule_count,
			 policy->rule_capacity, rule);
}
