/*
 * Patterns, as every part of the engine holds them: after variables and
 * braces are gone, a pattern is one or more branches, and a branch is a line
 * of elements that match bytes one after the other.
 *
 * A branch belongs to a space: the kind of subject that it is matched with.
 * Addresses, names and ports are encoded as bytes too, so that one machinery
 * matches, compares and indexes everything:
 *
 *   SPACE_PATH         a canonical path; `/` alone is the empty subject
 *   SPACE_ARGV0        the base name of argv[0]
 *   SPACE_ENV          a variable's name
 *   SPACE_*_NAME       the host's name, lower case, backwards, NUL, port
 *   SPACE_*_V4, _V6    the address, port; a port is two bytes, high first
 *   SPACE_*_SELF       port
 *   SPACE_UNIX         a canonical path
 *   SPACE_ABSTRACT     a name
 *   SPACE_HTTP_*       as SPACE_*_* with its port, then METHOD, NUL, path
 *
 * Names stand backwards so that `*.github.com` has a literal start, as paths
 * do: the trie of literal starts is what makes ten thousand rules cost no
 * more than ten.
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/arena.h"

enum space {
	SPACE_PATH = 0,
	SPACE_ARGV0,
	SPACE_ENV,
	SPACE_TCP_NAME,
	SPACE_TCP_V4,
	SPACE_TCP_V6,
	SPACE_TCP_SELF,
	SPACE_UDP_NAME,
	SPACE_UDP_V4,
	SPACE_UDP_V6,
	SPACE_UDP_SELF,
	SPACE_UNIX,
	SPACE_ABSTRACT,
	SPACE_HTTP_NAME,
	SPACE_HTTP_V4,
	SPACE_HTTP_V6,
	SPACE_COUNT,
};

/** A set of bytes. */
struct byte_set {
	uint64_t bits[4];
};

static inline bool byte_set_has(const struct byte_set *set, unsigned byte)
{
	return set->bits[byte >> 6] >> (byte & 63) & 1;
}

static inline void byte_set_add(struct byte_set *set, unsigned byte)
{
	set->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

enum element_kind {
	ELEMENT_BYTE = 0, /**< this byte */
	ELEMENT_SET,	  /**< one byte of the set */
	ELEMENT_STAR,	  /**< any number of bytes of the set */
	ELEMENT_SKIP,	  /**< the next two elements may be left out */
};

/** A kind, and a byte or the index of a set. */
typedef uint32_t element;

static inline element element_make(enum element_kind kind, uint32_t argument)
{
	return (element)kind << 28 | argument;
}

static inline enum element_kind element_kind(element e)
{
	return (enum element_kind)(e >> 28);
}

static inline uint32_t element_argument(element e)
{
	return e & 0x0fffffff;
}

/** The sets that elements speak of, each once. */
struct set_table {
	struct byte_set *items;
	size_t count, capacity;
};

/** The sets that every policy has, by index. */
enum {
	SET_ANY = 0,   /**< all but NUL */
	SET_NOT_SLASH, /**< all but NUL and `/` */
	SET_ALL,       /**< all 256 */
	SET_HOST,      /**< what a host's name may hold */
};

int set_table_init(struct set_table *table);
void set_table_free(struct set_table *table);
/** The index of a set, added if it is new. Returns 0 or -ENOMEM. */
int set_table_add(struct set_table *table, const struct byte_set *set,
		  uint32_t *index);

/** Elements being put together. */
struct elements {
	element *items;
	size_t count, capacity;
};

int elements_add(struct elements *elements, enum element_kind kind,
		 uint32_t argument);
int elements_add_bytes(struct elements *elements, const char *bytes,
		       size_t length);
/** Add "nothing, or `/` and anything": what `**` as a component means. */
int elements_add_tree(struct elements *elements);
void elements_free(struct elements *elements);

/** How much of a branch is literal. */
enum branch_shape {
	SHAPE_EXACT = 0, /**< all of it */
	SHAPE_WHOLE,	 /**< all of it, and then `**` */
	SHAPE_TAIL,	 /**< the prefix; the rest is elements */
};

/** A line of elements, its literal start taken apart. */
struct line {
	enum branch_shape shape;
	uint32_t prefix_length;
	uint32_t tail_length;
	const uint8_t *prefix;
	const element *tail; /**< what follows the prefix, in any shape */
};

/** Take elements apart; what the line holds is the arena's. */
int line_from_elements(struct arena *arena, const struct elements *elements,
		       struct line *line);

/**
 * How much of a path's line is whole components: what can be a link. The rest
 * goes on with `/`, or is nothing.
 */
size_t line_directory(const struct line *line);

/** Does the line match these bytes, all of them? Allocates nothing. */
bool line_matches(const struct set_table *sets, const struct line *line,
		  const uint8_t *subject, size_t length);

/** The most elements of a line; longer patterns are a mistake. */
enum { LINE_MOST = 8192 };

/** A bit for each element of a line, and one for its end. */
struct line_positions {
	uint64_t bits[LINE_MOST / 64 + 1];
};

/**
 * The same match in steps, for subjects that come in pieces: start it, feed
 * bytes, ask whether what was fed is matched. feed returns false once nothing
 * that follows can match.
 */
struct line_run {
	const struct set_table *sets;
	const struct line *line;
	size_t prefix_at; /**< bytes of the prefix that were seen */
	bool dead;
	size_t words; /**< of the bits in use */
	struct line_positions now;
};
void line_run_start(struct line_run *run, const struct set_table *sets,
		    const struct line *line);
bool line_run_feed(struct line_run *run, const uint8_t *bytes, size_t length);
bool line_run_matches(const struct line_run *run);

#endif
