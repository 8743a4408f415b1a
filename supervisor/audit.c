/*
 * The audit log: what is added, and its writer.
 *
 * Theory of operation. Producers put records into the queue, under a lock that
 * is held for no more than the copy. The writer takes what is there without the
 * lock. It formats many records into one buffer, writes them with one write(2),
 * and only then gives their place back, so that what waits in the queue is
 * exactly what is not yet in the file.
 *
 * What was allowed is not urgent: the writer lets such records come together
 * for a moment after each write, so that a thousand programs a second cost it a
 * hundred wake-ups and not thousands. What was refused, alerts and errors are
 * written at once, and with them all that stands before.
 *
 * All memory is mapped when the log is opened, and neither adding nor writing
 * allocates.
 *
 * write(2) can be cut short by a full disk or by SIGKILL: the file may end
 * within a line. Readers do not trust a last line without its newline; after a
 * full disk it is also cut off again.
 */
#include "supervisor/audit.h"

#include "policy/scope.h"
#include "supervisor/audit_line.h"
#include "supervisor/audit_queue.h"
#include "supervisor/redact.h"

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
	PAUSE_MS = 10,		  /* between writes of what is not urgent */
	HURRY = AUDIT_QUEUE / 16, /* queued: written without a pause */
};

struct audit {
	int fd;
	pthread_t writer;
	void (*failed)(void *context, int error);
	void *context;

	pthread_mutex_t lock;
	pthread_cond_t filled;	/* for the writer: work, or closing */
	pthread_cond_t written; /* for audit_flush() */
	struct audit_queue queue;
	atomic_int error; /* of the first failed write; read without the lock */
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

/* --------------------------------------------------------------- adding -- */

static int enqueue(struct audit *audit, const struct audit_record *record)
{
	int error = audit_queue_put(&audit->queue, record);

	audit->added += !error;
	return error;
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
	if (!audit_queue_has_headroom(&audit->queue))
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

	if (urgent || audit_queue_used(&audit->queue) > HURRY)
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

	audit_queue_trim(&trimmed);
	pthread_mutex_lock(&audit->lock);
	error = add_locked(audit, &trimmed);
	pthread_mutex_unlock(&audit->lock);
	return error;
}

bool audit_ready(const struct audit *audit)
{
	return !atomic_load(&audit->error) &&
	       audit_queue_has_headroom(&audit->queue);
}

bool audit_await(const struct audit *audit)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < AUDIT_PATIENCE; i++) {
		if (audit_ready(audit))
			return true;
		if (atomic_load(&audit->error))
			return false;
		nanosleep(&pause, NULL);
	}
	return audit_ready(audit);
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

/* Format the oldest of the records that `used` bytes of the queue hold. */
static int format_batch(struct audit *audit, size_t used,
			struct audit_stretch *batch)
{
	const struct audit_queued *queued;

	audit_queue_begin(&audit->queue, batch);
	audit->text.length = 0;
	while (audit->text.length < BATCH &&
	       (queued = audit_queue_next(&audit->queue, batch, used))) {
		pthread_mutex_lock(&audit->secrets_lock);
		int error = audit_line_add(&audit->text, &audit->chain,
					   &queued->record, &queued->time,
					   audit->secrets);
		pthread_mutex_unlock(&audit->secrets_lock);
		if (error)
			return error;
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

/* Wait for records. Returns the queue's bytes in use; 0: closed and empty. */
static size_t wait_for_work(struct audit *audit)
{
	size_t used;

	pthread_mutex_lock(&audit->lock);
	for (;;) {
		used = audit_queue_used(&audit->queue);
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
	used = audit_queue_used(&audit->queue);
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

static void give_back(struct audit *audit, const struct audit_stretch *batch)
{
	pthread_mutex_lock(&audit->lock);
	audit_queue_give_back(&audit->queue, batch);
	audit->done += batch->count;
	audit->head_done = audit->chain.head;
	enqueue_lost(audit);
	/* A batch is full before the queue is empty: on with the rest. */
	if (audit_queue_used(&audit->queue) > HURRY ||
	    audit->done < audit->asked)
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
	struct audit_stretch batch;
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
	audit_queue_close(&audit->queue);
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

/* Of this, too, nothing is there until it is touched. */
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
	audit->text.bytes = map(BUFFER);
	audit->text.size = BUFFER;
	audit->secrets = redact_new();
	if (audit_queue_open(&audit->queue) || !audit->text.bytes ||
	    !audit->secrets) {
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
