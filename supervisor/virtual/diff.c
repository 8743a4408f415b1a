#include "supervisor/virtual/diff.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/utf8.h"

/* Cells of the table by which lines are compared: 16 MiB. */
#define CELLS_MAX ((size_t)4 << 20)
#define CONTEXT	  3

static int split(struct diff_side *side)
{
	struct line line = {0};
	size_t count = 1;

	for (size_t i = 0; i < side->length; i++)
		count += side->text[i] == '\n';
	side->lines = calloc(count, sizeof(*side->lines));
	side->fellow = calloc(count, sizeof(*side->fellow));
	if (!side->lines || !side->fellow)
		return -ENOMEM;
	while (line_at(side->text, side->length, line.next, &line)) {
		side->fellow[side->count] = DIFF_ALONE;
		side->lines[side->count++] = line;
	}
	return 0;
}

static bool same(const struct diff *diff, size_t i, size_t j)
{
	const struct line *a = &diff->old.lines[i], *b = &diff->new.lines[j];
	size_t length = a->next - a->from;

	return length == b->next - b->from &&
	       memcmp(diff->old.text + a->from, diff->new.text + b->from,
		      length) == 0;
}

static void pair(struct diff *diff, size_t i, size_t j)
{
	diff->old.fellow[i] = j;
	diff->new.fellow[j] = i;
}

/*
 * The longest common sequence of the lines from `first` on, `rows` of the old
 * and `columns` of the new text.
 */
static int match(struct diff *diff, size_t first, size_t rows, size_t columns)
{
	size_t width = columns + 1, i = 0, j = 0;
	auto_free uint32_t *table = NULL;

	if (!rows || !columns || (rows + 1) > CELLS_MAX / width)
		return 0;
	table = calloc((rows + 1) * width, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t r = rows; r-- > 0;) {
		for (size_t c = columns; c-- > 0;) {
			uint32_t below = table[(r + 1) * width + c];
			uint32_t right = table[r * width + c + 1];

			if (same(diff, first + r, first + c))
				table[r * width + c] =
					table[(r + 1) * width + c + 1] + 1;
			else
				table[r * width + c] =
					below > right ? below : right;
		}
	}
	while (i < rows && j < columns) {
		if (same(diff, first + i, first + j)) {
			pair(diff, first + i++, first + j++);
		} else if (table[(i + 1) * width + j] >=
			   table[i * width + j + 1]) {
			i++;
		} else {
			j++;
		}
	}
	return 0;
}

int diff_make(const char *old, size_t old_length, const char *new,
	      size_t new_length, struct diff *diff)
{
	size_t first = 0, rows, columns;
	int error;

	*diff = (struct diff){
		.old = {.text = old, .length = old_length},
		.new = {.text = new, .length = new_length},
	};
	error = split(&diff->old);
	if (!error)
		error = split(&diff->new);
	if (error) {
		diff_free(diff);
		return error;
	}
	rows = diff->old.count;
	columns = diff->new.count;
	for (; first < rows && first < columns && same(diff, first, first);
	     first++)
		pair(diff, first, first);
	while (rows > first && columns > first &&
	       same(diff, rows - 1, columns - 1))
		pair(diff, --rows, --columns);
	error = match(diff, first, rows - first, columns - first);
	if (error)
		diff_free(diff);
	return error;
}

void diff_free(struct diff *diff)
{
	free(diff->old.lines);
	free(diff->old.fellow);
	free(diff->new.lines);
	free(diff->new.fellow);
	*diff = (struct diff){0};
}

/* ------------------------------------------------------------ printing -- */

/* The length of the UTF-8 sequence that starts here, 0 where it is none, or is
 * what must not reach a terminal. */
static size_t sequence_at(const char *text, size_t length)
{
	uint32_t character;
	size_t width = utf8_decode(text, length, &character);

	return width > 1 && !utf8_deceives(character) ? width : 0;
}

void diff_print_text(const char *text, size_t length, FILE *out)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		size_t size = sequence_at(text + i, length - i);

		if (size) {
			fwrite(text + i, 1, size, out);
			i += size - 1;
		} else if ((c >= ' ' && c < 0x7f) || c == '\t') {
			fputc(c, out);
		} else {
			fprintf(out, "\\x%02x", c);
		}
	}
}

static void print_line(const struct diff_side *side, size_t index, char sign,
		       FILE *out)
{
	const struct line *line = &side->lines[index];
	bool ends =
		line->next > line->from && side->text[line->next - 1] == '\n';

	fputc(sign, out);
	diff_print_text(side->text + line->from,
			line->next - line->from - (ends ? 1 : 0), out);
	fputs(ends ? "\n" : "\n\\ No newline at end of file\n", out);
}

/* A place in both texts: how many lines lie before it. */
struct place {
	size_t old, new;
};

static bool at_end(const struct diff *diff, struct place place)
{
	return place.old == diff->old.count && place.new == diff->new.count;
}

/* Do the next lines of both stand for each other? */
static bool is_same_at(const struct diff *diff, struct place place)
{
	return place.old < diff->old.count && place.new < diff->new.count &&
	       diff->old.fellow[place.old] == place.new;
}

/* Where the hunk that contains a difference ends, context included. */
static struct place hunk_end(const struct diff *diff, struct place place)
{
	size_t quiet = 0;

	while (!at_end(diff, place) && quiet <= (size_t)2 * CONTEXT) {
		if (is_same_at(diff, place)) {
			quiet++;
			place.old++;
			place.new ++;
			continue;
		}
		quiet = 0;
		if (place.old < diff->old.count &&
		    diff->old.fellow[place.old] == DIFF_ALONE)
			place.old++;
		else
			place.new ++;
	}
	quiet = quiet > CONTEXT ? quiet - CONTEXT : 0;
	return (struct place){place.old - quiet, place.new - quiet};
}

static void print_hunk(const struct diff *diff, struct place at,
		       struct place end, FILE *out)
{
	size_t old = end.old - at.old, new = end.new - at.new;

	fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", at.old + (old ? 1 : 0), old,
		at.new + (new ? 1 : 0), new);
	while (at.old < end.old || at.new < end.new) {
		if (is_same_at(diff, at)) {
			print_line(&diff->old, at.old, ' ', out);
			at.old++;
			at.new ++;
		} else if (at.old < end.old &&
			   diff->old.fellow[at.old] == DIFF_ALONE) {
			print_line(&diff->old, at.old++, '-', out);
		} else {
			print_line(&diff->new, at.new ++, '+', out);
		}
	}
}

void diff_print(const struct diff *diff, const char *old_name,
		const char *new_name, FILE *out)
{
	struct place at = {0};

	fputs("--- ", out);
	diff_print_text(old_name, strlen(old_name), out);
	fputs("\n+++ ", out);
	diff_print_text(new_name, strlen(new_name), out);
	fputc('\n', out);
	while (!at_end(diff, at)) {
		size_t before;
		struct place end;

		if (is_same_at(diff, at)) {
			at.old++;
			at.new ++;
			continue;
		}
		for (before = 0;
		     before < CONTEXT && at.old > before &&
		     at.new >
			     before &&is_same_at(
				     diff, (struct place){at.old - before - 1,
							  at.new - before - 1});
		     before++)
			;
		end = hunk_end(diff, at);
		print_hunk(diff,
			   (struct place){at.old - before, at.new - before},
			   end, out);
		at = end;
	}
}
