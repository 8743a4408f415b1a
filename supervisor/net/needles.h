/*
 * Many texts looked for at once in a stream of bytes (Aho and Corasick, 1975),
 * and replaced. A text that is cut anywhere by the stream's pieces is found;
 * nothing is held back but what may yet become one of the texts.
 *
 * Tables are in locked memory that no core dump has, since some of the texts
 * are secrets.
 */
#ifndef SUPERVISOR_NET_NEEDLES_H
#define SUPERVISOR_NET_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct needles;

/** A text to look for, and what takes its place. Not empty. */
struct needle {
	const char *text;
	size_t length;
	const char *instead; /**< NULL: it is only looked for */
	size_t instead_length;
	unsigned id; /**< the caller's */
	/** A start of the text that is no longer than this is not held back: a
	 * stream that pauses behind it goes on, and what has gone of the text
	 * is not replaced. Not 0 only where `instead` is as long. */
	size_t free;
};

/**
 * Make the tables; the needles' texts are copied. No needle at all is fine.
 * Returns 0 and an object for needles_free(), -ENOMEM (also where so much
 * memory cannot be locked), or -E2BIG.
 */
int needles_new(const struct needle *needles, size_t count,
		struct needles **made);
void needles_free(struct needles *needles);

/** Bytes of locked memory that they take. */
size_t needles_size(const struct needles *needles);

/** Where in a stream we are. Zeroed is its start. */
struct needles_state {
	uint16_t node;
	uint16_t gone; /* bytes of the start that were not held back */
};

/** Takes what goes on. `bytes` are valid during the call. */
typedef void needles_emit(void *context, const char *bytes, size_t length);

/** Told of each needle that is found. */
typedef void needles_found(void *context, unsigned id);

/**
 * Pass a piece of the stream on with every needle replaced, less what may be
 * the start of one. `found` may be NULL.
 */
void needles_pass(const struct needles *needles, struct needles_state *state,
		  const char *bytes, size_t length, needles_emit *emit,
		  needles_found *found, void *context);

/** The stream is over: pass on what was held back. */
void needles_end(const struct needles *needles, struct needles_state *state,
		 needles_emit *emit, void *context);

/** Only look: tell of each needle in the next piece of the stream. */
void needles_look(const struct needles *needles, struct needles_state *state,
		  const char *bytes, size_t length, needles_found *found,
		  void *context);

/** Would needles_pass() pass on just these bytes, and hold nothing back? */
bool needles_absent(const struct needles *needles,
		    const struct needles_state *state, const char *bytes,
		    size_t length);

#endif
