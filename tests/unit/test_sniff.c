/*
 * The first bytes of connections.
 */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/net/beginning.h"
#include "supervisor/net/hello.h"

START_TEST(beginning_that_ends_is_no_request)
{
	static const struct {
		const char *bytes;
		enum sniff now, ended;
	} samples[] = {
		{"000042", SNIFF_WORD, SNIFF_OTHER},
		{"ruok", SNIFF_WORD, SNIFF_OTHER},
		{"STAT", SNIFF_MORE, SNIFF_OTHER},
		{"conf all", SNIFF_WORD, SNIFF_OTHER},
		{"conf all\n", SNIFF_OTHER, SNIFF_OTHER},
		{"conf\1", SNIFF_OTHER, SNIFF_OTHER},
		{"\r\n", SNIFF_MORE, SNIFF_OTHER},
		{"\r\nruok", SNIFF_WORD, SNIFF_OTHER},
		{"get / HTTP", SNIFF_WORD, SNIFF_OTHER},
		{"get / HTTP/", SNIFF_MORE, SNIFF_HTTP},
		{"get / http/1.1", SNIFF_MORE, SNIFF_HTTP},
		{"GET\t/ HTTP/1.1", SNIFF_MORE, SNIFF_HTTP},
		{"GET /", SNIFF_MORE, SNIFF_HTTP},
		/* As Python's server takes them. */
		{" GET / HTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"\x1c\xa0GET / HTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"GET\xa0/ HTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"GET\x1f/ HTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"GET\r/\rHTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"GET\t/\1 HTTP/1.1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{" ", SNIFF_WORD, SNIFF_OTHER},
		{" STAT", SNIFF_MORE, SNIFF_OTHER},
		{" \x80", SNIFF_OTHER, SNIFF_OTHER},
		{"A \1", SNIFF_MORE, SNIFF_HTTP},
		{"A\t\1", SNIFF_WORD, SNIFF_OTHER},
		{"STATUS\rNEXT", SNIFF_WORD, SNIFF_OTHER},
		{"PING\r", SNIFF_MORE, SNIFF_OTHER},
		{"PING\r\n", SNIFF_OTHER, SNIFF_OTHER},
		/* Without a version. */
		{"get http:/", SNIFF_WORD, SNIFF_OTHER},
		{"get http://", SNIFF_MORE, SNIFF_HTTP},
		{"get  ftp://a/\r\n", SNIFF_BAD, SNIFF_HTTP},
		{" get\tHTTP://a/\n", SNIFF_BAD, SNIFF_HTTP},
		{"get a http://", SNIFF_WORD, SNIFF_OTHER},
		{"get /http://\r\n", SNIFF_OTHER, SNIFF_OTHER},
		{"set http://a/ 0\r\n", SNIFF_OTHER, SNIFF_OTHER},
		{"connect", SNIFF_WORD, SNIFF_OTHER},
		{"connect a:1\r\n", SNIFF_BAD, SNIFF_HTTP},
		{"\x16", SNIFF_MORE, SNIFF_MORE},
		{"\x16\3\1", SNIFF_MORE, SNIFF_MORE},
	};

	for (int i = 0; i < (int)(sizeof(samples) / sizeof(*samples)); i++) {
		const uint8_t *bytes = (const void *)samples[i].bytes;
		size_t length = strlen(samples[i].bytes);
		struct sniffed sniffed;

		ck_assert_int_eq(sniff_first(bytes, length, &sniffed),
				 samples[i].now);
		ck_assert_int_eq(sniff_ended(bytes, length), samples[i].ended);
	}
}
END_TEST

/* Fed in pieces, with all that may go gone at once. */
static enum sniff feed(const char *const *pieces, size_t *gone)
{
	static uint8_t line[SNIFF_MOST];
	struct beginning beginning = {0};
	enum sniff what = SNIFF_WORD;
	struct request request;
	const char *why;
	size_t used = 0;

	*gone = 0;
	for (; *pieces; pieces++) {
		for (size_t i = 0; (*pieces)[i]; i++) {
			ck_assert_uint_lt(used, SNIFF_MOST);
			line[used++] = (uint8_t)(*pieces)[i];
			if (used < SNIFF_MOST && (*pieces)[i + 1])
				continue;
			what = beginning_look(&beginning, line, &used, false,
					      &request, &why);
			if (what != SNIFF_WORD && what != SNIFF_MORE)
				return what;
			if (what == SNIFF_WORD && used > beginning.gone) {
				*gone += used - beginning.gone;
				beginning.gone = used;
				what = beginning_look(&beginning, line, &used,
						      false, &request, &why);
			}
		}
	}
	return what;
}

START_TEST(line_that_becomes_a_request_is_held_at_its_version)
{
	static char much[3 * SNIFF_MOST];
	static const char rest[] = " HTTP/1.1\r\nHost: a.test\r\n\r\n";
	size_t gone;

	memset(much, 'a', sizeof(much) - 1);
	ck_assert_int_eq(
		feed((const char *[]){"g", "et / HT", "TP", NULL}, &gone),
		SNIFF_WORD);
	ck_assert_uint_eq(gone, 10);
	ck_assert_int_eq(
		feed((const char *[]){"get / HT", "TP/1.1\r\nHo", NULL}, &gone),
		SNIFF_MORE);
	ck_assert_uint_eq(gone, 8);
	ck_assert_int_eq(feed((const char *[]){"g", "et /", rest, NULL}, &gone),
			 SNIFF_HTTP);
	ck_assert_int_eq(
		feed((const char *[]){"g", " HTTP/1.1\r\n\r\n", NULL}, &gone),
		SNIFF_BAD);
	ck_assert_int_eq(feed((const char *[]){"put ", "7\r\n", NULL}, &gone),
			 SNIFF_OTHER);
	/* Longer than what is kept. */
	ck_assert_int_eq(feed((const char *[]){"get /", much, NULL}, &gone),
			 SNIFF_WORD);
	ck_assert_uint_eq(gone, 5 + strlen(much));
	ck_assert_int_eq(
		feed((const char *[]){"get /", much, " HT", rest + 3, NULL},
		     &gone),
		SNIFF_BAD);
	ck_assert_int_eq(feed((const char *[]){much, " /", rest, NULL}, &gone),
			 SNIFF_BAD);
	ck_assert_int_eq(feed((const char *[]){much, " /", "\n", NULL}, &gone),
			 SNIFF_OTHER);
	memset(much, ' ', sizeof(much) - 1);
	ck_assert_int_eq(feed((const char *[]){"get", much, "http:/", NULL},
			      &gone),
			 SNIFF_WORD);
	ck_assert_int_eq(
		feed((const char *[]){"get", much, "http://a/\n", NULL}, &gone),
		SNIFF_BAD);
	ck_assert_int_eq(
		feed((const char *[]){much, "get", rest, NULL}, &gone),
		SNIFF_BAD);
	ck_assert_int_eq(
		feed((const char *[]){" GET", much, "\t", "/\n", NULL}, &gone),
		SNIFF_BAD);
}
END_TEST

START_TEST(trailer_that_belongs_in_a_head_is_none)
{
	static const struct {
		const char *bytes;
		bool fine;
	} samples[] = {
		{"0\r\n\r\n", true},
		{"0\r\nX-End: 1\r\nx-amz-checksum-crc32: a:b\r\n\r\n", true},
		{"0\r\nHost: a.test\r\n\r\n", false},
		{"1\r\na\r\n0\r\nX: 1\r\nhOST: a.test\r\n\r\n", false},
		{"0\r\nX: 1\r\nContent_Length: 1\r\n\r\n", false},
		{"0\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"0\r\nX-HTTP-Method-Override: PUT\r\n\r\n", false},
		{"0\r\nX: 1\r\n Host: a.test\r\n\r\n", false},
		{"0\r\nHost : a.test\r\n\r\n", false},
		{"0\r\nHost\r\n\r\n", false},
	};

	for (int i = 0; i < (int)(sizeof(samples) / sizeof(*samples)); i++) {
		const uint8_t *bytes = (const void *)samples[i].bytes;
		size_t length = strlen(samples[i].bytes);
		struct chunks chunks = {0};
		bool done;
		size_t passed = chunks_pass(&chunks, bytes, length, &done);

		ck_assert_uint_eq(passed, samples[i].fine ? length : SIZE_MAX);
		ck_assert_int_eq(done, samples[i].fine);
	}
}
END_TEST

/* Both names: what would be decided about, and one that cannot be read. */
START_TEST(encrypted_name_is_told)
{
	/* clang-format off */
	static const uint8_t hello[] =
		"\x16\3\1\0\x4a\1\0\0\x46\3\3"
		"0123456789abcdef0123456789abcdef" "\0"
		"\0\2\x13\1" "\1\0"
		"\0\x1b" "\0\0\0\x0b\0\x09\0\0\6" "a.test"
		"\xfe\x0d\0\4" "1234" "\xff\1\0";
	/* clang-format on */
	struct sniffed sniffed;

	ck_assert_int_eq(sniff_first(hello, sizeof(hello), &sniffed),
			 SNIFF_TLS);
	ck_assert_str_eq(sniffed.name, "a.test");
	ck_assert(sniffed.encrypted);
	ck_assert_int_eq(sniff_second(hello, sizeof(hello), &sniffed),
			 SNIFF_BAD);
	ck_assert_str_eq(sniffed.why, sniff_encrypted);
}
END_TEST

/* What is said instead of a second ClientHello. */
START_TEST(alert_after_the_first_hello_goes_on)
{
	static const char change[] = "\x14\3\3\0\1\1",
			  alert[] = "\x15\3\3\0\2\2\x2f";
	struct hello hello = {.state = HELLO_SECOND};
	const char *why = NULL;
	char taken[16];
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(write(ends[0], change, 6), 6);
	ck_assert_int_eq(write(ends[0], alert, 3), 3);
	ck_assert_int_eq(hello_second(&hello, ends[1], "a.test", &why),
			 SNIFF_MORE);
	ck_assert_int_eq(write(ends[0], alert + 3, 4), 4);
	ck_assert_int_eq(hello_second(&hello, ends[1], "a.test", &why),
			 SNIFF_OTHER);
	ck_assert_int_eq(hello.state, HELLO_ALERT);
	ck_assert_uint_eq(hello.left, 13);
	ck_assert_int_eq(read(ends[1], taken, sizeof(taken)), 13);
	/* What is no alert is none behind one either. */
	hello.state = HELLO_SECOND;
	ck_assert_int_eq(write(ends[0], "\x15\3\3\0\3\1\0\0", 8), 8);
	ck_assert_int_eq(hello_second(&hello, ends[1], "a.test", &why),
			 SNIFF_BAD);
	ck_assert_int_eq(read(ends[1], taken, sizeof(taken)), 8);
	close(ends[0]);
	ck_assert_int_eq(hello_second(&hello, ends[1], "a.test", &why),
			 SNIFF_TLS);
	ck_assert_int_eq(hello.state, HELLO_NONE);
	close(ends[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sniff");
	TCase *parts = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_add_test(parts, beginning_that_ends_is_no_request);
	tcase_add_test(parts,
		       line_that_becomes_a_request_is_held_at_its_version);
	tcase_add_test(parts, trailer_that_belongs_in_a_head_is_none);
	tcase_add_test(parts, alert_after_the_first_hello_goes_on);
	tcase_add_test(parts, encrypted_name_is_told);
	suite_add_tcase(suite, parts);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
