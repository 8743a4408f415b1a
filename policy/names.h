/*
 * The words of the language, and the nearest one to a word that is none.
 */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/** The kind of stand-in that `as` names; FAKE_NONE for another word. */
enum fake_kind fake_kind_from_name(const char *name, size_t length);
const char *fake_kind_name(enum fake_kind kind);

/** Index of a word in a list that ends in NULL, or -1. */
int word_index(const char *const *words, const char *word, size_t length);

/**
 * The word of the list (ended by NULL) that was most likely meant, or NULL
 * where none is near.
 */
const char *nearest_word(const char *const *words, const char *word,
			 size_t length);

extern const char *const verdict_words[]; /**< by enum verdict */
extern const char *const action_words[];  /**< by enum action */
extern const char *const limit_words[];	  /**< by enum policy_limit */
extern const char *const fake_words[];	  /**< what may follow `as` */
extern const char *const qualifier_words[];

#endif
