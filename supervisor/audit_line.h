/*
 * One line of the audit log: from a record to JSON, and the hash chain that
 * writer and reader share.
 *
 * A line ends with `,"prev":"P","hash":"H"}` and a newline. H is the SHA-256 of
 * the line without that field and without the newline: of all bytes before
 * `,"hash"`, and a closing brace. P is the H of the line before, and 64 zeros
 * in the first.
 */
#ifndef SUPERVISOR_AUDIT_LINE_H
#define SUPERVISOR_AUDIT_LINE_H

#include "supervisor/audit.h"
#include "supervisor/jtext.h"
#include "supervisor/redact.h"

#include <time.h>

/** What follows the hashed part: `,"hash":"`, 64 digits, `"}`. */
enum { AUDIT_SEAL_LENGTH = 9 + AUDIT_HASH_LENGTH + 2 };

/**
 * No line is longer, newline included. A byte becomes at most six, or ten where
 * a secret of one byte is redacted; punctuation is three bytes an argument, so
 * an argument of one byte and its NUL become at most thirteen.
 */
enum { AUDIT_LINE_MAX = 10 * (AUDIT_ARGV_MAX + AUDIT_TEXTS_MAX) + 4096 };

/** Where the chain stands: after `head.events` lines, the last one's hash. */
struct audit_chain {
	struct audit_head head;
};

/** The start of a chain. */
void audit_chain_init(struct audit_chain *chain);

/**
 * The seal of `length` bytes, which are a line up to its `prev` (the closing
 * brace is added to what is hashed).
 */
void audit_chain_hash(const char *line, size_t length,
		      char hash[AUDIT_HASH_LENGTH + 1]);

/**
 * Add the record as the chain's next line, redacted. Returns 0; -EOVERFLOW
 * where it does not fit (AUDIT_LINE_MAX always does): then the text is as it
 * was.
 */
int audit_line_add(struct jtext *text, struct audit_chain *chain,
		   const struct audit_record *record,
		   const struct timespec *time, const struct redact *secrets);

#endif
