/*
 * What a path is, for learning: which parts change from run to run, and which
 * directories are one thing. Internal to learning.
 */
#ifndef POLICY_LEARN_PATH_H
#define POLICY_LEARN_PATH_H

#include "policy/arena.h"
#include "policy/learn.h"

/** In a pattern being made: stands for a `*`; and, before a byte of the path's
 * own that is one of these two, says so. */
enum { LEARN_STAR = 1, LEARN_ITSELF = 2 };

/**
 * The path with what changes from run to run (numbers, hashes, temporary
 * names) as LEARN_STAR, but nowhere that a rule refuses something beside it.
 * NULL without memory.
 */
char *learn_path_pattern(const struct learn_input *input, struct arena *arena,
			 const char *path);

/**
 * May a rule take in all below the first `prefix` bytes of `pattern`, of which
 * `sample` is a case? Not where it is too near the root to be one thing, not a
 * program's own directory in the home (where its credentials lie), and not
 * where any rule refuses something below.
 */
bool learn_path_may_open(const struct learn_input *input, const char *sample,
			 const char *pattern, size_t prefix, bool write);

/**
 * Add something as a word of a rule, which then matches it and nothing else: a
 * path; a pattern being made, with `tree` and all below; a unix socket's
 * pattern, after `unix:`; an argument or a variable's name; `HOST:PORT`,
 * `udp:HOST:PORT` or `unix:@NAME`; `METHOD HOST:PORT/PATH`, which is two words.
 */
void learn_path_put(struct text *text, const struct learn_input *input,
		    const char *path);
void learn_pattern_put(struct text *text, const struct learn_input *input,
		       const char *pattern, size_t length, bool tree);
void learn_socket_put(struct text *text, const struct learn_input *input,
		      const char *pattern);
void learn_word_put(struct text *text, const char *word);
void learn_address_put(struct text *text, const char *address);
void learn_request_put(struct text *text, const char *subject);

#endif
