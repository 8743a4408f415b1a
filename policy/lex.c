#include "policy/lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void lexer_init(struct lexer *lexer, struct arena *arena,
		struct policy_diagnostics *diagnostics, const char *file,
		const char *text, size_t length)
{
	*lexer = (struct lexer){
		.arena = arena,
		.diagnostics = diagnostics,
		.file = file,
		.at = text,
		.end = text + length,
		.line = 1,
	};
}

void lexer_free(struct lexer *lexer)
{
	free(lexer->words);
	lexer->words = NULL;
}

/** The state of reading one line: where its physical line stands. */
struct reading {
	const char *start, *end; /**< of the physical line, without newline */
};

static void read_physical(struct lexer *lexer, struct reading *reading)
{
	size_t left = (size_t)(lexer->end - lexer->at);
	const char *newline = left ? memchr(lexer->at, '\n', left) : NULL;

	reading->start = lexer->at;
	reading->end = newline ? newline : lexer->end;
}

static struct place place_at(const struct lexer *lexer,
			     const struct reading *reading, const char *at,
			     size_t width)
{
	return (struct place){
		.file = lexer->file,
		.line_start = reading->start,
		.line_length = (size_t)(reading->end - reading->start),
		.line = lexer->line,
		.column = (unsigned)(at - reading->start) + 1,
		.width = (unsigned)width,
	};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/** What an escape in quotes stands for; returns its length, 0 for none. */
static size_t read_escape(const char *at, const char *end, symbol *out)
{
	int high, low;

	if (end - at < 2)
		return 0;
	switch (at[1]) {
	case '"':
	case '\\':
		*out = (symbol)((unsigned char)at[1] | SYMBOL_LITERAL);
		return 2;
	case 'n':
		*out = '\n' | SYMBOL_LITERAL;
		return 2;
	case 't':
		*out = '\t' | SYMBOL_LITERAL;
		return 2;
	case 'x':
		if (end - at < 4)
			return 0;
		high = hex_digit(at[2]);
		low = hex_digit(at[3]);
		if (high < 0 || low < 0 || (high | low) == 0)
			return 0;
		*out = (symbol)((unsigned)(high * 16 + low) | SYMBOL_LITERAL);
		return 4;
	default:
		return 0;
	}
}

/**
 * Read the quoted word at `at` into `out`. Returns where it ends; mistakes are
 * reported and mark the line as broken.
 */
static const char *read_quoted(struct lexer *lexer,
			       const struct reading *reading, const char *at,
			       struct word *word, symbol *out, bool *broken)
{
	const char *start = at++;
	struct place place;

	while (at < reading->end && *at != '"') {
		size_t length = 1;

		if (*at == '\\') {
			length = read_escape(at, reading->end,
					     &out[word->symbols.count]);
			if (length == 0) {
				place = place_at(lexer, reading, at, 2);
				diagnostics_error(
					lexer->diagnostics, &place,
					"known are \\\" \\\\ \\n \\t and "
					"\\xNN, but not NUL",
					"unknown escape");
				*broken = true;
				length = 1;
			}
		} else {
			out[word->symbols.count] = (unsigned char)*at;
		}
		word->symbols.count++;
		at += length;
	}
	if (at >= reading->end) {
		place = place_at(lexer, reading, start, 1);
		diagnostics_error(lexer->diagnostics, &place, NULL,
				  "the quote is not closed on this line");
		*broken = true;
		return at;
	}
	at++;
	if (at < reading->end && !is_space(*at)) {
		place = place_at(lexer, reading, at, 1);
		diagnostics_error(lexer->diagnostics, &place,
				  "quote the whole word",
				  "a quoted word ends at its quote");
		*broken = true;
		while (at < reading->end && !is_space(*at))
			at++;
	}
	return at;
}

/** Does the line go on after this `\`? */
static bool is_continuation(const struct reading *reading, const char *at)
{
	if (*at != '\\')
		return false;
	at++;
	if (at < reading->end && *at == '\r')
		at++;
	return at == reading->end;
}

static const char *read_bare(struct lexer *lexer, const struct reading *reading,
			     const char *at, struct word *word, symbol *out,
			     bool *broken)
{
	for (; at < reading->end && !is_space(*at); at++) {
		if (is_continuation(reading, at))
			break;
		if (*at == '"') {
			struct place place = place_at(lexer, reading, at, 1);

			diagnostics_error(lexer->diagnostics, &place,
					  "quote the whole word",
					  "a quote inside a bare word");
			*broken = true;
		}
		out[word->symbols.count++] = (unsigned char)*at;
	}
	return at;
}

/** Read one word at `at`; returns where it ends, or NULL without memory. */
static const char *read_word(struct lexer *lexer, const struct reading *reading,
			     const char *at, struct word *word, bool *broken)
{
	size_t most = (size_t)(reading->end - at);
	const char *start = at;
	symbol *out;

	/* No word has more symbols than bytes; trim to its real length. */
	for (size_t i = 0; i < most && *at != '"'; i++) {
		if (is_space(at[i]))
			most = i;
	}
	out = arena_alloc(lexer->arena, (most + 1) * sizeof(*out));
	if (!out)
		return NULL;
	*word = (struct word){.raw = start, .quoted = *start == '"'};
	word->symbols.items = out;
	if (word->quoted)
		at = read_quoted(lexer, reading, at, word, out, broken);
	else
		at = read_bare(lexer, reading, at, word, out, broken);
	word->raw_length = (size_t)(at - start);
	word->place = place_at(lexer, reading, start, word->raw_length);
	return at;
}

/**
 * Read the words of one physical line. Returns 1 if the line goes on, 0 if it
 * ends here, or -ENOMEM.
 */
static int read_words(struct lexer *lexer, const struct reading *reading,
		      struct lex_line *line)
{
	const char *at = reading->start;

	while (at < reading->end) {
		struct word word;
		int error;

		if (is_space(*at)) {
			at++;
			continue;
		}
		if (*at == '#') {
			line->comment = at;
			line->comment_length = (size_t)(reading->end - at);
			while (line->comment_length > 0 &&
			       is_space(at[line->comment_length - 1]))
				line->comment_length--;
			return 0;
		}
		if (is_continuation(reading, at))
			return 1;
		at = read_word(lexer, reading, at, &word, &line->broken);
		if (!at)
			return -ENOMEM;
		error = array_add(lexer->words, line->count, lexer->capacity,
				  word);
		if (error)
			return error;
	}
	return 0;
}

int lexer_next(struct lexer *lexer, struct lex_line *line)
{
	int more = 1;

	if (lexer->at >= lexer->end)
		return 0;
	*line = (struct lex_line){.line = lexer->line};
	while (more > 0 && lexer->at < lexer->end) {
		struct reading reading;
		const char *nul;

		read_physical(lexer, &reading);
		nul = memchr(reading.start, '\0',
			     (size_t)(reading.end - reading.start));
		if (nul) {
			struct place place = place_at(lexer, &reading, nul, 1);

			diagnostics_error(lexer->diagnostics, &place, NULL,
					  "a NUL byte; this is no text");
			line->broken = true;
		}
		more = read_words(lexer, &reading, line);
		lexer->at =
			reading.end < lexer->end ? reading.end + 1 : lexer->end;
		lexer->line++;
	}
	line->words = lexer->words;
	return more < 0 ? more : 1;
}

bool word_is(const struct word *word, const char *text)
{
	return !word->quoted && strlen(text) == word->raw_length &&
	       memcmp(word->raw, text, word->raw_length) == 0;
}

char *symbols_string(struct arena *arena, struct symbols symbols)
{
	char *string = arena_alloc(arena, symbols.count + 1);

	for (size_t i = 0; string && i < symbols.count; i++)
		string[i] = (char)(unsigned char)(symbols.items[i] & 0xff);
	return string;
}

char *word_string(struct arena *arena, const struct word *word)
{
	return symbols_string(arena, word->symbols);
}
