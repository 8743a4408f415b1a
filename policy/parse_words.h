/*
 * What parse_rule.c and parse_qualifier.c share. Nobody else includes this.
 */
#ifndef POLICY_PARSE_WORDS_H
#define POLICY_PARSE_WORDS_H

#include "policy/parse.h"

/** A rule's words being read, one after the other. */
struct rule_words {
	struct parser *parser;
	struct policy_rule *rule;
	const struct word *at, *end;
	const struct word *start;
	bool has_as;
	bool wrong; /**< a mistake was reported */
};

/** Report a mistake at a word; `hint` may be NULL. The rule will not count. */
void rule_mistake(struct rule_words *words, const struct word *word,
		  const char *hint, const char *message);

/** Is the word one with which a qualifier starts? */
bool rule_is_qualifier(const struct word *word);

/**
 * Read one qualifier; `seen` has a bit for each by its index. A mistake is
 * reported and returns 0, as all of these do; else -ENOMEM.
 */
int rule_read_qualifier(struct rule_words *words, unsigned *seen);

/** Read `argv0 GLOB` if it stands here: sets `*has`, and `*base` where the glob
 * is for the last component. */
int rule_read_argv0(struct rule_words *words, bool *has, bool *base,
		    struct line_set *set);

/** Move the gathered lines into the set; `error` is that of the gathering. */
int rule_finish_lines(struct rule_words *words, int error,
		      struct line_list *list, struct line_set *set);

#endif
