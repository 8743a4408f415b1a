/*
 * Turns what a program wrote to a stand-in into what belongs in the real file.
 */
#ifndef SUPERVISOR_VIRTUAL_RESTORE_H
#define SUPERVISOR_VIRTUAL_RESTORE_H

#include <stddef.h>

#include "supervisor/virtual/manifest.h"
#include "supervisor/virtual/values.h"

/**
 * Find where in the real file, as it is now, the values are that a stand-in's
 * placeholders stand for: where they were, if the file is as it was; else, if
 * nothing but its values changed (a key that was renewed), where the format
 * says. `made` is the stand-in as it was made.
 *
 * Returns 0 and marks for marks_free(), as many as the entry has; -ESTALE
 * where the file is another; -EBADMSG where the entry does not fit the
 * stand-in; -ENOMEM.
 */
int restore_locate(const struct manifest_entry *entry, const char *made,
		   size_t made_length, const char *real, size_t real_length,
		   struct marks *marks);

/**
 * The text for the real file, malloc()ed: `written` with placeholders turned
 * back. `own` are the file's own values (with `made`, how its stand-in was
 * made: lines that did not change are turned back by place), `all` are all
 * that may occur in it, indexed; those without a real value must not.
 *
 * Returns 0, -ENOMEM, or -EPERM with the reason in `why` (static), and in
 * `of` the file whose placeholder is the reason, or NULL.
 */
int restore_text(const struct values *own, const struct values *all,
		 const char *made, size_t made_length, const char *written,
		 size_t written_length, char **text, size_t *length,
		 const char **why, const char **of);

#endif
