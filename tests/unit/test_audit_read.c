/*
 * The audit log's reader: what was written comes back, and what was changed is
 * found.
 */
#include "supervisor/audit_read.h"

#include "policy/scope.h"
#include "supervisor/audit_line.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES = 6, SIZE = 16 * 1024 };

/* A log of LINES lines whose subjects are /1, /2 and so on. */
static char log_bytes[SIZE];
static size_t log_length;

static void make_log(void)
{
	struct jtext text = {.bytes = log_bytes, .size = SIZE};
	struct timespec time = {1767323045, 6};
	struct audit_chain chain;

	audit_chain_init(&chain);
	for (int i = 1; i <= LINES; i++) {
		struct audit_record r;
		char subject[16];

		audit_record_init(&r, AUDIT_DECISION);
		snprintf(subject, sizeof(subject), "/%d", i);
		r.subject = subject;
		ck_assert_int_eq(audit_line_add(&text, &chain, &r, &time, NULL),
				 0);
	}
	log_length = text.length;
}

static int file_of(const char *bytes, size_t length)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* The first broken line (0: none) and its cause; how many lines there were. */
static unsigned first_broken(const char *bytes, size_t length, char *cause,
			     unsigned *lines)
{
	auto_fd fd = file_of(bytes, length);
	struct audit_reader *reader;
	struct audit_entry entry;
	unsigned first = 0;

	cause[0] = '\0';
	*lines = 0;
	ck_assert_int_eq(audit_reader_new(fd, &reader), 0);
	while (!audit_reader_next(reader, &entry) &&
	       entry.result != AUDIT_READ_END) {
		(*lines)++;
		if (entry.result == AUDIT_READ_BROKEN && !first) {
			first = (unsigned)entry.line;
			strcpy(cause, entry.cause);
		}
	}
	audit_reader_free(reader);
	return first;
}

/* ------------------------------------------------------------- tampering -- */

/* The start of line `n`, from 1; n = LINES + 1: the end. */
static char *line(unsigned n)
{
	char *at = log_bytes;

	while (--n)
		at = strchr(at, '\n') + 1;
	return at;
}

static void change(unsigned n)
{
	char *subject = strstr(line(n), "\"/");

	subject[2] = 'x';
}

static void erase(unsigned n)
{
	char *start = line(n), *end = line(n + 1);

	memmove(start, end, log_length - (size_t)(end - log_bytes) + 1);
	log_length -= (size_t)(end - start);
}

/* Swap line n with the next; they are of one length. */
static void swap(unsigned n)
{
	char *first = line(n), *second = line(n + 1), kept[1024];
	size_t length = (size_t)(second - first);

	memcpy(kept, first, length);
	memcpy(first, second, length);
	memcpy(second, kept, length);
}

static void repeat(unsigned n)
{
	char *start = line(n), *end = line(n + 1);

	memmove(end, start, log_length - (size_t)(start - log_bytes) + 1);
	log_length += (size_t)(end - start);
}

/* Change a line and give it the hash it then should have. */
static void forge(unsigned n)
{
	size_t length = (size_t)(line(n + 1) - line(n)) - 1 - AUDIT_SEAL_LENGTH;
	char hash[AUDIT_HASH_LENGTH + 1];

	change(n);
	audit_chain_hash(line(n), length, hash);
	memcpy(line(n) + length + 9, hash, AUDIT_HASH_LENGTH);
}

static void cut_line(unsigned n)
{
	char *end = line(n + 1) - 1;

	memmove(end - 5, end, log_length - (size_t)(end - log_bytes) + 1);
	log_length -= 5;
}

static void cut_hash(unsigned n)
{
	char *end = line(n + 1) - 1;

	end[-2] = 'g';
}

static void insert_garbage(unsigned n)
{
	char *start = line(n);

	memmove(start + 3, start, log_length - (size_t)(start - log_bytes) + 1);
	memcpy(start, "{}\n", 3);
	log_length += 3;
}

START_TEST(tampering_is_found)
{
	static const struct {
		void (*tamper)(unsigned n);
		unsigned n, broken;
		const char *cause;
	} rows[] = {
		{change, 1, 1, "was changed: its hash"},
		{change, 4, 4, "was changed: its hash"},
		{change, LINES, LINES, "was changed: its hash"},
		{erase, 1, 1, "has the number 2: 1 before it are missing"},
		{erase, 3, 3, "has the number 4: 1 before it are missing"},
		{swap, 3, 3, "has the number 4: 1 before it are missing"},
		{repeat, 3, 4, "is out of order: it has the number 3"},
		{forge, 3, 4, "does not follow the line before it"},
		{cut_line, 3, 3, "does not end with its hashes"},
		{cut_hash, 3, 3, "does not end with its hashes"},
		{insert_garbage, 3, 3, "does not end with its hashes"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned lines, broken;
		char cause[200];

		make_log();
		log_bytes[log_length] = '\0';
		ck_assert_uint_eq(
			first_broken(log_bytes, log_length, cause, &lines), 0);
		ck_assert_uint_eq(lines, LINES);
		rows[i].tamper(rows[i].n);
		broken = first_broken(log_bytes, log_length, cause, &lines);
		ck_assert_msg(broken == rows[i].broken &&
				      strstr(cause, rows[i].cause),
			      "row %zu: line %u %s", i, broken, cause);
	}
}
END_TEST

START_TEST(any_changed_byte_is_found)
{
	make_log();
	for (size_t i = 0; i < log_length; i++) {
		unsigned lines, broken;
		char cause[200];

		log_bytes[i] ^= 1;
		broken = first_broken(log_bytes, log_length, cause, &lines);
		/* Without the last newline, the last line does not count. */
		ck_assert_msg(broken || lines == LINES - 1, "byte %zu", i);
		log_bytes[i] ^= 1;
	}
}
END_TEST

START_TEST(line_without_newline_is_not_trusted)
{
	struct audit_reader *reader;
	struct audit_entry entry;
	size_t last;

	make_log();
	log_bytes[log_length] = '\0';
	last = log_length - (size_t)(line(LINES) - log_bytes);
	for (size_t cut = 1; cut < last; cut++) {
		auto_fd fd = file_of(log_bytes, log_length - cut);
		unsigned lines = 0;

		ck_assert_int_eq(audit_reader_new(fd, &reader), 0);
		while (!audit_reader_next(reader, &entry) &&
		       entry.result == AUDIT_READ_LINE)
			lines++;
		ck_assert_int_eq(entry.result, AUDIT_READ_END);
		ck_assert_uint_eq(lines, LINES - 1);
		ck_assert_uint_eq(audit_reader_rest(reader), last - cut);
		audit_reader_free(reader);
	}
}
END_TEST

START_TEST(growing_file_is_read_on)
{
	struct audit_reader *reader;
	struct audit_entry entry;
	auto_fd fd = memfd_create("log", MFD_CLOEXEC);
	unsigned lines = 0;

	make_log();
	ck_assert_int_eq(audit_reader_new(fd, &reader), 0);
	for (size_t i = 0; i < log_length; i++) {
		ck_assert_int_eq(pwrite(fd, log_bytes + i, 1, (off_t)i), 1);
		ck_assert_int_eq(audit_reader_next(reader, &entry), 0);
		ck_assert_int_eq(entry.result, log_bytes[i] == '\n'
						       ? AUDIT_READ_LINE
						       : AUDIT_READ_END);
		lines += entry.result == AUDIT_READ_LINE;
	}
	ck_assert_uint_eq(lines, LINES);
	audit_reader_free(reader);
}
END_TEST

START_TEST(overlong_line_is_broken_and_skipped)
{
	size_t length = 3 * (size_t)AUDIT_LINE_MAX;
	auto_free char *bytes = malloc(length + SIZE);
	unsigned lines, broken;
	char cause[200];

	make_log();
	memset(bytes, 'x', length);
	bytes[length - 1] = '\n';
	memcpy(bytes + length, log_bytes, log_length);
	broken = first_broken(bytes, length + log_length, cause, &lines);
	ck_assert_uint_eq(broken, 1);
	ck_assert_uint_eq(lines, LINES + 1);
	ck_assert_str_eq(cause, "is longer than a line of a log can be");
	/* And without an end, it is only a rest. */
	broken = first_broken(bytes, length - 1, cause, &lines);
	ck_assert_uint_eq(broken, 0);
	ck_assert_uint_eq(lines, 0);
}
END_TEST

/* Lines with a seal of their own, and a field that is wrong. */
START_TEST(fields_of_a_wrong_form_are_found)
{
	static const char *const rows[] = {
		"\"pid\":\"1\"",
		"\"pid\":-1",
		"\"pid\":1.5",
		"\"pid\":99999999999",
		"\"exe\":1",
		"\"argv\":\"x\"",
		"\"argv\":[1]",
		"\"stack\":\"x\"",
		"\"stack\":[1]",
		"\"rule\":[]",
		"\"rule\":{\"line\":\"1\"}",
		"\"served\":{\"fd\":\"1\"}",
		"\"by\":\"nobody\"",
		"\"pid\":1,\"pid\":1",
		"\"exe\":\"\\u0000\"",
		"\"exe\":\"\\ud800\"",
		"\"exe\":\"\xff\"",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char bytes[1024], hash[AUDIT_HASH_LENGTH + 1], cause[200];
		struct audit_chain chain;
		unsigned lines;
		int length;

		audit_chain_init(&chain);
		length = snprintf(bytes, sizeof(bytes),
				  "{\"seq\":1,"
				  "\"time\":\"2026-01-02T03:04:05Z\","
				  "\"event\":\"exec\",%s,\"prev\":\"%s\"",
				  rows[i], chain.head.hash);
		audit_chain_hash(bytes, (size_t)length, hash);
		length += snprintf(bytes + length, 100, ",\"hash\":\"%s\"}\n",
				   hash);
		ck_assert_msg(
			first_broken(bytes, (size_t)length, cause, &lines) == 1,
			"%s", rows[i]);
		ck_assert_msg(strstr(cause, "has a field") ||
				      strstr(cause, "is not JSON"),
			      "%s: %s", rows[i], cause);
	}
}
END_TEST

/* ------------------------------------------------------------ round trip -- */

/* Any bytes but NUL, UTF-8 and its near misses among them. */
static void random_bytes(char *bytes, size_t length, unsigned *seed)
{
	static const char *const pieces[] = {
		"a",
		"\"",
		"\\",
		"\n",
		"\xff",
		"\xc3\xa4",
		"\xef\xb7\x90",
		"\xc6\x80",
		"\xc3",
		"\xf0\x9f\x92\x80",
		"\\udc80",
		"\\ud83d\\udc80",
	};
	size_t at = 0;

	while (at + 16 < length) {
		unsigned pick = (unsigned)rand_r(seed);
		const char *piece = pieces[pick % 12];

		if (pick / 16 % 4 == 0) {
			bytes[at++] = (char)(pick / 64 % 255 + 1);
			continue;
		}
		memcpy(bytes + at, piece, strlen(piece));
		at += strlen(piece);
	}
	bytes[at] = '\0';
}

START_TEST(any_bytes_come_back)
{
	unsigned seed = 1;

	for (int round = 0; round < 2000; round++) {
		static char bytes[SIZE], subject[300], argv[600];
		struct jtext text = {.bytes = bytes, .size = SIZE};
		struct timespec time = {1767323045, 6};
		struct audit_reader *reader;
		struct audit_entry entry;
		struct audit_record r;
		struct audit_chain chain;
		auto_fd fd = -1;

		random_bytes(subject, sizeof(subject), &seed);
		random_bytes(argv, 300, &seed);
		random_bytes(argv + strlen(argv) + 1, 300, &seed);
		audit_record_init(&r, AUDIT_EXEC);
		r.subject = subject;
		r.argv = argv;
		r.argv_length = strlen(argv) + 1;
		r.argv_length += strlen(argv + r.argv_length) + 1;
		r.stack = argv;
		r.stack_length = r.argv_length;
		r.status = 143;
		r.by = AUDIT_BY_DRY_RUN;
		audit_chain_init(&chain);
		ck_assert_int_eq(audit_line_add(&text, &chain, &r, &time, NULL),
				 0);
		fd = file_of(bytes, text.length);
		ck_assert_int_eq(audit_reader_new(fd, &reader), 0);
		ck_assert_int_eq(audit_reader_next(reader, &entry), 0);
		ck_assert_int_eq(entry.result, AUDIT_READ_LINE);
		ck_assert_int_eq(entry.time.tv_sec, time.tv_sec);
		ck_assert_int_eq(entry.time.tv_nsec, time.tv_nsec);
		ck_assert_int_eq(entry.record.event, AUDIT_EXEC);
		ck_assert_int_eq(entry.record.by, AUDIT_BY_DRY_RUN);
		ck_assert_int_eq(entry.record.status, 143);
		ck_assert_str_eq(entry.record.subject, subject);
		ck_assert_uint_eq(entry.record.argv_length, r.argv_length);
		ck_assert_mem_eq(entry.record.argv, argv, r.argv_length);
		ck_assert_uint_eq(entry.record.stack_length, r.stack_length);
		ck_assert_mem_eq(entry.record.stack, argv, r.stack_length);
		audit_reader_free(reader);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit_read");
	TCase *tcase = tcase_create("audit_read");
	SRunner *runner = srunner_create(suite);
	int count;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, tampering_is_found);
	tcase_add_test(tcase, any_changed_byte_is_found);
	tcase_add_test(tcase, line_without_newline_is_not_trusted);
	tcase_add_test(tcase, growing_file_is_read_on);
	tcase_add_test(tcase, overlong_line_is_broken_and_skipped);
	tcase_add_test(tcase, fields_of_a_wrong_form_are_found);
	tcase_add_test(tcase, any_bytes_come_back);
	srunner_run_all(runner, CK_NORMAL);
	count = srunner_ntests_failed(runner);
	srunner_free(runner);
	return count ? EXIT_FAILURE : EXIT_SUCCESS;
}
