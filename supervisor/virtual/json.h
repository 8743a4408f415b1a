/*
 * Marks secrets in JSON. The bytes between the marks stay as they are, so the
 * layout does too. Comments and trailing commas are taken, as many programs'
 * settings have them, and several values after each other.
 */
#ifndef SUPERVISOR_VIRTUAL_JSON_H
#define SUPERVISOR_VIRTUAL_JSON_H

#include <stddef.h>

#include "supervisor/virtual/look.h"
#include "supervisor/virtual/marks.h"

/**
 * Mark; `kind` is that of the whole text. Returns 0, or -EINVAL where it is
 * not JSON: the marks are then not all there.
 */
int json_mark(struct marks *marks, const char *text, size_t length,
	      enum key_kind kind);

#endif
