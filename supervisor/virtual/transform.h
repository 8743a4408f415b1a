/*
 * What becomes of a real file's bytes: the same, with placeholders where its
 * secrets were.
 */
#ifndef SUPERVISOR_VIRTUAL_TRANSFORM_H
#define SUPERVISOR_VIRTUAL_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"
#include "supervisor/virtual/marks.h"
#include "supervisor/virtual/placeholder.h"

/** The result, for transformed_free(). */
struct transformed {
	char *text;
	size_t length;
	struct marks marks; /**< the placeholders, in order */
	bool opaque; /**< the file is binary: nothing of it is in `text` */
};

/**
 * Find the values to be replaced in a file: FAKE_AWS, FAKE_DOTENV or
 * FAKE_KEYS. Returns 0, -ENOMEM, or -EINVAL for another kind.
 */
int transform_mark(struct marks *marks, enum fake_kind kind, const char *path,
		   const char *text, size_t length);

/** Is this no text? Such a file is stood in for by an empty one. */
bool transform_is_binary(const char *text, size_t length);

/**
 * Transform a file for FAKE_AWS, FAKE_DOTENV or FAKE_KEYS. Every byte outside
 * the marks is the text's own, and what is marked keeps its length, but where
 * the placeholder is that of a former value.
 * Returns 0, -ENOMEM, or -EINVAL for another kind.
 */
int transform(struct placeholders *placeholders, enum fake_kind kind,
	      const char *path, const char *text, size_t length,
	      struct transformed *result);

void transformed_free(struct transformed *result);

#endif
