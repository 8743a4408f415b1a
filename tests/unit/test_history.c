/*
 * What is read of recorded sessions, and what is learned from it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/learn.h"
#include "policy/scope.h"
#include "supervisor/history.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SEAL ",\"prev\":\"" HASH "\",\"hash\":\"" HASH "\"}\n"

static struct history *read_text(const char *text, size_t length)
{
	struct history *history = history_new();
	auto_fd fd = memfd_create("log", MFD_CLOEXEC);

	ck_assert_ptr_nonnull(history);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(history_read(history, fd), 0);
	return history;
}

static struct history *read_lines(const char *text)
{
	return read_text(text, strlen(text));
}

static char *read_decision(unsigned seq, unsigned pid, const char *subject)
{
	char *line;

	ck_assert_int_gt(
		asprintf(&line,
			 "{\"seq\":%u,\"time\":\"2026-01-02T03:04:05.%09uZ\","
			 "\"event\":\"decision\",\"pid\":%u,\"exe\":\"/bin/"
			 "cat\",\"call\":\"openat\",\"action\":\"read\","
			 "\"subject\":\"%s\",\"verdict\":\"allow\",\"by\":"
			 "\"policy\"" SEAL,
			 seq, seq, pid, subject),
		0);
	return line;
}

START_TEST(the_same_event_is_counted)
{
	auto_free char *one = read_decision(1, 10, "/a"),
		       *two = read_decision(2, 77, "/a"),
		       *other = read_decision(3, 10, "/b"), *all = NULL;
	struct history *history;

	ck_assert_int_gt(asprintf(&all, "%s%s%s%s", one, two, other, one), 0);
	history = read_lines(all);
	ck_assert_uint_eq(history_events(history), 4);
	ck_assert_uint_eq(history_malformed(history), 0);
	ck_assert_uint_eq(history_count(history), 2);
	ck_assert_str_eq(history_at(history, 0)->subject, "/a");
	ck_assert_uint_eq(history_at(history, 0)->count, 3);
	ck_assert_uint_eq(history_at(history, 1)->count, 1);
	ck_assert_int_eq(history_at(history, 0)->action, ACTION_READ);
	ck_assert_int_eq(history_at(history, 0)->verdict, VERDICT_ALLOW);
	history_free(history);
}
END_TEST

START_TEST(names_left_out_are_no_variable)
{
	struct history *history = read_lines(
		"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.000000001Z\","
		"\"event\":\"decision\",\"pid\":3,\"exe\":\"/usr/bin/gh\","
		"\"call\":\"execve\",\"action\":\"env\",\"subject\":"
		"\"LD_PRELOAD ENV\",\"verdict\":\"hide\",\"by\":"
		"\"policy\"" SEAL
		"{\"seq\":2,\"time\":\"2026-01-02T03:04:05.000000002Z\","
		"\"event\":\"decision\",\"action\":\"env\",\"subject\":"
		"\"ENV\",\"verdict\":\"hide\",\"by\":\"policy\"" SEAL);

	ck_assert_uint_eq(history_malformed(history), 0);
	ck_assert_uint_eq(history_count(history), 1);
	ck_assert_str_eq(history_at(history, 0)->subject, "ENV");
	history_free(history);
}
END_TEST

START_TEST(many_kinds_are_kept_apart)
{
	struct history *history;
	char *text = NULL, subject[32];
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	for (unsigned i = 0; i < 20000; i++) {
		snprintf(subject, sizeof(subject), "/d/%u", i % 10000);
		auto_free char *line = read_decision(i + 1, i, subject);

		fputs(line, out);
	}
	fclose(out);
	history = read_text(text, length);
	free(text);
	ck_assert_uint_eq(history_count(history), 10000);
	for (size_t i = 0; i < 10000; i++)
		ck_assert_uint_eq(history_at(history, i)->count, 2);
	history_free(history);
}
END_TEST

START_TEST(a_script_is_two_programs)
{
	struct history *history = read_lines(
		"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.000000001Z\","
		"\"event\":\"exec\",\"pid\":3,\"exe\":\"/usr/bin/dash\","
		"\"argv\":[\"/bin/sh\",\"./job\",\"a b\"],\"action\":\"exec\","
		"\"subject\":\"/p/job\",\"verdict\":\"ask\",\"by\":"
		"\"dry-run\"" SEAL);
	const struct observation *script = history_at(history, 0);
	const struct observation *interpreter = history_at(history, 1);

	ck_assert_uint_eq(history_count(history), 2);
	ck_assert_str_eq(script->subject, "/p/job");
	ck_assert_uint_eq(script->argc, 2);
	ck_assert_str_eq(script->argv[0], "./job");
	ck_assert_str_eq(script->argv[1], "a b");
	ck_assert(script->dry_run);
	ck_assert_str_eq(interpreter->subject, "/usr/bin/dash");
	ck_assert_int_eq(interpreter->verdict, VERDICT_ALLOW);
	ck_assert_uint_eq(interpreter->argc, 3);
	history_free(history);
}
END_TEST

START_TEST(bytes_come_back)
{
	struct history *history;
	auto_free char *line =
		read_decision(1, 1, "/a\\udcff\\u001b\\\"\\\\,\\\"exe\\\":");

	history = read_lines(line);
	ck_assert_uint_eq(history_count(history), 1);
	ck_assert_str_eq(history_at(history, 0)->subject,
			 "/a\xff\x1b\"\\,\"exe\":");
	history_free(history);
}
END_TEST

static const char *const malformed[] = {
	"nonsense\n",
	"{}\n",
	"\n",
	"{\"event\":\"decision\"}\n",
	"{\"event\":\"decision\",\"exe\":\"/x\"" SEAL,
	"{\"event\":\"decision\",\"exe\":\"/x\",\"action\":\"read\"" SEAL,
	"{\"event\":\"decision\",\"exe\":1,\"action\":\"fly\",\"subject\":\"/"
	"x\",\"verdict\":\"allow\"" SEAL,
	"{\"event\":\"decision\",\"action\":\"read\",\"subject\":7,"
	"\"verdict\":\"allow\"" SEAL,
	"{\"event\":\"exec\",\"exe\":\"/x\",\"argv\":[1],\"action\":\"exec\","
	"\"subject\":\"/y\",\"verdict\":\"allow\"" SEAL,
	"{\"event\":\"decision\",\"action\":\"read\",\"subject\":\"/a\\u0000b"
	"\",\"verdict\":\"allow\"" SEAL,
};

START_TEST(a_malformed_line_is_counted_and_passed_over)
{
	auto_free char *good = read_decision(1, 1, "/good"), *all = NULL;
	struct history *history;

	ck_assert_int_gt(asprintf(&all, "%s%s", malformed[_i], good), 0);
	history = read_lines(all);
	ck_assert_uint_eq(history_malformed(history), 1);
	ck_assert_uint_eq(history_count(history), 1);
	ck_assert_str_eq(history_at(history, 0)->subject, "/good");
	history_free(history);
}
END_TEST

START_TEST(an_unfinished_line_is_left_out)
{
	auto_free char *line = read_decision(1, 1, "/a");

	for (size_t cut = 1; cut <= strlen(line); cut++) {
		struct history *history = read_text(line, strlen(line) - cut);

		ck_assert_uint_eq(history_count(history), 0);
		history_free(history);
	}
}
END_TEST

static const struct {
	const char *path;
	bool is_one;
} paths[] = {
	{"/", true},	    {"/a", true},	{"/a/...", true},
	{"/a/.b/c.", true}, {"pipe:[1]", true}, {"/memfd:x (deleted)", true},
	{"/a/.", false},    {"/a/..", false},	{"/../a", false},
	{"/a/./b", false},  {"/a//b", false},	{"//", false},
	{"/a/", false},	    {"/./a", false},
};

/* A log that was written by somebody else: no rule can name such a path. */
START_TEST(a_path_is_canonical_or_no_question)
{
	const struct policy_input input = {0};
	struct observation seen = {.action = ACTION_READ,
				   .subject = (char *)paths[_i].path};
	struct question question = {0};
	int error = question_of(&input, &seen, &question);

	ck_assert_int_eq(error, paths[_i].is_one ? 0 : -EINVAL);
	question_clear(&question);
	seen.exe = seen.subject;
	seen.subject = (char *)"/a";
	error = question_of(&input, &seen, &question);
	ck_assert_int_eq(error, paths[_i].is_one ? 0 : -EINVAL);
	question_clear(&question);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *reading = tcase_create("reading");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(reading, the_same_event_is_counted);
	tcase_add_test(reading, names_left_out_are_no_variable);
	tcase_add_test(reading, many_kinds_are_kept_apart);
	tcase_add_test(reading, a_script_is_two_programs);
	tcase_add_test(reading, bytes_come_back);
	tcase_add_loop_test(reading,
			    a_malformed_line_is_counted_and_passed_over, 0,
			    sizeof(malformed) / sizeof(*malformed));
	tcase_add_test(reading, an_unfinished_line_is_left_out);
	tcase_add_loop_test(reading, a_path_is_canonical_or_no_question, 0,
			    sizeof(paths) / sizeof(*paths));
	suite_add_tcase(suite, reading);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
