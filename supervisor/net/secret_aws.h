/*
 * AWS keys: an id, a secret key and, where they are temporary, a token, of one
 * source.
 */
#ifndef SUPERVISOR_NET_SECRET_AWS_H
#define SUPERVISOR_NET_SECRET_AWS_H

#include <stddef.h>

struct secret_record;

/**
 * Read the parts from a file of credentials (those of the section `profile`;
 * NULL: `default`), from JSON as `credential_process` prints it, or from lines
 * that set variables. Returns 0 and `count`, 2 or 3; -ENOENT; or as
 * secret_source_take().
 */
int secret_aws_take(const char *bytes, size_t length, const char *profile,
		    struct secret_record *records, size_t *count);

/** The same from variables, of which this is the id's. */
int secret_aws_env(const char *name, struct secret_record *records,
		   size_t *count);

#endif
