/*
 * From text to words. A line is a list of words; a line that ends in `\` goes
 * on, `#` at the start of a word starts a comment.
 */
#ifndef POLICY_LEX_H
#define POLICY_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"
#include "policy/diagnostics.h"

/**
 * One byte of a word. A byte with SYMBOL_LITERAL stands for itself alone: it
 * came from an escape or from a variable, so it is no wildcard.
 */
typedef uint16_t symbol;
enum { SYMBOL_LITERAL = 0x100 };

struct symbols {
	const symbol *items;
	size_t count;
};

struct word {
	struct place place;
	const char *raw; /**< as written, quotes and all */
	size_t raw_length;
	bool quoted;
	struct symbols symbols;
};

struct lex_line {
	struct word *words; /**< the lexer's; good until the next line */
	size_t count;
	const char *comment; /**< from its `#`, or NULL */
	size_t comment_length;
	unsigned line;
	bool broken; /**< a mistake was found in it and reported */
};

struct lexer {
	struct arena *arena; /**< where symbols are kept */
	struct policy_diagnostics *diagnostics;
	const char *file;
	const char *at, *end;
	unsigned line; /**< of the line that starts at `at` */
	struct word *words;
	size_t capacity;
};

void lexer_init(struct lexer *lexer, struct arena *arena,
		struct policy_diagnostics *diagnostics, const char *file,
		const char *text, size_t length);
void lexer_free(struct lexer *lexer);

/** Read a line, empty ones too. Returns 1, 0 at the end, or -ENOMEM. */
int lexer_next(struct lexer *lexer, struct lex_line *line);

/** Is it this word, bare? */
bool word_is(const struct word *word, const char *text);

/** The bytes of a word without its quotes, NUL-terminated; NULL: no memory. */
char *word_string(struct arena *arena, const struct word *word);

/** The bytes of symbols, NUL-terminated; NULL: no memory. */
char *symbols_string(struct arena *arena, struct symbols symbols);

#endif
