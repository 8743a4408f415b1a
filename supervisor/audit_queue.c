/*
 * Theory of operation. The ring is of fixed size. Producers copy a record and
 * its strings to its head, under the lock; the stretch from `tail` that the
 * reader saw as used is not touched by them until it is given back, so that the
 * reader needs no lock.
 *
 * A record never wraps: where it does not fit before the ring's end, a mark
 * says that the next one is at the start. Nothing is allocated but the ring.
 */
#include "supervisor/audit_queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16 };

/* A record in the ring; its strings follow. size 0: go on at the start. */
struct slot {
	size_t size;
	struct audit_queued queued;
};

static_assert(AUDIT_ARGV_MAX + AUDIT_TEXTS_MAX + sizeof(struct slot) <
		      AUDIT_HEADROOM / 2,
	      "the headroom, in two parts, has room for any record");
static_assert(AUDIT_QUEUE % ALIGN == 0 && sizeof(size_t) <= ALIGN,
	      "a mark fits wherever a record ends");

int audit_queue_open(struct audit_queue *queue)
{
	/* Memory that costs nothing until it is touched. */
	void *ring = mmap(NULL, AUDIT_QUEUE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ring == MAP_FAILED)
		return -errno;
	queue->ring = ring;
	return 0;
}

void audit_queue_close(struct audit_queue *queue)
{
	if (queue->ring)
		munmap(queue->ring, AUDIT_QUEUE);
	queue->ring = NULL;
}

size_t audit_queue_used(const struct audit_queue *queue)
{
	return atomic_load_explicit(&queue->used, memory_order_relaxed);
}

bool audit_queue_has_headroom(const struct audit_queue *queue)
{
	return atomic_load(&queue->used) <= AUDIT_QUEUE - AUDIT_HEADROOM;
}

/* --------------------------------------------------------------- records -- */

/* The strings of a record, other than argv, in no special order. */
static size_t record_strings(struct audit_record *record, const char ***strings)
{
	static const size_t offsets[] = {
		offsetof(struct audit_record, exe),
		offsetof(struct audit_record, cwd),
		offsetof(struct audit_record, call),
		offsetof(struct audit_record, action),
		offsetof(struct audit_record, subject),
		offsetof(struct audit_record, verdict),
		offsetof(struct audit_record, rule_file),
		offsetof(struct audit_record, rule_text),
		offsetof(struct audit_record, served_errno),
		offsetof(struct audit_record, served_fake),
		offsetof(struct audit_record, served_address),
		offsetof(struct audit_record, secret),
		offsetof(struct audit_record, message),
	};
	enum { COUNT = sizeof(offsets) / sizeof(offsets[0]) };

	for (size_t i = 0; i < COUNT; i++)
		strings[i] = (const char **)((char *)record + offsets[i]);
	return COUNT;
}

enum { STRINGS_MAX = 16 };

void audit_queue_trim(struct audit_record *record)
{
	size_t keep = 0, at = 0;

	/* Only whole ones: half a secret would not be found, and would be
	 * written. */
	if (!record->argv)
		record->argv_length = 0;
	if (record->argv_length <= AUDIT_ARGV_MAX)
		return;
	while (at < record->argv_length) {
		at += strnlen(record->argv + at, record->argv_length - at);
		at += at < record->argv_length;
		if (at <= AUDIT_ARGV_MAX)
			keep = at;
		else
			record->argv_more++;
	}
	record->argv_length = keep;
}

/* -------------------------------------------------------------- producers --
 */

/* A place for `size` bytes in one piece. NULL where there is none. */
static struct slot *reserve(struct audit_queue *queue, size_t size)
{
	size_t used = audit_queue_used(queue);
	size_t to_end, gap = 0;
	struct slot *slot;

	/* Nothing is used, so the reader is not in the ring: start over, and
	 * a quiet session keeps to the same few pages. */
	if (!used)
		queue->head = queue->tail = 0;
	to_end = AUDIT_QUEUE - queue->head;
	if (to_end < size)
		gap = to_end;
	if (used + gap + size > AUDIT_QUEUE)
		return NULL;
	if (gap) {
		((struct slot *)(void *)(queue->ring + queue->head))->size = 0;
		queue->head = 0;
	} else if (!to_end) {
		queue->head = 0;
	}
	slot = (struct slot *)(void *)(queue->ring + queue->head);
	slot->size = size;
	queue->head += size;
	atomic_store_explicit(&queue->used, used + gap + size,
			      memory_order_relaxed);
	return slot;
}

int audit_queue_put(struct audit_queue *queue,
		    const struct audit_record *record)
{
	const char **strings[STRINGS_MAX];
	struct audit_record copy = *record;
	size_t lengths[STRINGS_MAX], texts = 0, size;
	size_t count = record_strings(&copy, strings);
	struct slot *slot;
	char *at;

	for (size_t i = 0; i < count; i++) {
		lengths[i] = *strings[i] ? strlen(*strings[i]) + 1 : 0;
		texts += lengths[i];
	}
	if (!record->stack)
		copy.stack_length = 0;
	texts += copy.stack_length;
	if (texts > AUDIT_TEXTS_MAX)
		return -E2BIG;
	size = sizeof(*slot) + texts + record->argv_length;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	slot = reserve(queue, size);
	if (!slot)
		return -ENOBUFS;
	at = (char *)(slot + 1);
	for (size_t i = 0; i < count; i++) {
		if (!lengths[i])
			continue;
		memcpy(at, *strings[i], lengths[i]);
		*strings[i] = at;
		at += lengths[i];
	}
	if (record->argv_length) {
		memcpy(at, record->argv, record->argv_length);
		copy.argv = at;
		at += record->argv_length;
	}
	if (copy.stack_length) {
		memcpy(at, record->stack, copy.stack_length);
		copy.stack = at;
	}
	slot->queued.record = copy;
	/* Under the lock, so that times are in the order of the lines. */
	clock_gettime(CLOCK_REALTIME, &slot->queued.time);
	return 0;
}

/* ---------------------------------------------------------------- reader -- */

void audit_queue_begin(const struct audit_queue *queue,
		       struct audit_stretch *stretch)
{
	*stretch = (struct audit_stretch){.tail = queue->tail};
}

const struct audit_queued *audit_queue_next(const struct audit_queue *queue,
					    struct audit_stretch *stretch,
					    size_t used)
{
	const struct slot *slot;

	if (stretch->used >= used)
		return NULL;
	if (stretch->tail == AUDIT_QUEUE)
		stretch->tail = 0;
	slot = (const void *)(queue->ring + stretch->tail);
	if (!slot->size) {
		stretch->used += AUDIT_QUEUE - stretch->tail;
		stretch->tail = 0;
		/* A mark stands before a record. */
		slot = (const void *)queue->ring;
	}
	stretch->used += slot->size;
	stretch->tail += slot->size;
	stretch->count++;
	return &slot->queued;
}

void audit_queue_give_back(struct audit_queue *queue,
			   const struct audit_stretch *stretch)
{
	queue->tail = stretch->tail;
	atomic_fetch_sub(&queue->used, stretch->used);
}
