/*
 * The canonical layout. Neighbouring rules stand in columns: verdict, actions,
 * patterns, qualifiers. Words stay as they were written, comments stay, lines
 * that went on are put together, and blank lines come one at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lex.h"
#include "policy/names.h"
#include "policy/scope.h"
#include "policy/text.h"

enum { COLUMNS = 4, WIDEST_COLUMN = 48 };

/** A line in its columns; a line that is no rule has only the last one. */
struct layout {
	char *columns[COLUMNS];
	const char *comment;
	size_t comment_length;
	bool rule, blank;
};

struct formatting {
	struct layout *lines;
	size_t count, capacity;
};

static void add_word(struct text *text, const struct word *word)
{
	if (text->length)
		text_add_byte(text, ' ');
	text_add(text, word->raw, word->raw_length);
}

static bool starts_rule(const struct word *word)
{
	return !word->quoted &&
	       (word_index(verdict_words, word->raw, word->raw_length) >= 0 ||
		word_is(word, "never") || word_is(word, "final"));
}

static bool is_qualifier(const struct word *word)
{
	return !word->quoted &&
	       word_index(qualifier_words, word->raw, word->raw_length) >= 0;
}

static int layout_line(const struct lex_line *line, struct layout *layout)
{
	struct text columns[COLUMNS] = {{0}};
	size_t column = 0;
	int error = 0;

	layout->comment = line->comment;
	layout->comment_length = line->comment_length;
	layout->blank = line->count == 0 && !line->comment;
	layout->rule = line->count > 0 && starts_rule(&line->words[0]);
	for (size_t i = 0; i < line->count; i++) {
		const struct word *word = &line->words[i];

		if (layout->rule && column == 2 && is_qualifier(word))
			column = 3;
		add_word(&columns[layout->rule ? column : 0], word);
		if (column < 2 && !word_is(word, "final"))
			column++;
	}
	for (size_t i = 0; i < COLUMNS; i++) {
		int finish = text_finish(&columns[i], &layout->columns[i]);

		error = error ? error : finish;
	}
	return error;
}

/** The widths of the columns of the rules from `first` on that are together. */
static size_t block_widths(const struct formatting *formatting, size_t first,
			   size_t widths[COLUMNS])
{
	size_t end = first;

	memset(widths, 0, COLUMNS * sizeof(*widths));
	for (; end < formatting->count && formatting->lines[end].rule; end++) {
		const struct layout *layout = &formatting->lines[end];

		for (size_t c = 0; c + 1 < COLUMNS; c++) {
			size_t width = strlen(layout->columns[c]);

			/* A long pattern moves its own line only; patterns
			 * with nothing after them need no room. */
			if (width > widths[c] && width <= WIDEST_COLUMN &&
			    (c < 2 || *layout->columns[3]))
				widths[c] = width;
		}
	}
	return end;
}

static void print_line(const struct layout *layout,
		       const size_t widths[COLUMNS], struct text *text)
{
	size_t start = text->length, gap = 0;

	for (size_t c = 0; c < COLUMNS; c++) {
		const char *column = layout->columns[c];

		if (!*column)
			continue;
		for (; gap > 0; gap--)
			text_add_byte(text, ' ');
		text_add_string(text, column);
		gap = c == 2 ? 2 : 1;
		if (widths && widths[c] > strlen(column))
			gap += widths[c] - strlen(column);
	}
	if (layout->comment) {
		if (text->length > start)
			text_add_string(text, "  ");
		text_add(text, layout->comment, layout->comment_length);
	}
	text_add_byte(text, '\n');
}

static void print_lines(const struct formatting *formatting, struct text *text)
{
	size_t widths[COLUMNS], end = 0;
	bool blank = false;

	for (size_t i = 0; i < formatting->count; i++) {
		const struct layout *layout = &formatting->lines[i];

		if (layout->blank) {
			blank = text->length > 0;
			continue;
		}
		if (blank)
			text_add_byte(text, '\n');
		blank = false;
		if (layout->rule && i >= end)
			end = block_widths(formatting, i, widths);
		print_line(layout, layout->rule ? widths : NULL, text);
	}
}

static int read_lines(struct formatting *formatting, struct lexer *lexer)
{
	struct lex_line line;
	int more;

	while ((more = lexer_next(lexer, &line)) > 0) {
		struct layout layout = {0};
		int error = layout_line(&line, &layout);

		if (!error)
			error = array_add(formatting->lines, formatting->count,
					  formatting->capacity, layout);
		if (error) {
			for (size_t c = 0; c < COLUMNS; c++)
				free(layout.columns[c]);
			return error;
		}
	}
	return more;
}

int policy_format(const char *name, const char *text,
		  struct policy_diagnostics *list, char **formatted)
{
	size_t mistakes = policy_diagnostics_errors(list);
	struct formatting formatting = {0};
	struct arena arena = {0};
	struct text out = {0};
	struct lexer lexer;
	int error;

	lexer_init(&lexer, &arena, list, name, text, strlen(text));
	error = read_lines(&formatting, &lexer);
	if (!error && policy_diagnostics_errors(list) > mistakes)
		error = -EINVAL;
	if (!error) {
		print_lines(&formatting, &out);
		error = text_finish(&out, formatted);
	}
	for (size_t i = 0; i < formatting.count; i++)
		for (size_t c = 0; c < COLUMNS; c++)
			free(formatting.lines[i].columns[c]);
	free(formatting.lines);
	lexer_free(&lexer);
	arena_clear(&arena);
	return error;
}
