/* The table of system calls, on both architectures. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/syscalls.h"
#include "tests/unit/headers.h"
#include "tests/unit/table_aarch64.h"

#define SHAPES 6

struct table {
	const char *name;
	const struct syscall_row *rows;
	const size_t *count;
	const struct syscall_row *(*find)(int number);
	const char *const *headers; /**< where this architecture's may be */
};

#if defined(__x86_64__)
static const char *const native_headers[] = {
	"/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
	"/usr/include/asm/unistd_64.h",
	NULL,
};
#else
static const char *const native_headers[] = {
	"/usr/include/asm-generic/unistd.h",
	NULL,
};
#endif

static const char *const generic_headers[] = {
	"/usr/include/asm-generic/unistd.h",
	"/usr/aarch64-linux-gnu/include/asm-generic/unistd.h",
	NULL,
};

static const struct table tables[] = {
	{"native", syscall_rows, &syscall_row_count, syscall_row,
	 native_headers},
	{"aarch64", aarch64_rows, &aarch64_row_count, aarch64_row,
	 generic_headers},
};

#define TABLES (int)(sizeof(tables) / sizeof(tables[0]))

static size_t shape_count(const struct syscall_row *row)
{
	size_t count = 0;

	while (count < SHAPES && row->shape[count] != SHAPE_NONE)
		count++;
	return count;
}

START_TEST(names_and_numbers_are_unique)
{
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < *table->count; i++) {
		const struct syscall_row *a = &table->rows[i];

		for (size_t j = i + 1; j < *table->count; j++) {
			const struct syscall_row *b = &table->rows[j];

			ck_assert_str_ne(a->name, b->name);
			ck_assert_msg(a->number < 0 || a->number != b->number,
				      "%s and %s are both %d", a->name, b->name,
				      a->number);
		}
	}
}
END_TEST

START_TEST(every_number_finds_its_row)
{
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < *table->count; i++) {
		const struct syscall_row *row = &table->rows[i];

		if (row->number >= 0)
			ck_assert_ptr_eq(table->find(row->number), row);
	}
}
END_TEST

START_TEST(other_numbers_find_none)
{
	static const int none[] = {-1,	    -2,	     INT_MIN,	1023,
				   1024,    4096,    INT_MAX,	0x40000000,
				   0x10000, -100000, 0x40000101};
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_ptr_null(table->find(none[i]));
	for (int number = 0; number < 4096; number++) {
		const struct syscall_row *row = table->find(number);

		ck_assert(!row || row->number == number);
	}
}
END_TEST

START_TEST(rows_say_what_their_trap_needs)
{
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < *table->count; i++) {
		const struct syscall_row *row = &table->rows[i];
		const bool notified = row->trap == TRAP_SERVE ||
				      row->trap == TRAP_CREDENTIALS;

		ck_assert_int_ne(row->trap, TRAP_UNKNOWN);
		ck_assert_msg((row->trap == TRAP_REFUSE) == (row->error > 0),
			      "%s: errno %d", row->name, row->error);
		ck_assert_msg((row->trap == TRAP_ARGUMENTS) ==
				      (row->test != TEST_NONE),
			      "%s: test %d", row->name, (int)row->test);
		if (row->trap != TRAP_ARGUMENTS)
			ck_assert_msg(notified == (row->handler != NULL),
				      "%s: handler", row->name);
	}
}
END_TEST

START_TEST(shapes_have_no_gap_and_bases_have_paths)
{
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < *table->count; i++) {
		const struct syscall_row *row = &table->rows[i];
		const size_t count = shape_count(row);

		for (size_t j = count; j < SHAPES; j++)
			ck_assert_msg(row->shape[j] == SHAPE_NONE,
				      "%s: gap before argument %zu", row->name,
				      j);
		for (size_t j = 0; j < count; j++)
			ck_assert_msg(row->shape[j] != SHAPE_DIRFD ||
					      (j + 1 < count &&
					       row->shape[j + 1] == SHAPE_PATH),
				      "%s: a base without a path", row->name);
	}
}
END_TEST

/* A call that may run untouched although a pointer of its matters, and why that
   is sound. A path is never among them. */
static const struct {
	const char *name;
	const char *reason;
} justified[] = {
	{"fcntl", "F_SETOWN_EX alone reads what matters, and is refused where "
		  "the kernel does not keep signals inside"},
	{"ioctl", "commands that change a file are notified, those that name "
		  "a process or a namespace refused"},
	{"sendto", "native with no address only"},
	{"setsockopt", "acts on a socket that was allowed; source routes are refused, "
		       "others that reach further ask for capabilities"},
};

static const char *justification(const char *name)
{
	for (size_t i = 0; i < sizeof(justified) / sizeof(justified[0]); i++) {
		if (strcmp(justified[i].name, name) == 0)
			return justified[i].reason;
	}
	return NULL;
}

START_TEST(no_pointer_that_matters_is_native)
{
	const struct table *table = &tables[_i];
	size_t seen = 0;

	for (size_t i = 0; i < *table->count; i++) {
		const struct syscall_row *row = &table->rows[i];
		bool matters = false;

		if (row->trap == TRAP_SERVE || row->trap == TRAP_REFUSE)
			continue;
		for (size_t j = 0; j < SHAPES; j++) {
			ck_assert_msg(row->shape[j] != SHAPE_PATH,
				      "%s: a path, and not trapped", row->name);
			matters |= row->shape[j] == SHAPE_IN;
		}
		if (!matters)
			continue;
		ck_assert_msg(justification(row->name) != NULL,
			      "%s: a pointer that matters, and not trapped",
			      row->name);
		seen++;
	}
	ck_assert_uint_eq(seen, sizeof(justified) / sizeof(justified[0]));
}
END_TEST

static const struct syscall_row *row_by_name(const struct table *table,
					     const char *name)
{
	for (size_t i = 0; i < *table->count; i++) {
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

START_TEST(agrees_with_the_kernel_headers)
{
	static struct header_call calls[1024];
	const struct table *table = &tables[_i];
	size_t count = 0;

	for (size_t i = 0; table->headers[i] && count == 0; i++)
		count = headers_read(table->headers[i], calls, 1024);
	if (count == 0) {
		printf("SKIP: no kernel headers for the %s table\n",
		       table->name);
		return;
	}
	ck_assert_uint_gt(count, 280);
	for (size_t i = 0; i < count; i++) {
		const struct syscall_row *row =
			row_by_name(table, calls[i].name);

		ck_assert_msg(row != NULL, "%s (%d) has no row", calls[i].name,
			      calls[i].number);
		ck_assert_msg(row->number == calls[i].number,
			      "%s: %d in the table, %d in the header",
			      row->name, row->number, calls[i].number);
	}
}
END_TEST

/* Both architectures number the calls from pidfd_send_signal on alike. */
START_TEST(new_numbers_are_the_same_everywhere)
{
	ck_assert_uint_eq(syscall_row_count, aarch64_row_count);
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *native = &syscall_rows[i];
		const struct syscall_row *other = &aarch64_rows[i];

		ck_assert_str_eq(native->name, other->name);
		ck_assert_int_eq(native->trap, other->trap);
		if (native->number >= 424 || other->number >= 424)
			ck_assert_int_eq(native->number, other->number);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *both = tcase_create("both architectures");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(both, names_and_numbers_are_unique, 0, TABLES);
	tcase_add_loop_test(both, every_number_finds_its_row, 0, TABLES);
	tcase_add_loop_test(both, other_numbers_find_none, 0, TABLES);
	tcase_add_loop_test(both, rows_say_what_their_trap_needs, 0, TABLES);
	tcase_add_loop_test(both, shapes_have_no_gap_and_bases_have_paths, 0,
			    TABLES);
	tcase_add_loop_test(both, no_pointer_that_matters_is_native, 0, TABLES);
	tcase_add_loop_test(both, agrees_with_the_kernel_headers, 0, TABLES);
	tcase_add_test(both, new_numbers_are_the_same_everywhere);
	suite_add_tcase(suite, both);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
