/*
 * A table of names (byte strings), each with one value that belongs to the
 * table. Not locked: the owner does that.
 */
#ifndef SUPERVISOR_VIRTUAL_NAMES_H
#define SUPERVISOR_VIRTUAL_NAMES_H

#include <stddef.h>

struct names;

/** An empty table, for names_free(); NULL without memory. */
struct names *names_new(void);
void names_free(struct names *names);

/** The value of a name, or NULL. */
void *names_find(const struct names *names, const char *name, size_t length);

/**
 * Add a name that is not there yet. `value` is malloc()ed and becomes the
 * table's where 0 is returned. Returns 0 or -ENOMEM.
 */
int names_add(struct names *names, const char *name, size_t length,
	      void *value);

#endif
