/*
 * What parse_pattern.c and parse_address.c share. Nobody else includes this.
 */
#ifndef POLICY_PARSE_WALK_H
#define POLICY_PARSE_WALK_H

#include "policy/parse.h"

/** A word being turned into lines, and who takes them. */
struct pattern_walk {
	struct parser *parser;
	const struct word *word;
	enum glob_kind kind;
	enum space space;
	bool canonical; /**< other spellings count too */
	bool quiet;	/**< another action has warned of these words */
	int (*take)(struct pattern_walk *walk, enum space space,
		    const struct line *line);
	struct policy_rule *rule; /**< for what takes branches */
	enum action action;
	struct line_list *list; /**< for what takes lines */
};

/** Report a pattern's mistake at the word. Returns -EINVAL. */
int walk_report(struct pattern_walk *walk, const struct glob_problem *problem);

/** Warn of a word that matches nothing here. Returns 0. */
int walk_unset(struct pattern_walk *walk);

/** Make a line of elements and have it taken, in its canonical spelling too. */
int walk_elements(struct pattern_walk *walk, enum space space,
		  const struct elements *elements);

/** Expand the word from an index on, and walk its alternatives. */
int walk_word(struct pattern_walk *walk, size_t from);

/** Walk an address of `connect` and `listen`. */
int walk_endpoint(struct pattern_walk *walk);

/** Is the word a list of methods such as `GET,HEAD`? Reported if not. */
bool walk_methods(struct parser *parser, const struct word *word);

/** Walk `HOST[:PORT]/PATH` for each method of such a list. */
int walk_http(struct pattern_walk *walk, const struct word *methods);

#endif
