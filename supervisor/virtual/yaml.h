/*
 * Marks secrets in YAML: block and flow collections, quoted, plain and block
 * scalars, several documents. What is rarer (complex keys, tabs as
 * indentation) is refused.
 */
#ifndef SUPERVISOR_VIRTUAL_YAML_H
#define SUPERVISOR_VIRTUAL_YAML_H

#include <stddef.h>

#include "supervisor/virtual/marks.h"

/**
 * Mark. Returns 0, or -EINVAL where it is not such YAML: the marks are then
 * not all there.
 */
int yaml_mark(struct marks *marks, const char *text, size_t length);

#endif
