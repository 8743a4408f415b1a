/*
 * Which calls are a loader's own: by the process and the address.
 */
#include <check.h>
#include <stdlib.h>

#include "supervisor/loading.h"

#define BASE UINT64_C(0x7f0000000000)

START_TEST(by_process_and_address)
{
	struct loading *loading = loading_new();

	ck_assert_ptr_nonnull(loading);
	ck_assert(!loading_calls(loading, 7, BASE));
	ck_assert(!loading_calls(loading, 0, 0));
	loading_start(loading, 7, BASE);
	ck_assert(loading_calls(loading, 7, BASE));
	ck_assert(loading_calls(loading, 7, BASE + 0x1e000));
	ck_assert(!loading_calls(loading, 7, BASE - 1));
	ck_assert(!loading_calls(loading, 7, BASE + 0x30000));
	ck_assert(!loading_calls(loading, 8, BASE));
	/* Another program, at another place or without a loader. */
	loading_start(loading, 7, 2 * BASE);
	ck_assert(!loading_calls(loading, 7, BASE));
	ck_assert(loading_calls(loading, 7, 2 * BASE));
	loading_start(loading, 7, 0);
	ck_assert(!loading_calls(loading, 7, 2 * BASE));
	ck_assert(!loading_calls(loading, 7, 0x1000));
	/* One that takes its place. */
	loading_start(loading, 7, BASE);
	loading_start(loading, 7 + 4096, BASE);
	ck_assert(!loading_calls(loading, 7, BASE));
	ck_assert(loading_calls(loading, 7 + 4096, BASE));
	loading_free(loading);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loading");
	TCase *tcase = tcase_create("loading");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, by_process_and_address);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
