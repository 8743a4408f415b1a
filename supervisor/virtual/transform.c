#include "supervisor/virtual/transform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/virtual/aws.h"
#include "supervisor/virtual/dotenv.h"
#include "supervisor/virtual/keys.h"

bool transform_is_binary(const char *text, size_t length)
{
	return length && memchr(text, '\0', length);
}

int transform_mark(struct marks *marks, enum fake_kind kind, const char *path,
		   const char *text, size_t length)
{
	switch (kind) {
	case FAKE_AWS:
		aws_mark(marks, path, text, length);
		break;
	case FAKE_DOTENV:
		dotenv_mark(marks, text, length);
		break;
	case FAKE_KEYS:
		keys_mark(marks, path, text, length);
		break;
	default:
		return -EINVAL;
	}
	if (marks->failed)
		return -ENOMEM;
	marks_settle(marks);
	return 0;
}

/* Put something in the place of a mark, which then marks that. */
static int replace_mark(struct transformed *result, struct mark *mark,
			const char *with, size_t length)
{
	size_t behind = mark->offset + mark->length;
	size_t size = result->length - mark->length + length;

	if (length > mark->length) {
		char *text = malloc(size + 1);

		if (!text)
			return -ENOMEM;
		memcpy(text, result->text, result->length);
		explicit_bzero(result->text, result->length);
		free(result->text);
		result->text = text;
	}
	memmove(result->text + mark->offset + length, result->text + behind,
		result->length - behind);
	memcpy(result->text + mark->offset, with, length);
	if (size < result->length)
		explicit_bzero(result->text + size, result->length - size);
	result->text[size] = '\0';
	result->length = size;
	mark->length = length;
	return 0;
}

static int replace(struct placeholders *placeholders, const char *path,
		   struct transformed *result)
{
	size_t longer = 0; /* than it was; what is shorter wraps around */

	for (size_t i = 0; i < result->marks.count; i++) {
		struct mark *mark = &result->marks.items[i];
		auto_free char *made = NULL;
		size_t length, before = mark->length;
		int error;

		mark->offset += longer;
		error = placeholders_make(placeholders, path,
					  result->text + mark->offset, before,
					  &made, &length);
		if (!error)
			error = replace_mark(result, mark, made, length);
		if (error)
			return error;
		longer += length - before;
	}
	return 0;
}

int transform(struct placeholders *placeholders, enum fake_kind kind,
	      const char *path, const char *text, size_t length,
	      struct transformed *result)
{
	int error;

	*result = (struct transformed){0};
	result->opaque = transform_is_binary(text, length);
	result->length = result->opaque ? 0 : length;
	result->text = malloc(result->length + 1);
	if (!result->text)
		return -ENOMEM;
	memcpy(result->text, text, result->length);
	result->text[result->length] = '\0';
	error = transform_mark(&result->marks, kind, path, text,
			       result->length);
	if (!error)
		error = replace(placeholders, path, result);
	if (error)
		transformed_free(result);
	return error;
}

void transformed_free(struct transformed *result)
{
	/* A failed one may still hold real bytes. */
	if (result->text)
		explicit_bzero(result->text, result->length);
	free(result->text);
	marks_free(&result->marks);
	*result = (struct transformed){0};
}
