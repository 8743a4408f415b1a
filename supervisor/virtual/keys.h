/*
 * Marks secrets in files of credentials and settings: JSON, YAML, TOML, INI,
 * netrc, npmrc, pgpass, PEM. The name of a file says what it is in, else its
 * content does.
 */
#ifndef SUPERVISOR_VIRTUAL_KEYS_H
#define SUPERVISOR_VIRTUAL_KEYS_H

#include <stddef.h>

#include "supervisor/virtual/marks.h"

/**
 * Mark. Where the file is in none of the formats, or not well-formed, all that
 * looks like a value is marked.
 */
void keys_mark(struct marks *marks, const char *path, const char *text,
	       size_t length);

#endif
