#include "supervisor/virtual/restore.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/virtual/diff.h"
#include "supervisor/virtual/placeholder.h"
#include "supervisor/virtual/transform.h"

static size_t mark_end(const struct marks *marks, size_t index)
{
	return marks->items[index].offset + marks->items[index].length;
}

/* Are the two the same but for what is marked? */
static bool same_between(const char *a, size_t a_length, const struct marks *x,
			 const char *b, size_t b_length, const struct marks *y)
{
	size_t from = 0, start = 0;

	if (x->count != y->count)
		return false;
	for (size_t i = 0; i <= x->count; i++) {
		size_t to = i < x->count ? x->items[i].offset : a_length;
		size_t stop = i < y->count ? y->items[i].offset : b_length;

		if (to - from != stop - start ||
		    memcmp(a + from, b + start, to - from) != 0)
			return false;
		if (i < x->count) {
			from = mark_end(x, i);
			start = mark_end(y, i);
		}
	}
	return true;
}

int restore_locate(const struct manifest_entry *entry, const char *made,
		   size_t made_length, const char *real, size_t real_length,
		   struct marks *marks)
{
	unsigned char digest[MANIFEST_DIGEST];
	int error = manifest_digest(real, real_length, digest);

	*marks = (struct marks){0};
	if (error)
		return error;
	if (entry->marks.count &&
	    mark_end(&entry->marks, entry->marks.count - 1) > made_length)
		return -EBADMSG;
	/* By place, unless a placeholder had another length than its value. */
	if (entry->has_real &&
	    memcmp(digest, entry->digest, sizeof(digest)) == 0 &&
	    same_between(made, made_length, &entry->marks, real, real_length,
			 &entry->marks)) {
		for (size_t i = 0; i < entry->marks.count; i++)
			marks_add(marks, entry->marks.items[i].offset,
				  mark_end(&entry->marks, i));
		return marks->failed ? -ENOMEM : 0;
	}
	error = transform_mark(marks, entry->kind, entry->path, real,
			       real_length);
	if (!error && !same_between(made, made_length, &entry->marks, real,
				    real_length, marks))
		error = -ESTALE;
	if (error)
		marks_free(marks);
	return error;
}

/* A short value of which the line was changed or removed. */
struct lost {
	const struct value *value;
	const struct line *line;
};

struct restoring {
	const struct values *own, *all;
	const struct diff *diff;
	struct lost *lost;
	size_t lost_count;
	size_t done; /* how much of what was written is turned back */
	FILE *out;
	const char *why, *of;
};

static void refuse(struct restoring *restoring, const char *why, const char *of)
{
	if (restoring->why)
		return;
	restoring->why = why;
	restoring->of = of;
}

/* The first value at or behind an offset; they are in order. */
static size_t first_value(const struct values *values, size_t offset)
{
	size_t low = 0, high = values->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (values->items[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A line as it was made: its placeholders are where they were. */
static void restore_line_by_place(const struct restoring *restoring,
				  const struct line *line)
{
	const struct values *own = restoring->own;
	const char *made = restoring->diff->old.text;
	size_t at = line->from;

	for (size_t i = first_value(own, at);
	     i < own->count && own->items[i].offset < line->next; i++) {
		const struct value *value = &own->items[i];

		fwrite(made + at, 1, value->offset - at, restoring->out);
		fwrite(value->real, 1, value->real_length, restoring->out);
		at = value->offset + value->length;
	}
	if (at < line->next)
		fwrite(made + at, 1, line->next - at, restoring->out);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' ||
	       (unsigned char)c >= 0x80;
}

/* Does a placeholder stand at this place, as a word of its own? */
static bool is_word_at(const struct value *value, const char *text, size_t from,
		       size_t at, size_t to)
{
	size_t length = value->length;

	return to - at >= length &&
	       memcmp(text + at, value->placeholder, length) == 0 &&
	       (at == from || !is_word(text[at - 1])) &&
	       (at + length == to || !is_word(text[at + length]));
}

static int find_lost(struct restoring *restoring)
{
	const struct diff_side *old = &restoring->diff->old;
	const struct values *own = restoring->own;

	restoring->lost = calloc(own->count + 1, sizeof(*restoring->lost));
	if (!restoring->lost)
		return -ENOMEM;
	for (size_t i = 0; i < old->count; i++) {
		if (old->fellow[i] != DIFF_ALONE)
			continue;
		for (size_t j = first_value(own, old->lines[i].from);
		     j < own->count &&
		     own->items[j].offset < old->lines[i].next;
		     j++) {
			if (own->items[j].length < PLACEHOLDER_DISTINCT)
				restoring->lost[restoring->lost_count++] =
					(struct lost){&own->items[j],
						      &old->lines[i]};
		}
	}
	return 0;
}

/*
 * A short placeholder could be anything. It is one if the line begins as the
 * line did that it was in.
 */
static const struct value *find_short(struct restoring *restoring,
				      const struct line *line, size_t at)
{
	const char *text = restoring->diff->new.text;
	const char *made = restoring->diff->old.text;

	for (size_t i = 0; i < restoring->lost_count; i++) {
		const struct value *value = restoring->lost[i].value;
		const struct line *was = restoring->lost[i].line;
		size_t before = value->offset - was->from;

		if (!is_word_at(value, text, line->from, at, line->to))
			continue;
		if (before == at - line->from &&
		    memcmp(made + was->from, text + line->from, before) == 0)
			return value;
		refuse(restoring,
		       "a line with a short value was rewritten, and its "
		       "placeholder cannot be told from other text",
		       NULL);
	}
	return NULL;
}

static void restore_line_by_search(struct restoring *restoring,
				   const struct line *line)
{
	const char *text = restoring->diff->new.text;
	size_t length = restoring->diff->new.length;
	size_t at = restoring->done > line->from ? restoring->done : line->from;

	while (at < line->next) {
		const struct value *value =
			values_find(restoring->all, text + at, length - at);

		if (!value)
			value = find_short(restoring, line, at);
		if (value && !value->real)
			refuse(restoring,
			       "it holds a placeholder of another file",
			       value->path);
		if (value && value->real) {
			fwrite(value->real, 1, value->real_length,
			       restoring->out);
			at += value->length;
		} else {
			fputc(text[at++], restoring->out);
		}
	}
	restoring->done = at;
}

static int restore_lines(struct restoring *restoring)
{
	const struct diff *diff = restoring->diff;
	bool by_place = true;
	int error = find_lost(restoring);

	if (error)
		return error;
	/* A value that is not on one line has no place on a line. */
	for (size_t i = 0; i < restoring->own->count; i++) {
		const struct value *value = &restoring->own->items[i];

		if (memchr(value->placeholder, '\n', value->length))
			by_place = false;
	}
	for (size_t i = 0; i < diff->new.count; i++) {
		size_t fellow = diff->new.fellow[i];

		if (fellow != DIFF_ALONE && by_place &&
		    restoring->done <= diff->new.lines[i].from)
			restore_line_by_place(restoring,
					      &diff->old.lines[fellow]);
		else
			restore_line_by_search(restoring, &diff->new.lines[i]);
	}
	return restoring->why ? -EPERM : 0;
}

int restore_text(const struct values *own, const struct values *all,
		 const char *made, size_t made_length, const char *written,
		 size_t written_length, char **text, size_t *length,
		 const char **why, const char **of)
{
	struct restoring restoring = {.own = own, .all = all};
	struct diff diff;
	int error =
		diff_make(made, made_length, written, written_length, &diff);

	*text = NULL;
	if (error)
		return error;
	restoring.diff = &diff;
	restoring.out = open_memstream(text, length);
	error = restoring.out ? restore_lines(&restoring) : -ENOMEM;
	if (restoring.out) {
		bool failed = ferror(restoring.out);

		if (fclose(restoring.out) || failed)
			error = -ENOMEM;
	}
	free(restoring.lost);
	diff_free(&diff);
	*why = restoring.why;
	*of = restoring.of;
	if (error && *text) {
		explicit_bzero(*text, *length);
		free(*text);
		*text = NULL;
	}
	return error;
}
