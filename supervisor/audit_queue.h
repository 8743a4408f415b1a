/*
 * The audit log's queue: records on their way from any thread to the writer,
 * in memory of fixed size.
 */
#ifndef SUPERVISOR_AUDIT_QUEUE_H
#define SUPERVISOR_AUDIT_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "supervisor/audit.h"

/** Of zeros, before audit_queue_open(). */
struct audit_queue {
	char *ring;
	size_t head, tail;
	atomic_size_t used; /**< changed under the lock, read without */
};

/** A record with its strings, and when it was put there. */
struct audit_queued {
	struct timespec time;
	struct audit_record record;
};

/** What a reader has taken, and not yet given back. */
struct audit_stretch {
	size_t used; /**< bytes of the ring, gaps included */
	size_t tail; /**< where the next one starts */
	uint64_t count;
};

/** Returns 0 or -errno. */
int audit_queue_open(struct audit_queue *queue);
void audit_queue_close(struct audit_queue *queue);

/** The bytes in use. */
size_t audit_queue_used(const struct audit_queue *queue);

/** Are AUDIT_HEADROOM bytes free? */
bool audit_queue_has_headroom(const struct audit_queue *queue);

/** Leave out arguments beyond AUDIT_ARGV_MAX, and count them. */
void audit_queue_trim(struct audit_record *record);

/**
 * Copy a record that was trimmed, and its strings; with the lock. Returns 0,
 * -ENOBUFS where there is no room, or -E2BIG with strings beyond
 * AUDIT_TEXTS_MAX.
 */
int audit_queue_put(struct audit_queue *queue,
		    const struct audit_record *record);

/** Begin to read at the oldest record. */
void audit_queue_begin(const struct audit_queue *queue,
		       struct audit_stretch *stretch);

/** The next record of the `used` bytes that were there; NULL: no more. It is
 * there until it is given back. */
const struct audit_queued *audit_queue_next(const struct audit_queue *queue,
					    struct audit_stretch *stretch,
					    size_t used);

/** Free what was read; with the lock. */
void audit_queue_give_back(struct audit_queue *queue,
			   const struct audit_stretch *stretch);

#endif
