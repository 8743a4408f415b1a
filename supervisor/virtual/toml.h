/*
 * Marks secrets in TOML.
 */
#ifndef SUPERVISOR_VIRTUAL_TOML_H
#define SUPERVISOR_VIRTUAL_TOML_H

#include <stddef.h>

#include "supervisor/virtual/marks.h"

/**
 * Mark. Returns 0, or -EINVAL where it is not TOML: the marks are then not
 * all there.
 */
int toml_mark(struct marks *marks, const char *text, size_t length);

#endif
