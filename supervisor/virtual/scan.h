/*
 * Marks secrets in text that has no format, or whose format was read: comments,
 * values, commands, what nobody understands. Pure; all take a range of a
 * text, `from` up to `to`.
 */
#ifndef SUPERVISOR_VIRTUAL_SCAN_H
#define SUPERVISOR_VIRTUAL_SCAN_H

#include <stddef.h>

#include "supervisor/virtual/look.h"
#include "supervisor/virtual/marks.h"

/** Mark the secrets in running text: a comment, a value, a command. */
void scan_text(struct marks *marks, const char *text, size_t from, size_t to);

/** Mark what is to be replaced of a value whose key is of this kind. */
void scan_value(struct marks *marks, const char *text, size_t from, size_t to,
		enum key_kind kind);

/** Mark every word: for text that nobody understands. */
void scan_everything(struct marks *marks, const char *text, size_t from,
		     size_t to);

/** Mark the private PEM blocks, with their armour lines. */
void scan_armour(struct marks *marks, const char *text, size_t from, size_t to);

#endif
