/*
 * The first bytes of connections.
 */
#include <check.h>
#include <string.h>

#include "supervisor/net/sniff.h"

START_TEST(beginning_that_ends_is_no_request)
{
	static const struct {
		const char *bytes;
		enum sniff now, ended;
	} samples[] = {
		{"000042", SNIFF_OTHER, SNIFF_OTHER},
		{"ruok", SNIFF_OTHER, SNIFF_OTHER},
		{"STAT", SNIFF_MORE, SNIFF_OTHER},
		{"conf all", SNIFF_OTHER, SNIFF_OTHER},
		{"\r\n", SNIFF_MORE, SNIFF_OTHER},
		{"\r\nruok", SNIFF_OTHER, SNIFF_OTHER},
		{"get / HTTP/1.1", SNIFF_MORE, SNIFF_HTTP},
		{"GET\t/ HTTP/1.1", SNIFF_MORE, SNIFF_HTTP},
		{"GET /", SNIFF_MORE, SNIFF_HTTP},
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

int main(void)
{
	Suite *suite = suite_create("sniff");
	TCase *parts = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_add_test(parts, beginning_that_ends_is_no_request);
	suite_add_tcase(suite, parts);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
