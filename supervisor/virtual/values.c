#include "supervisor/virtual/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/virtual/placeholder.h"

static int add(struct values *values, const struct value *value)
{
	if (values->count == values->room) {
		size_t room = values->room ? values->room * 2 : 64;
		struct value *items =
			reallocarray(values->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		values->items = items;
		values->room = room;
	}
	values->items[values->count++] = *value;
	return 0;
}

static size_t count_lines(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += text[i] == '\n';
	return count;
}

static size_t line_length(const char *text, size_t length)
{
	const char *end = memchr(text, '\n', length);

	return end ? (size_t)(end - text) : length;
}

/*
 * A value of several lines is added line by line where both have as many, so
 * that a line that a program moved is known.
 */
static int add_lines(struct values *values, struct value whole)
{
	bool by_line = whole.real &&
		       count_lines(whole.placeholder, whole.length) ==
			       count_lines(whole.real, whole.real_length);
	int error = 0;

	if (!by_line)
		return add(values, &whole);
	while (!error && whole.length) {
		struct value line = whole;

		line.length = line_length(whole.placeholder, whole.length);
		line.real_length = line_length(whole.real, whole.real_length);
		if (line.length)
			error = add(values, &line);
		if (line.length == whole.length)
			break;
		whole.placeholder += line.length + 1;
		whole.offset += line.length + 1;
		whole.length -= line.length + 1;
		whole.real += line.real_length + 1;
		whole.real_length -= line.real_length + 1;
	}
	return error;
}

int values_add(struct values *values, const char *path, const char *made,
	       const struct marks *marks, const char *real,
	       const struct marks *real_marks)
{
	int error = 0;

	for (size_t i = 0; i < marks->count && !error; i++) {
		struct value value = {
			.placeholder = made + marks->items[i].offset,
			.length = marks->items[i].length,
			.path = path,
			.offset = marks->items[i].offset,
		};

		if (real) {
			value.real = real + real_marks->items[i].offset;
			value.real_length = real_marks->items[i].length;
		}
		error = add_lines(values, value);
	}
	return error;
}

/* By the text, the longer one of two that begin alike first. */
static int by_text(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	size_t common = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->placeholder, y->placeholder, common);

	if (order)
		return order;
	return (x->length < y->length) - (x->length > y->length);
}

int values_index(struct values *values)
{
	free(values->by_text);
	values->indexed = 0;
	values->by_text = calloc(values->count + 1, sizeof(struct value));
	if (!values->by_text)
		return -ENOMEM;
	for (size_t i = 0; i < values->count; i++) {
		if (values->items[i].length >= PLACEHOLDER_DISTINCT)
			values->by_text[values->indexed++] = values->items[i];
	}
	qsort(values->by_text, values->indexed, sizeof(struct value), by_text);
	return 0;
}

const struct value *values_find(const struct values *values, const char *text,
				size_t length)
{
	size_t low = 0, high = values->indexed;

	if (length < PLACEHOLDER_DISTINCT)
		return NULL;
	/* The first one whose start is not less than the text's. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(values->by_text[middle].placeholder, text,
			   PLACEHOLDER_DISTINCT) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < values->indexed; low++) {
		const struct value *value = &values->by_text[low];

		if (memcmp(value->placeholder, text, PLACEHOLDER_DISTINCT) != 0)
			return NULL;
		if (value->length <= length &&
		    memcmp(value->placeholder, text, value->length) == 0)
			return value;
	}
	return NULL;
}

void values_free(struct values *values)
{
	free(values->items);
	free(values->by_text);
	*values = (struct values){0};
}
