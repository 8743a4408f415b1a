/*
 * The audit log's queue and its writer.
 *
 * Theory of operation. Producers copy a record and its strings into a ring of
 * fixed size, under a lock that is held for no more than that copy. The writer
 * takes what is there, without the lock: the stretch from `tail` that it saw
 * as used is not touched by producers until it is given back. It formats many
 * records into one buffer, writes them with one write(2), and only then gives
 * the stretch back, so that what waits in the ring is exactly what is not yet
 * in the file.
 *
 * What was allowed is not urgent: the writer lets such records come together
 * for a moment after each write, so that a thousand programs a second cost it a
 * hundred wake-ups and not thousands. What was refused, alerts and errors are
 * written at once, and with them all that stands before.
 *
 * A record never wraps: where it does not fit before the ring's end, a mark
 * says that the next one is at the start. All memory is mapped when the log is
 * opened, and neither adding nor writing allocates.
 *
 * write(2) can be cut short by a full disk or by SIGKILL: the file may end
 * within a line. Readers do not trust a last line without its newline; after a
 * full disk it is also cut off again.
 */
#include "supervisor/audit.h"

#include "policy/scope.h"
#include "supervisor/audit_line.h"
#include "supervisor/redact.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

enum {
	/* The writer writes when it has this much, or all that is queued. */
	BATCH = 64 * 1024,
	BUFFER = BATCH + AUDIT_LINE_MAX,
	ALIGN = 16,
	PAUSE_MS = 10,		  /* between writes of what is not urgent */
	HURRY = AUDIT_QUEUE / 16, /* queued: written without a pause */
};

/* A record in the ring; its strings follow. size 0: go on at the start. */
struct slot {
	size_t size;
	struct timespec time;
	struct audit_record record;
};

struct audit {
	int fd;
	pthread_t writer;
	void (*failed)(void *context, int error);
	void *context;

	pthread_mutex_t lock;
	pthread_cond_t filled;	/* for the writer: work, or closing */
	pthread_cond_t written; /* for audit_flush() */
	char *ring;
	size_t head, tail;
	atomic_size_t used; /* changed under the lock, read without */
	atomic_int error;   /* of the first failed write; so is this */
	bool closing;
	bool idle;	      /* the writer waits for any record */
	bool urgent;	      /* what is queued is to be written now */
	uint64_t added, done; /* records, in and out */
	uint64_t asked;	      /* audit_flush() waits for that many */
	uint64_t lost;	      /* refused for want of room, not yet logged */
	struct audit_head head_done;

	/* The writer's own. */
	struct jtext text;
	struct audit_chain chain;
	off_t size;	      /* of the file */
	int unsynced;	      /* at the end; 0 or -errno */
	struct timespec next; /* not before, unless it is urgent */

	pthread_mutex_t secrets_lock;
	struct redact *secrets;
};

static_assert(AUDIT_ARGV_MAX + AUDIT_TEXTS_MAX + sizeof(struct slot) <
		      AUDIT_HEADROOM / 2,
	      "the headroom, in two parts, has room for any record");
static_assert(AUDIT_QUEUE % ALIGN == 0 && sizeof(size_t) <= ALIGN,
	      "a mark fits wherever a record ends");

/* ---------------------------------------------------------------- queue -- */

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

/*
 * Leave out arguments that are too many. Only whole ones: half a secret would
 * not be found, and would be written.
 */
static void trim_argv(struct audit_record *record)
{
	size_t keep = 0, at = 0;

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

/*
 * A place for `size` bytes in one piece; call with the lock. NULL where there
 * is none.
 */
static struct slot *reserve(struct audit *audit, size_t size)
{
	size_t used = atomic_load_explicit(&audit->used, memory_order_relaxed);
	size_t to_end, gap = 0;
	struct slot *slot;

	/* Nothing is used, so the writer is not in the ring: start over, and
	 * a quiet session keeps to the same few pages. */
	if (!used)
		audit->head = audit->tail = 0;
	to_end = AUDIT_QUEUE - audit->head;
	if (to_end < size)
		gap = to_end;
	if (used + gap + size > AUDIT_QUEUE)
		return NULL;
	if (gap) {
		((struct slot *)(void *)(audit->ring + audit->head))->size = 0;
		audit->head = 0;
	} else if (!to_end) {
		audit->head = 0;
	}
	slot = (struct slot *)(void *)(audit->ring + audit->head);
	slot->size = size;
	audit->head += size;
	audit->added++;
	atomic_store_explicit(&audit->used, used + gap + size,
			      memory_order_relaxed);
	return slot;
}

/* Copy a trimmed record into the ring; call with the lock. */
static int enqueue(struct audit *audit, const struct audit_record *record)
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
	slot = reserve(audit, size);
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
	slot->record = copy;
	/* Under the lock, so that times are in the order of the lines. */
	clock_gettime(CLOCK_REALTIME, &slot->time);
	return 0;
}

static bool has_headroom(const struct audit *audit)
{
	return atomic_load(&audit->used) <= AUDIT_QUEUE - AUDIT_HEADROOM;
}

/* Say how many events had no room, once there is some; with the lock. */
static int enqueue_lost(struct audit *audit)
{
	struct audit_record record;
	char message[96];
	int error;

	if (!audit->lost)
		return 0;
	/* One line for all that is lost until there is room to spare. */
	if (!has_headroom(audit))
		return -ENOBUFS;
	snprintf(message, sizeof(message),
		 "%llu events were not recorded: the queue was full",
		 (unsigned long long)audit->lost);
	audit_record_init(&record, AUDIT_ERROR);
	record.message = message;
	error = enqueue(audit, &record);
	if (!error)
		audit->lost = 0;
	return error;
}

/* Is it to be in the file when the next instruction of the supervisor's may be
 * its last? What was allowed can wait for others of its kind. */
static bool is_urgent(const struct audit_record *record)
{
	switch (record->event) {
	case AUDIT_EXEC:
	case AUDIT_EXIT:
	case AUDIT_CLOSE:
		return false;
	case AUDIT_DECISION:
		return !record->verdict || strcmp(record->verdict, "allow");
	default:
		return true;
	}
}

/* Wake the writer where it would not wake by itself in time; with the lock. */
static void rouse(struct audit *audit, bool urgent)
{
	bool woken = audit->urgent;

	if (urgent ||
	    atomic_load_explicit(&audit->used, memory_order_relaxed) > HURRY)
		audit->urgent = true;
	if (audit->idle || audit->urgent != woken)
		pthread_cond_signal(&audit->filled);
	audit->idle = false;
}

static int add_locked(struct audit *audit, const struct audit_record *record)
{
	int error;

	if (atomic_load(&audit->error) || audit->closing)
		return -EIO;
	error = enqueue_lost(audit);
	if (!error)
		error = enqueue(audit, record);
	if (error == -ENOBUFS)
		audit->lost++;
	else if (!error)
		rouse(audit, is_urgent(record));
	return error;
}

int audit_add(struct audit *audit, const struct audit_record *record)
{
	struct audit_record trimmed = *record;
	int error;

	trim_argv(&trimmed);
	pthread_mutex_lock(&audit->lock);
	error = add_locked(audit, &trimmed);
	pthread_mutex_unlock(&audit->lock);
	return error;
}

bool audit_ready(const struct audit *audit)
{
	return !atomic_load(&audit->error) && has_headroom(audit);
}

int audit_redact(struct audit *audit, const char *secret, size_t length)
{
	int error;

	pthread_mutex_lock(&audit->secrets_lock);
	error = redact_add(audit->secrets, secret, length);
	pthread_mutex_unlock(&audit->secrets_lock);
	return error;
}

/* --------------------------------------------------------------- writer -- */

/* A stretch of the ring that the writer has formatted. */
struct batch {
	size_t used; /* bytes of the ring, gaps included */
	size_t tail; /* where the next one starts */
	uint64_t count;
};

/* Format records from the ring's tail; `used` bytes of it hold some. */
static int format_batch(struct audit *audit, size_t used, struct batch *batch)
{
	*batch = (struct batch){.tail = audit->tail};
	audit->text.length = 0;
	while (batch->used < used && audit->text.length < BATCH) {
		const struct slot *slot;
		int error;

		if (batch->tail == AUDIT_QUEUE)
			batch->tail = 0;
		slot = (const void *)(audit->ring + batch->tail);
		if (!slot->size) {
			batch->used += AUDIT_QUEUE - batch->tail;
			batch->tail = 0;
			continue;
		}
		pthread_mutex_lock(&audit->secrets_lock);
		error = audit_line_add(&audit->text, &audit->chain,
				       &slot->record, &slot->time,
				       audit->secrets);
		pthread_mutex_unlock(&audit->secrets_lock);
		if (error)
			return error;
		batch->used += slot->size;
		batch->tail += slot->size;
		batch->count++;
	}
	return 0;
}

/*
 * One write(2) as a rule. It is cut short where the disk becomes full; the next
 * one then says why. What stands of a cut line is taken away again, as far as
 * that works.
 */
static int write_batch(struct audit *audit)
{
	const struct jtext *text = &audit->text;
	size_t done = 0;

	while (done < text->length) {
		ssize_t n = write(audit->fd, text->bytes + done,
				  text->length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n ? -errno : -EIO;
			const char *line = memrchr(text->bytes, '\n', done);
			off_t whole = line ? line + 1 - text->bytes : 0;
			int cut = ftruncate(audit->fd, audit->size + whole);

			(void)cut;
			return error;
		}
		done += (size_t)n;
	}
	audit->size += (off_t)done;
	return 0;
}

/* Wait for records. Returns the ring's bytes in use; 0: closed and empty. */
static size_t wait_for_work(struct audit *audit)
{
	size_t used;

	pthread_mutex_lock(&audit->lock);
	for (;;) {
		used = atomic_load(&audit->used);
		if (used || audit->closing)
			break;
		audit->idle = true;
		pthread_cond_wait(&audit->filled, &audit->lock);
	}
	audit->idle = false;
	/* After a pause the first record is written at once. */
	while (!audit->closing && !audit->urgent &&
	       pthread_cond_timedwait(&audit->filled, &audit->lock,
				      &audit->next) != ETIMEDOUT)
		;
	audit->urgent = false;
	used = atomic_load(&audit->used);
	pthread_mutex_unlock(&audit->lock);
	return used;
}

static void set_pause(struct audit *audit)
{
	clock_gettime(CLOCK_MONOTONIC, &audit->next);
	audit->next.tv_nsec += PAUSE_MS * 1000000L;
	if (audit->next.tv_nsec >= 1000000000L) {
		audit->next.tv_nsec -= 1000000000L;
		audit->next.tv_sec++;
	}
}

static void give_back(struct audit *audit, const struct batch *batch)
{
	pthread_mutex_lock(&audit->lock);
	audit->tail = batch->tail;
	atomic_fetch_sub(&audit->used, batch->used);
	audit->done += batch->count;
	audit->head_done = audit->chain.head;
	enqueue_lost(audit);
	/* A batch is full before the queue is empty: on with the rest. */
	if (atomic_load(&audit->used) > HURRY || audit->done < audit->asked)
		audit->urgent = true;
	pthread_cond_broadcast(&audit->written);
	pthread_mutex_unlock(&audit->lock);
}

static void fail(struct audit *audit, int error)
{
	pthread_mutex_lock(&audit->lock);
	atomic_store(&audit->error, error);
	pthread_cond_broadcast(&audit->written);
	pthread_mutex_unlock(&audit->lock);
	audit->failed(audit->context, -error);
}

static void *writer_run(void *context)
{
	struct audit *audit = context;
	struct batch batch;
	size_t used;

	while ((used = wait_for_work(audit))) {
		int error = format_batch(audit, used, &batch);

		if (!error)
			error = write_batch(audit);
		if (error) {
			fail(audit, error);
			break;
		}
		set_pause(audit);
		give_back(audit, &batch);
	}
	if (fdatasync(audit->fd))
		audit->unsynced = -errno;
	return NULL;
}

/* ------------------------------------------------------ opening, closing -- */

static void audit_free(struct audit *audit)
{
	if (audit->ring)
		munmap(audit->ring, AUDIT_QUEUE);
	if (audit->text.bytes)
		munmap(audit->text.bytes, BUFFER);
	redact_free(audit->secrets);
	pthread_mutex_destroy(&audit->lock);
	pthread_mutex_destroy(&audit->secrets_lock);
	pthread_cond_destroy(&audit->filled);
	pthread_cond_destroy(&audit->written);
	if (audit->fd >= 0)
		close(audit->fd);
	free(audit);
}

/* Memory that costs nothing until it is touched. */
static char *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static struct audit *audit_new(void)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	pthread_condattr_t clock;

	if (!audit)
		return NULL;
	audit->fd = -1;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&audit->lock, NULL);
	pthread_mutex_init(&audit->secrets_lock, NULL);
	pthread_cond_init(&audit->filled, &clock);
	pthread_condattr_destroy(&clock);
	pthread_cond_init(&audit->written, NULL);
	audit->ring = map(AUDIT_QUEUE);
	audit->text.bytes = map(BUFFER);
	audit->text.size = BUFFER;
	audit->secrets = redact_new();
	if (!audit->ring || !audit->text.bytes || !audit->secrets) {
		audit_free(audit);
		return NULL;
	}
	audit_chain_init(&audit->chain);
	audit->head_done = audit->chain.head;
	return audit;
}

/*
 * All signals are blocked in the writer: they are the main thread's, and a
 * write beyond RLIMIT_FSIZE is to be an error, not a SIGXFSZ.
 */
static int start_writer(struct audit *audit)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&audit->writer, NULL, writer_run, audit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		pthread_setname_np(audit->writer, "audit");
	return -error;
}

int audit_open(int session_directory, void (*failed)(void *context, int error),
	       void *context, struct audit **audit)
{
	struct audit *made = audit_new();
	int error = 0;

	if (!made)
		return -ENOMEM;
	made->failed = failed;
	made->context = context;
	made->fd = openat(session_directory, "events.jsonl",
			  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
				  O_CLOEXEC,
			  0600);
	/* The umask may have taken away too much. */
	if (made->fd < 0 || fchmod(made->fd, 0600))
		error = -errno;
	if (!error)
		error = start_writer(made);
	if (error) {
		audit_free(made);
		return error;
	}
	*audit = made;
	return 0;
}

int audit_flush(struct audit *audit, struct audit_head *head)
{
	uint64_t target;
	int error;

	pthread_mutex_lock(&audit->lock);
	target = audit->asked = audit->added;
	audit->urgent = true;
	pthread_cond_signal(&audit->filled);
	while (audit->done < target && !atomic_load(&audit->error))
		pthread_cond_wait(&audit->written, &audit->lock);
	error = atomic_load(&audit->error);
	if (head)
		*head = audit->head_done;
	pthread_mutex_unlock(&audit->lock);
	return error;
}

void audit_end(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	audit->closing = true;
	pthread_cond_signal(&audit->filled);
	pthread_mutex_unlock(&audit->lock);
}

int audit_close(struct audit *audit)
{
	int error;

	if (!audit)
		return 0;
	audit_end(audit);
	pthread_join(audit->writer, NULL);
	error = atomic_load(&audit->error) ?: audit->unsynced;
	audit_free(audit);
	return error;
}
