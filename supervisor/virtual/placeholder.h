/*
 * Placeholders: values that look like the real ones and are worth nothing.
 *
 * A placeholder is drawn by a pseudo-random function of the real value under
 * a key from getrandom() that lives as long as the session and leaves memory
 * with it. So the same value has the same placeholder wherever the program
 * meets it (a file, a variable), two values never share one, and nobody can
 * get from the placeholder to the value. Where a secret gets another value, its
 * placeholder stays and stands for both: placeholders_alias().
 *
 * All functions may be called from any thread.
 */
#ifndef SUPERVISOR_VIRTUAL_PLACEHOLDER_H
#define SUPERVISOR_VIRTUAL_PLACEHOLDER_H

#include <stddef.h>

struct placeholders;

/** Placeholders shorter than this are not told apart when they come back. */
#define PLACEHOLDER_DISTINCT 8

/** Returns 0 and an object for placeholders_free(), or -errno. */
int placeholders_new(struct placeholders **placeholders);
void placeholders_free(struct placeholders *placeholders);

/**
 * Make the placeholder of the `length` bytes at `value`: same length, alphabet,
 * punctuation and well-known prefix; or that of the value which this one took
 * the place of. `name` (the file or variable) is kept for placeholders_find().
 * Returns 0, and in `out` the malloc()ed, terminated placeholder with its
 * length; or -ENOMEM.
 */
int placeholders_make(struct placeholders *placeholders, const char *name,
		      const char *value, size_t length, char **out,
		      size_t *out_length);

/**
 * From now on that placeholder stands for this value, too. Of the value only a
 * keyed digest is kept. Returns 0 or -ENOMEM.
 */
int placeholders_alias(struct placeholders *placeholders, const char *value,
		       size_t length, const char *placeholder);

/**
 * Is this text a placeholder of the session? Returns the name of what it was
 * first made for (valid as long as the object), or NULL.
 */
const char *placeholders_find(struct placeholders *placeholders,
			      const char *text, size_t length);

#endif
