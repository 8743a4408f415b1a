/*
 * Reading an audit log: line by line, in bounded memory, with the hash chain
 * looked at on the way. The file may be still written, and is not trusted.
 */
#ifndef SUPERVISOR_AUDIT_READ_H
#define SUPERVISOR_AUDIT_READ_H

#include "supervisor/audit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_reader;

enum audit_read {
	AUDIT_READ_BROKEN = 0, /**< a line that is wrong: see `cause` */
	AUDIT_READ_LINE,       /**< a line that follows the one before */
	AUDIT_READ_END,	       /**< no whole line (yet) */
};

/** What was read. Strings live until the reader's next use. */
struct audit_entry {
	enum audit_read result;
	uint64_t line;	  /**< its number in the file, from 1 */
	const char *text; /**< as it is in the file, without the newline */
	size_t length;
	/** The event could be read; else the fields below are not set. */
	bool readable;
	uint64_t seq;
	struct timespec time;
	struct audit_record record;
	/** AUDIT_READ_BROKEN: completes "line N ". */
	char cause[120];
};

/**
 * A reader of an open file, which stays the caller's, from where it stands (its
 * start). Returns 0, with `reader` for audit_reader_free(), or -ENOMEM.
 */
int audit_reader_new(int fd, struct audit_reader **reader);
void audit_reader_free(struct audit_reader *reader);

/**
 * Read the next line. After AUDIT_READ_END it may be called again, where the
 * file may have grown. After a broken line, the next one is compared with what
 * that line says of itself, so one change is one broken line, or two.
 *
 * Returns 0, -ENOMEM, or -errno of read(2).
 */
int audit_reader_next(struct audit_reader *reader, struct audit_entry *entry);

/**
 * Lines that `wanted` says no to are passed over unread, and no line is
 * compared with the chain: for going through many logs of which little is
 * wanted.
 */
void audit_reader_pass_over(struct audit_reader *reader,
			    bool (*wanted)(void *context, const char *line,
					   size_t length),
			    void *context);

/** Where the chain stands. */
const struct audit_head *audit_reader_head(const struct audit_reader *reader);

/** Bytes after the last newline: a line that was not, or not yet, finished. */
size_t audit_reader_rest(const struct audit_reader *reader);

/** A time as the log has it. Returns 0 or -EINVAL. */
int audit_time_parse(const char *text, struct timespec *time);

#endif
