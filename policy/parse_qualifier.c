#include "policy/parse_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"

void rule_mistake(struct rule_words *words, const struct word *word,
		  const char *hint, const char *message)
{
	parse_error(words->parser, word, hint, "%s", message);
	words->wrong = true;
}

bool rule_is_qualifier(const struct word *word)
{
	return !word->quoted &&
	       word_index(qualifier_words, word->raw, word->raw_length) >= 0;
}

/** The next word, which a qualifier wants; NULL and a mistake without. */
static const struct word *want(struct rule_words *words, const char *message)
{
	if (words->at == words->end) {
		rule_mistake(words, words->at - 1, NULL, message);
		return NULL;
	}
	return words->at++;
}

int rule_finish_lines(struct rule_words *words, int error,
		      struct line_list *list, struct line_set *set)
{
	int finish = line_list_finish(words->parser, list, set);

	if (error == -EINVAL) {
		words->wrong = true;
		error = 0;
	}
	return error ? error : finish;
}

int rule_read_argv0(struct rule_words *words, bool *has, bool *base,
		    struct line_set *set)
{
	struct line_list list = {0};
	const struct word *word;
	int error;

	if (words->at == words->end || !word_is(words->at, "argv0"))
		return 0;
	words->at++;
	word = want(words, "`argv0` wants a glob");
	if (!word)
		return 0;
	*has = true;
	*base = !memchr(word->raw, '/', word->raw_length);
	error = parse_glob_lines(words->parser, GLOB_NAME, word, &list);
	return rule_finish_lines(words, error, &list, set);
}

/** Programs that run what they are told to, or by what they are called. */
static const char *const shells_and_such[] = {
	"sh",	   "bash",   "dash",	  "ash",     "zsh",  "ksh",    "mksh",
	"fish",	   "csh",    "tcsh",	  "python",  "pypy", "perl",   "ruby",
	"node",	   "nodejs", "deno",	  "bun",     "lua",  "luajit", "php",
	"java",	   "tclsh",  "wish",	  "Rscript", "awk",  "gawk",   "mawk",
	"busybox", "toybox", "coreutils", NULL,
};

static bool runs_anything(const struct line *line)
{
	size_t end = line->prefix_length, start = end;

	if (line->shape != SHAPE_EXACT)
		return false;
	/* python3.11 is python. */
	while (end > 0 &&
	       (line->prefix[end - 1] == '.' ||
		(line->prefix[end - 1] >= '0' && line->prefix[end - 1] <= '9')))
		end--;
	for (start = end; start > 0 && line->prefix[start - 1] != '/';)
		start--;
	return word_index(shells_and_such, (const char *)line->prefix + start,
			  end - start) >= 0;
}

static int check_program(struct rule_words *words, const struct word *word,
			 const struct program_test *test)
{
	const struct policy_host *host = words->parser->input->host;

	if (test->has_argv0 || test->has_script)
		return 0;
	for (size_t i = 0; i < test->exe.count; i++) {
		const struct line *line = &test->exe.items[i];
		char *path;

		if (runs_anything(line)) {
			rule_mistake(
				words, word,
				"add `script PATH` or `argv0 NAME` to say "
				"which",
				"this program runs whatever it is told to");
			return 0;
		}
		if (line->shape != SHAPE_EXACT || !host->is_script)
			continue;
		path = arena_copy(&words->parser->policy->arena, line->prefix,
				  line->prefix_length);
		if (!path)
			return -ENOMEM;
		if (host->is_script(host->context, path) == 1) {
			rule_mistake(
				words, word,
				"name its interpreter: "
				"`by INTERPRETER script PATH`",
				"this is a script; the program that runs is "
				"its interpreter");
			return 0;
		}
	}
	return 0;
}

/** Read what follows `by` or `under`. */
static int read_program(struct rule_words *words, struct program_test **out)
{
	struct parser *parser = words->parser;
	struct line_list exe = {0}, script = {0};
	const struct word *word = want(words, "here a program is named");
	struct program_test *test;
	int error;

	if (!word)
		return 0;
	test = arena_alloc(&parser->policy->arena, sizeof(*test));
	if (!test)
		return -ENOMEM;
	*out = test;
	error = parse_program_lines(parser, word, &exe);
	error = rule_finish_lines(words, error, &exe, &test->exe);
	if (!error)
		error = rule_read_argv0(words, &test->has_argv0,
					&test->argv0_base, &test->argv0);
	if (!error && words->at < words->end && word_is(words->at, "script")) {
		const struct word *path;

		words->at++;
		path = want(words, "`script` wants the path of a script");
		if (!path)
			return 0;
		test->has_script = true;
		error = parse_glob_lines(parser, GLOB_PATH, path, &script);
		error = rule_finish_lines(words, error, &script, &test->script);
	}
	return error ? error : check_program(words, word, test);
}

static bool two_digits(const char *at, int least, int most, int *value)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return false;
	*value = (at[0] - '0') * 10 + (at[1] - '0');
	return *value >= least && *value <= most;
}

/** Read YYYY-MM-DD, to its end, or YYYY-MM-DDTHH:MM[:SS]Z; all are UTC. */
static bool read_date(const char *text, time_t *until)
{
	struct tm tm = {0}, back;
	size_t length = strlen(text), rest = length;
	int century, year;
	time_t time;

	if (length < 10 || !two_digits(text, 19, 99, &century) ||
	    !two_digits(text + 2, 0, 99, &year) || text[4] != '-' ||
	    !two_digits(text + 5, 1, 12, &tm.tm_mon) || text[7] != '-' ||
	    !two_digits(text + 8, 1, 31, &tm.tm_mday))
		return false;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon--;
	if (length > 10) {
		if (text[length - 1] != 'Z')
			return false;
		rest = length - 1;
		if ((rest != 16 && rest != 19) || text[10] != 'T' ||
		    !two_digits(text + 11, 0, 23, &tm.tm_hour) ||
		    text[13] != ':' ||
		    !two_digits(text + 14, 0, 59, &tm.tm_min))
			return false;
		if (rest == 19 && (text[16] != ':' ||
				   !two_digits(text + 17, 0, 59, &tm.tm_sec)))
			return false;
	}
	back = tm;
	time = timegm(&back);
	/* The 31st of a shorter month is no day. */
	if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon)
		return false;
	*until = length == 10 ? time + 24 * 60 * 60 : time;
	return true;
}

static int read_until(struct rule_words *words)
{
	const struct word *word = want(words, "`until` wants a date");
	char *text;

	if (!word)
		return 0;
	text = word_string(&words->parser->policy->arena, word);
	if (!text)
		return -ENOMEM;
	if (!read_date(text, &words->rule->until))
		rule_mistake(
			words, word,
			"`2026-12-31`, or `2026-12-31T18:00Z`; both are UTC",
			"this is no date");
	words->rule->has_until = true;
	return 0;
}

static int read_because(struct rule_words *words)
{
	const struct word *word = want(words, "`because` wants a text");

	if (!word)
		return 0;
	if (!word->quoted)
		rule_mistake(words, word, "because \"…\"",
			     "the reason stands in quotes");
	words->rule->because = word_string(&words->parser->policy->arena, word);
	return words->rule->because ? 0 : -ENOMEM;
}

/** The path of `as file` and `as dir`, or the text of `as text`. */
static int read_fake_text(struct rule_words *words, bool is_path)
{
	struct parser *parser = words->parser;
	struct policy_fake *fake = &words->rule->fake;
	const struct word *word =
		want(words, is_path ? "here a path is named"
				    : "here the text stands in quotes");
	struct symbols symbols;
	int error = 0;

	if (!word)
		return 0;
	symbols = word->symbols;
	if (is_path)
		error = expand_word(&parser->variables, parser->diagnostics,
				    word, 0, &symbols);
	if (error == -EINVAL) {
		words->wrong = true;
		return 0;
	}
	if (error < 0)
		return error;
	fake->text = symbols_string(&parser->policy->arena, symbols);
	fake->length = symbols.count;
	if (!fake->text)
		return -ENOMEM;
	if (is_path && (error == EXPANDED_UNSET || *fake->text != '/'))
		rule_mistake(
			words, word, NULL,
			"a stand-in's path starts with `/`, `~` or a variable "
			"that is set");
	return 0;
}

static int read_as(struct rule_words *words)
{
	static const char wants[] =
		"`as` wants aws, dotenv, keys, empty, text, file or dir";
	const struct word *word = want(words, wants);
	struct policy_rule *rule = words->rule;
	bool env = rule->actions & 1u << ACTION_ENV;
	char buffer[64];

	if (!word)
		return 0;
	if (rule->verdict != VERDICT_FAKE)
		rule_mistake(words, word - 1, NULL, "`as` belongs to `fake`");
	if (word->quoted && env) {
		words->at--;
		rule->fake.kind = FAKE_TEXT;
		return read_fake_text(words, false);
	}
	rule->fake.kind =
		word->quoted ? FAKE_NONE
			     : fake_kind_from_name(word->raw, word->raw_length);
	if (rule->fake.kind == FAKE_NONE)
		rule_mistake(words, word,
			     parse_suggest(fake_words, word, buffer), wants);
	else if (env && rule->fake.kind != FAKE_TEXT &&
		 rule->fake.kind != FAKE_EMPTY)
		rule_mistake(words, word, "fake env NAME as \"TEXT\"",
			     "a variable's stand-in is a text");
	if (rule->fake.kind == FAKE_TEXT)
		return read_fake_text(words, false);
	if (rule->fake.kind == FAKE_FILE || rule->fake.kind == FAKE_DIR)
		return read_fake_text(words, true);
	return 0;
}

int rule_read_qualifier(struct rule_words *words, unsigned *seen)
{
	const struct word *word = words->at;
	struct policy_rule *rule = words->rule;
	char buffer[64];
	int index;

	if (!rule_is_qualifier(word)) {
		rule_mistake(
			words, word,
			parse_suggest(qualifier_words, word, buffer)
				?: "an argument or name that is also a word "
				   "of the language stands in quotes",
			"this does not belong here");
		words->at = words->end;
		return 0;
	}
	index = word_index(qualifier_words, word->raw, word->raw_length);
	if (*seen & 1u << index)
		rule_mistake(words, word, NULL, "this is said twice");
	*seen |= 1u << index;
	words->at++;
	if (word_is(word, "as")) {
		words->has_as = true;
		return read_as(words);
	}
	if (word_is(word, "by"))
		return read_program(words, &rule->by);
	if (word_is(word, "under"))
		return read_program(words, &rule->under);
	if (word_is(word, "until"))
		return read_until(words);
	if (word_is(word, "because"))
		return read_because(words);
	if (word_is(word, "log"))
		rule->log = true;
	if (word_is(word, "override")) {
		rule->override = true;
		if (rule->verdict != VERDICT_ALLOW &&
		    rule->verdict != VERDICT_ASK)
			rule_mistake(words, word, NULL,
				     "only `allow` and `ask` have something to "
				     "override");
	}
	return 0;
}
