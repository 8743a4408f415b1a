/*
 * The names that a policy may treat otherwise than the files around them.
 *
 * What the kernel's fence lets pass, it lets pass whatever the name: metadata
 * always, and files that appear in a fenced tree later. So the shim looks at
 * each component of a path, and has a call that names one of these trapped and
 * decided. It is no boundary (a program can do without the shim): it is how
 * programs that mean no harm see what the policy says.
 *
 * Most rules that hide something name its place (~/.var/app), and what they are
 * about is never in a directory that is fenced as a whole. Of a component that
 * only such a rule has, the shim asks the kernel whether its directory is;
 * other directories of that name are nothing special then. A rule for any depth
 * ("**" and a name) is about each.
 *
 * The table is made by the supervisor and only read in the session.
 */
#ifndef SHIM_NAMES_H
#define SHIM_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_NAMES = 512, SHIM_NAMES_TEXT = 8192, SHIM_NAMES_ROWS = 256 };

/** A component that begins with one text and ends with another. */
struct shim_name {
	uint16_t at;	      /**< in `text`: the beginning, then the end */
	uint16_t next;	      /**< of its row: its place in `list` and 1; 0 */
	uint8_t begins, ends; /**< their lengths */
	uint8_t whole;	      /**< nothing lies between them */
	uint8_t anywhere;     /**< whatever the directory that it is in */
};

/** What a component is. */
enum shim_named {
	SHIM_NOT_NAMED = 0,
	SHIM_NAMED_OUTSIDE,  /**< one of them, where it is not fenced */
	SHIM_NAMED_ANYWHERE, /**< one of them */
};

struct shim_names {
	/** Of those with something between: may one match a component with this
	 * first and this last byte? */
	uint32_t first[8], last[8];
	uint32_t count, used;
	/** Where they begin: those with something between; the others by their
	 * first and last byte and length. As `next`. */
	uint16_t open, rows[SHIM_NAMES_ROWS];
	struct shim_name list[SHIM_NAMES];
	char text[SHIM_NAMES_TEXT];
};

/**
 * Add the components that match `pattern`: a name in which each `*` (any number
 * of them) is any text and each `?` any byte; what stands between the first and
 * the last of those is taken as any text, so more may match than was meant. Of
 * a pattern with `/` each component must be added by itself. Text in brackets
 * is not understood: write `?` for it. `anywhere`: in fenced directories, too.
 * Returns 0; -E2BIG where it does not fit; -EINVAL for an empty name, `.` and
 * `..`.
 */
int shim_names_add(struct shim_names *names, const char *pattern,
		   bool anywhere);

/** May this component be one of them? `length` is at least 1. */
enum shim_named shim_names_match(const struct shim_names *names,
				 const char *component, size_t length);

#endif
