/*
 * The values that must never be written anywhere, and the search for them.
 *
 * A value is found as it is, and as it stands inside a JSON string (any mix of
 * plain characters and escapes), since programs pass JSON as arguments. Other
 * encodings (base64, percent) are not searched for.
 *
 * Not thread-safe: who shares one brings a lock.
 */
#ifndef SUPERVISOR_REDACT_H
#define SUPERVISOR_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/** What stands in the place of a secret. */
#define REDACTED "[redacted]"

struct redact;

/** An empty list for redact_free(), or NULL where there is no memory. */
struct redact *redact_new(void);

/** Wipes the values. NULL is fine. */
void redact_free(struct redact *list);

/** Add a value, which is copied. Returns 0, -EINVAL if empty, or -ENOMEM. */
int redact_add(struct redact *list, const char *secret, size_t length);

/**
 * The first stretch of secrets at or after `from`: occurrences that overlap or
 * touch are one. `list` may be NULL. Returns false where there is none.
 */
bool redact_find(const struct redact *list, const char *text, size_t length,
		 size_t from, size_t *start, size_t *end);

#endif
