/*
 * From lines to rules. Internal to the engine.
 *
 * parse.c goes through the sources and their includes, parse_rule.c reads a
 * rule, parse_qualifier.c what stands behind its patterns, parse_pattern.c
 * turns its patterns into branches, parse_address.c those of the network,
 * parse_known.c says what they mean on this machine, parse_line.c reads
 * `secret` and `limit`. A mistake is reported and the next line is read, so
 * that all mistakes are seen in one run; the functions return 0 for it, and an
 * error only where reading cannot go on.
 */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

#include "policy/expand.h"
#include "policy/glob.h"
#include "policy/names.h"
#include "policy/rules.h"

enum { CANONICAL_BUCKETS = 256 }; /**< a power of two */
struct canonical_entry {
	uint32_t hash, next; /**< the next of its bucket, from 1; 0: none */
	const char *path;
	const char *canonical;
};

/** A file being read, and the one that includes it. */
struct parse_file {
	const struct parse_file *includer;
	const char *name;
	const char *identity; /**< its canonical path, or NULL */
	enum policy_layer_kind kind;
	uint32_t layer;
};

struct parser {
	struct policy *policy;
	struct policy_diagnostics *diagnostics;
	const struct policy_input *input;
	struct variables variables;
	const struct parse_file *file;
	uint32_t layers;   /**< given to included files so far */
	const char **read; /**< identities of the files that were read */
	size_t read_count, read_capacity;
	struct canonical_entry *canonical;
	size_t canonical_count, canonical_capacity;
	uint32_t canonical_buckets[CANONICAL_BUCKETS]; /**< from 1 */
	const char **secret_names;
	size_t secret_name_count, secret_name_capacity;
};

/** Words, the rest of a line. */
struct words {
	const struct word *items;
	size_t count;
};

/** Report a mistake at a word, or at the end of the words where there is none.
 */
#define parse_error(parser, word, hint, ...)                                   \
	diagnostics_error((parser)->diagnostics, &(word)->place, (hint),       \
			  __VA_ARGS__)

/** A warning that only `check` wants. */
#define parse_warn(parser, word, hint, ...)                                    \
	do {                                                                   \
		if ((parser)->input->check)                                    \
			diagnostics_warn((parser)->diagnostics,                \
					 &(word)->place, (hint), __VA_ARGS__); \
	} while (0)

/** `did you mean '…'?` in the buffer, or NULL where nothing is near. */
const char *parse_suggest(const char *const *words, const struct word *word,
			  char buffer[64]);

/** The words of a line with one space between them; NULL: no memory. */
const char *parse_joined(struct parser *parser, struct words words);

/** Read all sources. Returns 0 also where there were mistakes. */
int parse_sources(struct parser *parser);

/** Keep a line as it was written. Returns 0 or -ENOMEM. */
int line_keep(struct parser *parser, struct words words,
	      struct policy_line *kept);

/** Read a line that starts with a verdict or `final`. */
int parse_rule(struct parser *parser, struct words words);
int parse_secret(struct parser *parser, struct words words);
int parse_agent(struct parser *parser, struct words words);
int parse_limit(struct parser *parser, struct words words);
int parse_tracing(struct parser *parser, struct words words);
int parse_clipboard(struct parser *parser, struct words words);

/** Read `15m`, `90s`, `2h`, `1d` or plain seconds; false if it is none. */
bool parse_duration(const char *text, int64_t *seconds);

/** Lines being gathered. */
struct line_list {
	struct line *items;
	size_t count, capacity;
};

/** Move what was gathered into a set that the arena holds. */
int line_list_finish(struct parser *parser, struct line_list *list,
		     struct line_set *set);

/** Add the branches of a rule's patterns, for each of its actions. */
int parse_patterns(struct parser *parser, struct policy_rule *rule,
		   struct words words);

/** The lines of a word that is a glob of one kind, all spellings. */
int parse_glob_lines(struct parser *parser, enum glob_kind kind,
		     const struct word *word, struct line_list *list);

/** The lines of a program as `by` names it: a path glob, or what PATH finds. */
int parse_program_lines(struct parser *parser, const struct word *word,
			struct line_list *list);

/**
 * The canonical spelling of a path; the same text where there is no other.
 * Returns 0 or -ENOMEM.
 */
int parse_canonical(struct parser *parser, const char *path,
		    const char **canonical);

/** The path that PATH finds; NULL where there is none. */
int parse_find_program(struct parser *parser, const char *name,
		       const char **path);

#endif
