/*
 * Is this a secret? By the name of its key, and by its look. In doubt it is.
 * Pure.
 */
#ifndef SUPERVISOR_VIRTUAL_LOOK_H
#define SUPERVISOR_VIRTUAL_LOOK_H

#include <stdbool.h>
#include <stddef.h>

/** What the name of a key says of its value. The zero value is the safe one. */
enum key_kind {
	KEY_SECRET = 0, /**< a secret, whatever it looks like */
	KEY_PLAIN,	/**< nothing: the look decides */
	KEY_HARMLESS,	/**< a host, a user, a date: even among secrets */
};

/** The kind of a key, such as `aws_secret_access_key` or `apiKey`. */
enum key_kind look_key(const char *key, size_t length);

/** The kind of a key in a container (a section, an object) of a kind. */
enum key_kind look_key_in(enum key_kind container, const char *key,
			  size_t length);

/** Does a word look like a secret by itself? */
bool look_word(const char *word, size_t length);

/** `true`, `null`, `off` and their kind. */
bool look_is_constant(const char *text, size_t length);

/** Nothing but the name of a variable: `${NAME}` or `$NAME`. */
bool look_is_reference(const char *text, size_t length);

#endif
