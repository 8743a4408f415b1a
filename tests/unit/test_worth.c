/*
 * Which programs load the library: by how their starts before ended, and by the
 * calls of those that did without.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/worth.h"

enum { QUICK = 900000, SLOW = 30000000, MANY = 40, OTHER = 3000 };

static struct worth *worth;
static pid_t next_pid;

static void set_up(void)
{
	worth = worth_new();
	ck_assert_ptr_nonnull(worth);
	next_pid = 100;
}

static void tear_down(void)
{
	worth_free(worth);
}

static struct worth_program program(ino_t inode, const char *argv, size_t size)
{
	return (struct worth_program){
		.device = 1, .inode = inode, .argv = argv, .argv_length = size};
}

static const char plain[] = "true\0one";
static const char option[] = "true\0-c\0one";

/* Start it, have it make calls and end. Returns whether it loads. */
static bool run(const struct worth_program *what, int calls, int64_t ns)
{
	pid_t pid = next_pid++;
	bool loads = worth_start(worth, pid, what);

	for (int i = 0; i < calls; i++)
		worth_call(worth, pid, SYS_openat);
	worth_end(worth, pid, ns);
	return loads;
}

/* How many starts load it until one does without; MANY at most. */
static int until_without(const struct worth_program *what, int64_t ns)
{
	int count = 0;

	while (count < MANY && run(what, 4, ns))
		count++;
	return count;
}

START_TEST(quick_ones_do_without)
{
	struct worth_program quick = program(7, plain, sizeof(plain));
	struct worth_program slow = program(8, plain, sizeof(plain));

	ck_assert_int_eq(until_without(&quick, QUICK), 3);
	for (int i = 0; i < MANY; i++)
		ck_assert(!run(&quick, 4, QUICK));
	ck_assert_int_eq(until_without(&slow, SLOW), MANY);
}
END_TEST

START_TEST(who_makes_many_calls_loads)
{
	struct worth_program what = program(7, plain, sizeof(plain));

	ck_assert_int_eq(until_without(&what, QUICK), 3);
	ck_assert(!run(&what, 100, SLOW));
	ck_assert_int_eq(until_without(&what, QUICK), 12);
	/* While it has the library its calls tell nothing. */
	ck_assert(!run(&what, 100, SLOW));
	for (int i = 0; i < 47; i++)
		ck_assert(run(&what, 100, QUICK));
	ck_assert(run(&what, 100, QUICK));
	ck_assert(!run(&what, 4, QUICK));
}
END_TEST

START_TEST(one_of_them_is_told_of_once)
{
	struct worth_program what = program(7, plain, sizeof(plain));
	pid_t pid = 50;

	ck_assert_int_eq(until_without(&what, QUICK), 3);
	ck_assert(!worth_start(worth, pid, &what));
	for (int i = 0; i < 100; i++)
		worth_call(worth, pid, SYS_openat);
	ck_assert_int_eq(until_without(&what, QUICK), 12);
	for (int i = 0; i < 100; i++)
		worth_call(worth, pid, SYS_openat);
	ck_assert(!run(&what, 4, QUICK));
}
END_TEST

START_TEST(other_calls_count_for_nothing)
{
	struct worth_program what = program(7, plain, sizeof(plain));
	pid_t pid = 50;

	ck_assert_int_eq(until_without(&what, QUICK), 3);
	ck_assert(!worth_start(worth, pid, &what));
	for (int i = 0; i < 100; i++) {
		worth_call(worth, pid, SYS_execve);
		worth_call(worth, pid, SYS_connect);
	}
	ck_assert(!run(&what, 4, QUICK));
}
END_TEST

START_TEST(what_it_is)
{
	struct worth_program one = program(7, plain, sizeof(plain));
	struct worth_program with = program(7, option, sizeof(option));
	struct worth_program none = program(7, NULL, 0);

	ck_assert_int_eq(until_without(&one, QUICK), 3);
	ck_assert_int_eq(until_without(&with, QUICK), 3);
	ck_assert(!run(&none, 4, QUICK));
	/* More programs than there is room for: those that come are learned
	   anew, and nothing else. */
	for (ino_t i = 0; i < OTHER; i++) {
		struct worth_program other =
			program(1000 + i, plain, sizeof(plain));

		ck_assert(run(&other, 4, QUICK));
	}
	ck_assert(worth_start(NULL, 1, &one));
	worth_call(NULL, 1, SYS_openat);
	worth_end(NULL, 1, 1);
}
END_TEST

/* A fork runs its parent's program. */
START_TEST(forks_count_for_their_parent)
{
	struct worth_program what = program(7, plain, sizeof(plain));
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(until_without(&what, QUICK), 3);
	ck_assert(!worth_start(worth, getpid(), &what));
	for (int i = 0; i < 100; i++)
		worth_call(worth, child, SYS_openat);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert(run(&what, 4, QUICK));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worth");
	TCase *tcase = tcase_create("worth");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, quick_ones_do_without);
	tcase_add_test(tcase, who_makes_many_calls_loads);
	tcase_add_test(tcase, one_of_them_is_told_of_once);
	tcase_add_test(tcase, other_calls_count_for_nothing);
	tcase_add_test(tcase, what_it_is);
	tcase_add_test(tcase, forks_count_for_their_parent);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
