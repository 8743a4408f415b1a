/*
 * Parts of a signed request, for those who read a signature and who make one.
 */
#ifndef SUPERVISOR_NET_AWS_TEXT_H
#define SUPERVISOR_NET_AWS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/net/http_head.h"

/** The name of the only way to sign that is known. */
extern const char aws_algorithm[];

/** A string as a text. */
struct http_text aws_text(const char *text);

bool aws_is(struct http_text text, const char *word);

/** What stands before the next `end`, which is taken, too. */
struct http_text aws_take(struct http_text *rest, char end);

/** What a hexadecimal digit is worth; or -1. */
int aws_digit(char c);

/** %XX decoded, into as much room as the text has. Returns the length. */
size_t aws_decode(struct http_text text, char *out);

/** With %XX for all but letters, digits and `-_.~`, and `/` where `slash`.
 * `out` has room for three times `text`. Returns the length. */
size_t aws_encode(struct http_text text, bool slash, char *out);

/** Make a string of it; false where it is empty or does not fit. */
bool aws_keep(struct http_text text, char *out, size_t size);

/** The query of a request. */
struct http_text aws_query(const struct http_head *head);

/** Say `text` for why not; -EBADMSG. */
int aws_bad(const char **why, const char *text);

#endif
