/*
 * One line of the audit log: golden lines, escapes, redaction.
 */
#include "supervisor/audit_line.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------- golden lines -- */

/* The line of a record without its seal, with and without secrets. */
static const char *line_of(const struct audit_record *record,
			   const struct redact *secrets)
{
	static char bytes[AUDIT_LINE_MAX];
	struct jtext text = {.bytes = bytes, .size = sizeof(bytes) - 1};
	struct timespec time = {1767323045, 6};
	struct audit_chain chain;

	audit_chain_init(&chain);
	ck_assert_int_eq(audit_line_add(&text, &chain, record, &time, secrets),
			 0);
	bytes[text.length] = '\0';
	return bytes;
}

#define START(event)                                                           \
	"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.000000006Z\"," event
#define PREV                                                                   \
	",\"prev\":\"00000000000000000000000000000000"                         \
	"00000000000000000000000000000000\",\"hash\":\""

START_TEST(line_has_all_fields_in_order)
{
	static const char argv[] = "cat\0-n\0a b";
	static const char stack[] = "open+0x1 libc\0(partial: \"x\")";
	struct audit_record r;

	audit_record_init(&r, AUDIT_DECISION);
	r.message = "why";
	r.status = 0;
	r.ms = 3;
	r.cpu_ms = 4;
	r.secret = "model";
	r.count = 5;
	r.bytes_in = 2;
	r.bytes_out = 1;
	r.served_fake = "aws";
	r.stack = stack;
	r.stack_length = sizeof(stack);
	r.by = AUDIT_BY_POLICY;
	r.rule_text = "fake read ~/.aws/** as aws";
	r.rule_line = 12;
	r.rule_file = "/home/u/.config/interpose/policy";
	r.verdict = "fake";
	r.subject = "/home/u/.aws/credentials";
	r.action = "read";
	r.call = "openat";
	r.cwd = "/home/u";
	r.argv = argv;
	r.argv_length = sizeof(argv);
	r.argv_more = 7;
	r.exe = "/usr/bin/cat";
	r.ppid = 10;
	r.tid = 12;
	r.pid = 11;
	ck_assert_str_eq(
		line_of(&r, NULL),
		START("\"event\":\"decision\"") ",\"pid\":11,\"tid\":12,"
						"\"ppid\":10,\"exe\":\"/usr/"
						"bin/cat\""
						",\"argv\":[\"cat\",\"-n\",\"a "
						"b\"],\"argv_more\":7"
						",\"cwd\":\"/home/"
						"u\",\"call\":\"openat\","
						"\"action\":\"read\""
						",\"subject\":\"/home/u/.aws/"
						"credentials\""
						",\"verdict\":\"fake\""
						",\"rule\":{\"file\":\"/home/u/"
						".config/interpose/policy\""
						",\"line\":12,\"text\":\"fake "
						"read ~/.aws/** as aws\"}"
						",\"by\":\"policy\",\"served\":"
						"{\"fake\":\"aws\"}"
						",\"stack\":[\"open+0x1 libc"
						"\",\"(partial: \\\"x\\\")\"]"
						",\"secret\":\"model\","
						"\"count\":5"
						",\"bytes_out\":1,\"bytes_in\":"
						"2,\"ms\":3,\"cpu_ms\":4,"
						"\"status\":0"
						",\"message\":\"why\"" PREV
						"b3763a67804437dcb80f892edbba53"
						"9d"
						"ba79e72e7a15d256d6d96b60d02100"
						"5c\"}\n");
}
END_TEST

START_TEST(line_leaves_out_what_is_absent)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_START);
	ck_assert_str_eq(line_of(&r, NULL), START("\"event\":\"start\"") PREV
			 "8ff7f774130ee65c895397e34cc34edd"
			 "e735c04a9af2b2030bbd65ad51621109\"}\n");
}
END_TEST

/* Rows: a subject and how it stands in the line. */
START_TEST(bytes_are_escaped)
{
	static const struct {
		const char *bytes, *json;
	} rows[] = {
		{"plain /a b~", "plain /a b~"},
		{"q\"b\\s/", "q\\\"b\\\\s/"},
		{"\n\t\x1b[31m\x7f", "\\u000a\\u0009\\u001b[31m\\u007f"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"a\xffz", "a\\udcffz"},
		{"\xc3", "\\udcc3"},
		{"\xc0\xaf", "\\udcc0\\udcaf"},
		{"\xed\xa0\x80", "\\udced\\udca0\\udc80"},
		{"\xf4\x90\x80\x80", "\\udcf4\\udc90\\udc80\\udc80"},
		{"\xe2\x82", "\\udce2\\udc82"},
		{"\xc2\x9b", "\\u009b"},
		{"\xe2\x80\xae", "\\u202e"},
		{"a\xc2\xa0"
		 "b\xe3\x80\x80",
		 "a\\u00a0b\\u3000"},
		{"\xe3\x85\xa4\xe2\xa0\x80", "\\u3164\\u2800"},
		{"\xef\xb8\x8f", "\\ufe0f"},
		{"\xf3\xa0\x81\x81", "\\udb40\\udc41"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct audit_record r;
		char want[256];

		audit_record_init(&r, AUDIT_ALERT);
		r.subject = rows[i].bytes;
		snprintf(want, sizeof(want), ",\"subject\":\"%s\",\"prev\"",
			 rows[i].json);
		ck_assert_msg(strstr(line_of(&r, NULL), want), "%s in %s", want,
			      line_of(&r, NULL));
	}
}
END_TEST

START_TEST(served_is_one_of_four)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_DECISION);
	r.served_fd = 0;
	ck_assert_ptr_nonnull(
		strstr(line_of(&r, NULL), ",\"served\":{\"fd\":0},"));
	r.served_fd = -1;
	r.served_errno = "EACCES";
	ck_assert_ptr_nonnull(strstr(line_of(&r, NULL),
				     ",\"served\":{\"errno\":\"EACCES\"},"));
	r.served_errno = NULL;
	r.served_address = "127.0.0.1:443";
	ck_assert_ptr_nonnull(
		strstr(line_of(&r, NULL),
		       ",\"served\":{\"address\":\"127.0.0.1:443\"},"));
}
END_TEST

START_TEST(rule_may_have_any_part)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_DECISION);
	r.rule_text = "deny read /x";
	ck_assert_ptr_nonnull(
		strstr(line_of(&r, NULL),
		       ",\"rule\":{\"text\":\"deny read /x\"},\"prev\""));
	r.rule_line = 3;
	ck_assert_ptr_nonnull(strstr(
		line_of(&r, NULL),
		",\"rule\":{\"line\":3,\"text\":\"deny read /x\"},\"prev\""));
}
END_TEST

/* ------------------------------------------------------------ redaction -- */

/* Rows: secrets (comma between), a text, what is written. */
START_TEST(secrets_are_redacted)
{
	static const struct {
		const char *secrets, *text, *json;
	} rows[] = {
		{"hunter22", "pw=hunter22", "pw=[redacted]"},
		{"hunter22", "hunter2hunter22x", "hunter2[redacted]x"},
		{"hunter22", "hunter22hunter22", "[redacted]"},
		{"hunter22", "hunter2", "hunter2"},
		{"abcdef,cdefgh", "xabcdefghx", "x[redacted]x"},
		{"abc,abcdef", "abcdefg", "[redacted]g"},
		{"aa", "aaaaa", "[redacted]"},
		/* As JSON in an argument has it, with any escape. */
		{"a\"b\\c", "{\"k\":\"a\\\"b\\\\c\"}",
		 "{\\\"k\\\":\\\"[redacted]\\\"}"},
		{"a\"b\\c", "a\"b\\c", "[redacted]"},
		{"a/b", "x a\\/b", "x [redacted]"},
		{"line1\nline2", "\\\"line1\\nline2", "\\\\\\\"[redacted]"},
		{"abc", "\\u0061b\\u0063", "[redacted]"},
		{"s\xc3\xa4", "s\\u00e4", "[redacted]"},
		{"\xf0\x9f\x98\x80", "\\uD83D\\uDE00", "[redacted]"},
		{"\xff\xfe", "\xff\xfe", "[redacted]"},
		{"\xff\xfe", "\\udcff\\udcfe", "[redacted]"},
		/* Escapes that are none. */
		{"abc", "\\u006", "\\\\u006"},
		{"abc", "ab\\", "ab\\\\"},
		{"abc", "ab\\x63", "ab\\\\x63"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct redact *secrets = redact_new();
		const char *at = rows[i].secrets;
		struct audit_record r;
		char want[256];

		while (*at) {
			size_t length = strcspn(at, ",");

			ck_assert_int_eq(redact_add(secrets, at, length), 0);
			at += length + (at[length] == ',');
		}
		audit_record_init(&r, AUDIT_ALERT);
		r.subject = rows[i].text;
		snprintf(want, sizeof(want), ",\"subject\":\"%s\",\"prev\"",
			 rows[i].json);
		ck_assert_msg(strstr(line_of(&r, secrets), want),
			      "row %zu: %s in %s", i, want,
			      line_of(&r, secrets));
		redact_free(secrets);
	}
}
END_TEST

START_TEST(secrets_are_redacted_in_every_string)
{
	static const char argv[] = "a\0--key=S3CRET\0b";
	struct redact *secrets = redact_new();
	struct audit_record r;

	audit_record_init(&r, AUDIT_ALERT);
	r.exe = r.cwd = r.subject = r.rule_file = r.rule_text = r.message =
		"/x/S3CRET/y";
	r.served_address = "S3CRET:443";
	r.argv = argv;
	r.argv_length = sizeof(argv);
	r.stack = argv;
	r.stack_length = sizeof(argv);
	ck_assert_int_eq(redact_add(secrets, "S3CRET", 6), 0);
	ck_assert_ptr_null(strstr(line_of(&r, secrets), "S3CRET"));
	redact_free(secrets);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit_line");
	TCase *tcase = tcase_create("audit_line");
	SRunner *runner = srunner_create(suite);
	int count;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, line_has_all_fields_in_order);
	tcase_add_test(tcase, line_leaves_out_what_is_absent);
	tcase_add_test(tcase, bytes_are_escaped);
	tcase_add_test(tcase, served_is_one_of_four);
	tcase_add_test(tcase, rule_may_have_any_part);
	tcase_add_test(tcase, secrets_are_redacted);
	tcase_add_test(tcase, secrets_are_redacted_in_every_string);
	srunner_run_all(runner, CK_NORMAL);
	count = srunner_ntests_failed(runner);
	srunner_free(runner);
	return count ? EXIT_FAILURE : EXIT_SUCCESS;
}
