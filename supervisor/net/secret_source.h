/*
 * Where the values of secrets come from. They are read by the supervisor,
 * outside of the session, before its first program starts.
 */
#ifndef SUPERVISOR_NET_SECRET_SOURCE_H
#define SUPERVISOR_NET_SECRET_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

struct secret_record;

/** Who reads it, and when. */
struct secret_reader {
	/** May the session write a path? `context` is the reader's. */
	bool (*writable)(void *context, const char *path);
	void *context;
	/** Before the session: -1; a command has the terminal, and the time
	 * that it wants. Later: what wakes up a reader that is to give up. */
	int wake;
};

/**
 * Read a secret's value into a record, the white space at its end left out; of
 * an AWS key the `count` parts, of SECRET_PARTS records that are there.
 * A command whose program, or the directory that it lies in, the session may
 * write is refused.
 *
 * Returns 0; -ENOENT where the variable, the file or the key is not there;
 * -EPERM for a command that the session could change; -E2BIG; -EINVAL for a
 * value too short to be told from other text (under eight characters) or with
 * control characters; -ETIMEDOUT; or another -errno. `why` then says it for the
 * user.
 */
int secret_source_read(const struct policy_secret *secret,
		       const struct secret_reader *reader,
		       struct secret_record *records, size_t *count,
		       const char **why);

/** A value, as text, into a record. Returns 0, -E2BIG or -EINVAL as above. */
int secret_source_take(const char *bytes, size_t length,
		       struct secret_record *record);

/**
 * Put a new value of a secret, which is a key of a file, in the place of the
 * one that is there: at once or not at all. Returns 0; -EINVAL for a value that
 * would have to be written in another way; or -errno.
 */
int secret_source_store(const struct policy_secret *secret, const char *value,
			size_t length);

struct json_t;
/** `a.b.c` of an object, or a key that has dots of its own; or NULL. */
struct json_t *secret_source_find(struct json_t *object, const char *key);

/** Run the `revoke` command of a secret, outside of the session. */
void secret_source_revoke(const struct policy_secret *secret);

#endif
