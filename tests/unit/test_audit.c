/*
 * The audit log's writer: queue, threads, failures.
 *
 * write(2) is this file's own for the log's descriptor, so that a test can
 * hold the disk or fill it.
 */
#include "supervisor/audit.h"

#include "policy/scope.h"
#include "supervisor/audit_read.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static int directory_fd = -1;

static atomic_bool disk_held; /* write(2) waits for `disk_go` */
static sem_t disk_go, disk_reached;
static atomic_long disk_room = -1; /* bytes until ENOSPC; -1: endless */

static atomic_int failures, failure;

ssize_t write(int fd, const void *bytes, size_t length)
{
	long room = atomic_load(&disk_room);

	if (atomic_load(&disk_held)) {
		sem_post(&disk_reached);
		sem_wait(&disk_go);
	}
	if (room >= 0 && fd > 2) {
		if (!room) {
			errno = ENOSPC;
			return -1;
		}
		if (length > (size_t)room)
			length = (size_t)room;
		atomic_store(&disk_room, room - (long)length);
	}
	return (ssize_t)syscall(SYS_write, fd, bytes, length);
}

static void failed(void *context, int error)
{
	ck_assert_ptr_eq(context, &failures);
	atomic_store(&failure, error);
	atomic_fetch_add(&failures, 1);
}

static void setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test-audit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sem_init(&disk_go, 0, 0);
	sem_init(&disk_reached, 0, 0);
}

static void teardown(void)
{
	unlinkat(directory_fd, "events.jsonl", 0);
	close(directory_fd);
	rmdir(directory);
}

static struct audit *open_log(void)
{
	struct audit *audit;

	ck_assert_int_eq(audit_open(directory_fd, failed, &failures, &audit),
			 0);
	return audit;
}

/* Read the log; all its lines must follow each other. Returns how many. */
static uint64_t check_log(void (*look)(const struct audit_entry *, void *),
			  void *context, size_t *rest)
{
	auto_fd fd = openat(directory_fd, "events.jsonl", O_RDONLY | O_CLOEXEC);
	struct audit_reader *reader;
	struct audit_entry entry;
	uint64_t lines;

	ck_assert_int_eq(audit_reader_new(fd, &reader), 0);
	for (;;) {
		ck_assert_int_eq(audit_reader_next(reader, &entry), 0);
		if (entry.result == AUDIT_READ_END)
			break;
		ck_assert_msg(entry.result == AUDIT_READ_LINE,
			      "line %lu %s: %.200s", (unsigned long)entry.line,
			      entry.cause, entry.text);
		ck_assert(entry.readable);
		if (look)
			look(&entry, context);
	}
	lines = audit_reader_head(reader)->events;
	if (rest)
		*rest = audit_reader_rest(reader);
	else
		ck_assert_uint_eq(audit_reader_rest(reader), 0);
	audit_reader_free(reader);
	return lines;
}

/* ---------------------------------------------------------------- queue -- */

START_TEST(secret_added_later_is_redacted_in_queued_events)
{
	struct audit *audit = open_log();
	struct audit_record r;
	char text[8192];
	ssize_t length;
	int fd;

	audit_record_init(&r, AUDIT_ALERT);
	atomic_store(&disk_held, true);
	r.message = "first";
	ck_assert_int_eq(audit_add(audit, &r), 0);
	sem_wait(&disk_reached);
	r.message = "S3CRET";
	ck_assert_int_eq(audit_add(audit, &r), 0);
	ck_assert_int_eq(audit_redact(audit, "S3CRET", 6), 0);
	ck_assert_int_eq(audit_redact(audit, "", 0), -EINVAL);
	atomic_store(&disk_held, false);
	sem_post(&disk_go);
	ck_assert_int_eq(audit_close(audit), 0);
	fd = openat(directory_fd, "events.jsonl", O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	ck_assert_int_gt(length, 0);
	close(fd);
	text[length] = '\0';
	ck_assert_ptr_null(strstr(text, "S3CRET"));
	ck_assert_ptr_nonnull(strstr(text, "\"message\":\"[redacted]\""));
}
END_TEST

START_TEST(end_takes_what_is_queued_and_no_more)
{
	struct audit *audit = open_log();
	struct audit_record record;

	audit_record_init(&record, AUDIT_START);
	ck_assert_int_eq(audit_add(audit, &record), 0);
	audit_end(audit);
	ck_assert_int_eq(audit_add(audit, &record), -EIO);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_eq(check_log(NULL, NULL, NULL), 1);
}
END_TEST

START_TEST(file_is_private_and_new)
{
	struct audit *audit = open_log(), *second;
	struct stat st;

	ck_assert_int_eq(
		fstatat(directory_fd, "events.jsonl", &st, AT_SYMLINK_NOFOLLOW),
		0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(audit_open(directory_fd, failed, &failures, &second),
			 -EEXIST);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_int_eq(audit_close(NULL), 0);
}
END_TEST

enum { THREADS = 8, PER_THREAD = 5000 };

static void *add_many(void *context)
{
	struct audit *audit = context;
	static atomic_int next_thread;
	int thread = atomic_fetch_add(&next_thread, 1) + 1;

	for (int i = 1; i <= PER_THREAD; i++) {
		struct audit_record r;
		char subject[64];

		audit_record_init(&r, AUDIT_DECISION);
		snprintf(subject, sizeof(subject), "%d-%d", thread, i);
		r.pid = thread;
		r.tid = i;
		r.subject = subject;
		while (!audit_ready(audit))
			ck_assert_int_eq(audit_flush(audit, NULL), 0);
		if (audit_add(audit, &r))
			return context;
	}
	return NULL;
}

static void check_many(const struct audit_entry *entry, void *context)
{
	int *last = context;
	char subject[64];

	ck_assert_int_eq(entry->record.tid, last[entry->record.pid] + 1);
	last[entry->record.pid] = entry->record.tid;
	snprintf(subject, sizeof(subject), "%d-%d", entry->record.pid,
		 entry->record.tid);
	ck_assert_str_eq(entry->record.subject, subject);
}

START_TEST(many_threads_lose_nothing)
{
	struct audit *audit = open_log();
	int last[THREADS + 1] = {0};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, add_many, audit), 0);
	for (int i = 0; i < THREADS; i++) {
		void *lost;

		pthread_join(threads[i], &lost);
		ck_assert_ptr_null(lost);
	}
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_eq(check_log(check_many, last, NULL),
			  THREADS * PER_THREAD);
}
END_TEST

START_TEST(full_queue_refuses_and_says_so)
{
	struct audit *audit = open_log();
	char subject[4096], text[AUDIT_HASH_LENGTH + 1];
	struct audit_record r;
	struct audit_head head;
	uint64_t added = 1, after_ready = 0;
	int fd, error;

	memset(subject, 'x', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	audit_record_init(&r, AUDIT_DECISION);
	r.subject = subject;
	atomic_store(&disk_held, true);
	ck_assert_int_eq(audit_add(audit, &r), 0);
	sem_wait(&disk_reached);
	while (!(error = audit_add(audit, &r))) {
		added++;
		if (!audit_ready(audit))
			after_ready++;
	}
	ck_assert_int_eq(error, -ENOBUFS);
	ck_assert_int_eq(audit_add(audit, &r), -ENOBUFS);
	/* What is allowed just before readiness ends still has room. */
	ck_assert_uint_gt(after_ready * sizeof(subject), AUDIT_HEADROOM / 2);
	ck_assert(!audit_ready(audit));
	atomic_store(&disk_held, false);
	sem_post(&disk_go);
	ck_assert_int_eq(audit_flush(audit, NULL), 0);
	ck_assert_int_eq(audit_flush(audit, &head), 0);
	ck_assert(audit_ready(audit));
	ck_assert_uint_eq(head.events, added + 1);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_int_eq(failures, 0);
	ck_assert_uint_eq(check_log(NULL, NULL, NULL), added + 1);
	fd = openat(directory_fd, "events.jsonl", O_RDONLY);
	ck_assert_int_gt(lseek(fd, -(off_t)sizeof(subject), SEEK_END), 0);
	ck_assert_int_gt(read(fd, subject, sizeof(subject) - 1), 0);
	close(fd);
	ck_assert_ptr_nonnull(
		strstr(subject, "2 events were not recorded: the queue"));
	/* And the head is the last line's. */
	snprintf(text, sizeof(text), "%s", head.hash);
	ck_assert_ptr_nonnull(strstr(subject, text));
}
END_TEST

/* Without a flush or an end, and with nothing that comes after it. */
START_TEST(what_can_wait_is_written_too)
{
	struct audit *audit = open_log();
	struct audit_record allowed, refused;

	audit_record_init(&allowed, AUDIT_EXEC);
	audit_record_init(&refused, AUDIT_DECISION);
	refused.verdict = "deny";
	atomic_store(&disk_held, true);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(audit_add(audit, &allowed), 0);
		if (i % 2)
			ck_assert_int_eq(audit_add(audit, &refused), 0);
		sem_wait(&disk_reached);
		/* It is in the write that is held, or in the next. */
		sem_post(&disk_go);
	}
	atomic_store(&disk_held, false);
	sem_post(&disk_go);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_eq(check_log(NULL, NULL, NULL), 30);
}
END_TEST

START_TEST(ring_wraps_with_any_size)
{
	struct audit *audit = open_log();
	uint64_t added = 0;

	for (size_t round = 0; round < 400; round++) {
		static char argv[AUDIT_ARGV_MAX];
		struct audit_record r;

		memset(argv, (int)(round % 255 + 1), sizeof(argv));
		audit_record_init(&r, AUDIT_EXEC);
		r.argv = argv;
		r.argv_length = round * 9973 % 50000 + 1;
		while (audit_add(audit, &r) == -ENOBUFS)
			ck_assert_int_eq(audit_flush(audit, NULL), 0);
		added++;
	}
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_ge(check_log(NULL, NULL, NULL), added);
}
END_TEST

static void check_argv(const struct audit_entry *entry, void *context)
{
	ck_assert_ptr_null(context);
	ck_assert_uint_eq(entry->record.argv_length, AUDIT_ARGV_MAX);
	ck_assert_uint_eq(entry->record.argv_more, 250);
}

START_TEST(too_many_arguments_are_counted)
{
	enum { SIZE = AUDIT_ARGV_MAX + 1000 };
	static char argv[SIZE];
	struct audit *audit = open_log();
	struct audit_record r;

	for (size_t i = 0; i < SIZE; i++)
		argv[i] = i % 4 == 3 ? '\0' : 'a';
	audit_record_init(&r, AUDIT_EXEC);
	r.argv = argv;
	r.argv_length = SIZE;
	ck_assert_int_eq(audit_add(audit, &r), 0);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_eq(check_log(check_argv, NULL, NULL), 1);
}
END_TEST

START_TEST(too_long_strings_are_refused)
{
	static char text[AUDIT_TEXTS_MAX + 1];
	struct audit *audit = open_log();
	struct audit_record r;

	memset(text, 'x', sizeof(text) - 1);
	audit_record_init(&r, AUDIT_ALERT);
	r.message = text;
	ck_assert_int_eq(audit_add(audit, &r), -E2BIG);
	ck_assert_int_eq(audit_close(audit), 0);
}
END_TEST

START_TEST(greatest_record_fits)
{
	static char argv[AUDIT_ARGV_MAX], text[AUDIT_TEXTS_MAX];
	struct audit *audit = open_log();
	struct audit_record r;

	memset(text, 0xff, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(argv); i += 2)
		argv[i] = 's';
	audit_record_init(&r, AUDIT_EXEC);
	r.argv = argv;
	r.argv_length = sizeof(argv);
	r.message = text;
	ck_assert_int_eq(audit_redact(audit, "s", 1), 0);
	ck_assert_int_eq(audit_add(audit, &r), 0);
	ck_assert_int_eq(audit_close(audit), 0);
	ck_assert_uint_eq(check_log(NULL, NULL, NULL), 1);
}
END_TEST

/* ------------------------------------------------------------- failures -- */

START_TEST(full_disk_ends_the_log)
{
	struct audit *audit = open_log();
	struct audit_record r;
	int error = 0;

	audit_record_init(&r, AUDIT_DECISION);
	r.subject = "/some/file";
	ck_assert_int_eq(audit_add(audit, &r), 0);
	ck_assert_int_eq(audit_flush(audit, NULL), 0);
	atomic_store(&disk_room, 3000);
	for (int i = 0; i < 100 && !error; i++) {
		error = audit_add(audit, &r);
		ck_assert(!error || error == -EIO);
	}
	ck_assert_int_eq(audit_flush(audit, NULL), -ENOSPC);
	ck_assert_int_eq(audit_add(audit, &r), -EIO);
	ck_assert(!audit_ready(audit));
	atomic_store(&disk_room, -1);
	/* Once failed is failed: there would be a gap. */
	ck_assert_int_eq(audit_add(audit, &r), -EIO);
	ck_assert(!audit_ready(audit));
	ck_assert_int_eq(audit_close(audit), -ENOSPC);
	ck_assert_int_eq(failures, 1);
	ck_assert_int_eq(failure, ENOSPC);
	/* The torn line was cut off again. */
	ck_assert_uint_gt(check_log(NULL, NULL, NULL), 2);
}
END_TEST

START_TEST(file_size_limit_is_an_error_not_a_signal)
{
	struct rlimit limit = {10000, 10000};
	struct audit *audit = open_log();
	struct audit_record r;

	setrlimit(RLIMIT_FSIZE, &limit);
	audit_record_init(&r, AUDIT_DECISION);
	r.subject = "/some/file";
	for (int i = 0; i < 100; i++)
		audit_add(audit, &r);
	ck_assert_int_eq(audit_flush(audit, NULL), -EFBIG);
	ck_assert_int_eq(audit_close(audit), -EFBIG);
	ck_assert_int_eq(failures, 1);
	ck_assert_uint_gt(check_log(NULL, NULL, NULL), 2);
}
END_TEST

START_TEST(kill_leaves_whole_lines)
{
	for (int round = 0; round < 20; round++) {
		struct timespec pause = {0, 1000000 + round * 1000000};
		size_t rest;
		pid_t pid = fork();

		if (!pid) {
			struct audit *audit = open_log();
			struct audit_record r;
			char subject[1500];

			memset(subject, 'x', sizeof(subject) - 1);
			subject[sizeof(subject) - 1] = '\0';
			audit_record_init(&r, AUDIT_DECISION);
			r.subject = subject;
			for (;;)
				audit_add(audit, &r);
		}
		/* Killed at any point: there is no event to wait for. */
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!faccessat(directory_fd, "events.jsonl", F_OK, 0))
			check_log(NULL, NULL, &rest);
		unlinkat(directory_fd, "events.jsonl", 0);
	}
}
END_TEST

START_TEST(flush_gives_the_head_of_an_empty_log)
{
	struct audit *audit = open_log();
	struct audit_head head;

	ck_assert_int_eq(audit_flush(audit, &head), 0);
	ck_assert_uint_eq(head.events, 0);
	ck_assert_uint_eq(strspn(head.hash, "0"), AUDIT_HASH_LENGTH);
	ck_assert_int_eq(audit_close(audit), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");
	SRunner *runner = srunner_create(suite);
	int count;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, secret_added_later_is_redacted_in_queued_events);
	tcase_add_test(tcase, file_is_private_and_new);
	tcase_add_test(tcase, end_takes_what_is_queued_and_no_more);
	tcase_add_test(tcase, many_threads_lose_nothing);
	tcase_add_test(tcase, full_queue_refuses_and_says_so);
	tcase_add_test(tcase, ring_wraps_with_any_size);
	tcase_add_test(tcase, what_can_wait_is_written_too);
	tcase_add_test(tcase, too_many_arguments_are_counted);
	tcase_add_test(tcase, too_long_strings_are_refused);
	tcase_add_test(tcase, greatest_record_fits);
	tcase_add_test(tcase, full_disk_ends_the_log);
	tcase_add_test(tcase, file_size_limit_is_an_error_not_a_signal);
	tcase_add_test(tcase, kill_leaves_whole_lines);
	tcase_add_test(tcase, flush_gives_the_head_of_an_empty_log);
	srunner_run_all(runner, CK_NORMAL);
	count = srunner_ntests_failed(runner);
	srunner_free(runner);
	return count ? EXIT_FAILURE : EXIT_SUCCESS;
}
