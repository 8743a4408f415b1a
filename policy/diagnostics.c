#include "policy/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/scope.h"
#include "policy/text.h"

/** More than these are counted, not kept: nobody reads them. */
enum { MOST_KEPT = 1000 };

struct policy_diagnostics {
	struct arena arena;
	struct policy_diagnostic *items;
	size_t count, capacity;
	size_t errors;
	bool failed;
};

struct policy_diagnostics *policy_diagnostics_new(void)
{
	return calloc(1, sizeof(struct policy_diagnostics));
}

void policy_diagnostics_free(struct policy_diagnostics *list)
{
	if (!list)
		return;
	arena_clear(&list->arena);
	free(list->items);
	free(list);
}

size_t policy_diagnostics_errors(const struct policy_diagnostics *list)
{
	return list->errors;
}

size_t policy_diagnostics_count(const struct policy_diagnostics *list)
{
	return list->count;
}

const struct policy_diagnostic *
policy_diagnostics_at(const struct policy_diagnostics *list, size_t index)
{
	return index < list->count ? &list->items[index] : NULL;
}

bool diagnostics_failed(const struct policy_diagnostics *list)
{
	return list->failed;
}

static void diagnostics_add(struct policy_diagnostics *list, bool is_error,
			    const struct place *place, const char *hint,
			    const char *message)
{
	struct policy_diagnostic item = {
		.is_error = is_error,
		.line = place->line,
		.column = place->column,
		.width = place->width ? place->width : 1,
	};

	if (is_error)
		list->errors++;
	if (list->count >= MOST_KEPT)
		return;
	item.file = arena_copy(&list->arena, place->file, strlen(place->file));
	item.source = arena_copy(&list->arena,
				 place->line_start ? place->line_start : "",
				 place->line_length);
	item.message = arena_copy(&list->arena, message, strlen(message));
	if (hint)
		item.hint = arena_copy(&list->arena, hint, strlen(hint));
	if (!item.file || !item.source || !item.message ||
	    (hint && !item.hint) ||
	    array_add(list->items, list->count, list->capacity, item))
		list->failed = true;
}

void diagnostics_error(struct policy_diagnostics *list,
		       const struct place *place, const char *hint,
		       const char *format, ...)
{
	auto_free char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0) {
		message = NULL;
		list->failed = true;
	}
	va_end(arguments);
	diagnostics_add(list, true, place, hint, message ? message : "");
}

void diagnostics_warn(struct policy_diagnostics *list,
		      const struct place *place, const char *hint,
		      const char *format, ...)
{
	auto_free char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0) {
		message = NULL;
		list->failed = true;
	}
	va_end(arguments);
	diagnostics_add(list, false, place, hint, message ? message : "");
}

/** The line, and under it carets below the marked word. */
static void print_source(const struct policy_diagnostic *item, struct text *out,
			 bool colour)
{
	size_t length = strlen(item->source);
	size_t start = item->column ? item->column - 1 : 0;
	size_t width = item->width;
	struct text before = {0}, marked = {0};
	size_t indent, carets;

	if (start > length)
		start = length;
	if (width > length - start)
		width = length - start;
	indent = text_add_shown(&before, item->source, start);
	carets = text_add_shown(&marked, item->source + start, width);
	text_format(out, "%5u | ", item->line);
	text_add_shown(out, item->source, length);
	text_add_string(out, "\n      | ");
	for (size_t i = 0; i < indent; i++)
		text_add_byte(out, ' ');
	text_add_string(out, colour ? "\033[1;31m" : "");
	text_add_byte(out, '^');
	for (size_t i = 1; i < carets; i++)
		text_add_byte(out, '~');
	text_add_string(out, colour ? "\033[0m\n" : "\n");
	text_free(&before);
	text_free(&marked);
}

void policy_diagnostics_print(const struct policy_diagnostics *list, FILE *out,
			      bool colour)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct policy_diagnostic *item = &list->items[i];
		auto_free char *string = NULL;
		struct text text = {0};

		text_add_shown(&text, item->file, strlen(item->file));
		if (item->line)
			text_format(&text, ":%u:%u", item->line, item->column);
		text_add_string(&text, ": ");
		if (colour)
			text_add_string(&text, item->is_error ? "\033[1;31m"
							      : "\033[1;33m");
		text_add_string(&text, item->is_error ? "error" : "warning");
		text_add_string(&text, colour ? "\033[0m: " : ": ");
		text_add_shown(&text, item->message, strlen(item->message));
		text_add_byte(&text, '\n');
		if (item->line)
			print_source(item, &text, colour);
		if (item->hint) {
			text_add_string(&text, "      = ");
			text_add_shown(&text, item->hint, strlen(item->hint));
			text_add_byte(&text, '\n');
		}
		if (text_finish(&text, &string) == 0)
			fputs(string, out);
	}
}
