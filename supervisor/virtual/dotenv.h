/*
 * Marks every value of a dotenv file. Comments, order, quotes, `export` and
 * ends of lines stay.
 */
#ifndef SUPERVISOR_VIRTUAL_DOTENV_H
#define SUPERVISOR_VIRTUAL_DOTENV_H

#include <stddef.h>

#include "supervisor/virtual/marks.h"

/** Mark. Lines that set nothing are marked word by word. */
void dotenv_mark(struct marks *marks, const char *text, size_t length);

#endif
