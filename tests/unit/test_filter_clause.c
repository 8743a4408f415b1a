/*
 * The compiler of clauses: what it makes of lists drawn at random says what the
 * clauses say. And the tree over the numbers that stands before them.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/arch/arch.h"
#include "supervisor/filter_clause.h"
#include "supervisor/filter_tree.h"
#include "tests/unit/bpf.h"
#include "tests/unit/draw.h"

#define CLAUSES	    8
#define LISTS	    2000
#define LIST_INPUTS 200

static const struct filter_options options = {.privileged = true};

/* Few halves, masks and values, so that neighbours share what they load, and
   comparisons come out both ways. */
static uint8_t draw_half(void)
{
	return (uint8_t)(offsetof(struct seccomp_data, args) +
			 4 * draw_below(3));
}

static uint32_t draw_value(void)
{
	static const uint32_t values[] = {0, 1,	     2,		 3,
					  4, 0x1002, 0xffffffff, 0x80000001};

	return values[draw_below(8)];
}

static struct filter_condition draw_condition(void)
{
	static const uint32_t masks[] = {FILTER_ALL, FILTER_ALL, 0xffff, 0x3,
					 0xff00};

	return (struct filter_condition){
		.half = draw_half(),
		.comparison = (enum filter_comparison)(1 + draw_below(5)),
		.mask = masks[draw_below(5)],
		.value = draw_value(),
	};
}

/** A list of clauses; each has an errno of its own. */
static size_t draw_list(struct filter_clause list[CLAUSES])
{
	const size_t count = 1 + draw_below(CLAUSES);

	memset(list, 0, CLAUSES * sizeof(list[0]));
	for (size_t i = 0; i < count; i++) {
		list[i].error = (int)i + 1;
		if (i + 1 == count)
			break;
		list[i].when[0] = draw_condition();
		if (draw_below(2) == 1)
			list[i].when[1] = draw_condition();
	}
	return count;
}

static bool holds(const struct filter_condition *when,
		  const struct seccomp_data *data)
{
	uint32_t half;

	memcpy(&half, (const char *)data + when->half, sizeof(half));
	half &= when->mask;
	switch (when->comparison) {
	case COMPARE_NONE:
		return true;
	case COMPARE_EQ:
		return half == when->value;
	case COMPARE_NE:
		return half != when->value;
	case COMPARE_GE:
		return half >= when->value;
	case COMPARE_LE:
		return half <= when->value;
	case COMPARE_ANY:
		return (half & when->value) != 0;
	}
	return false;
}

static uint32_t first_that_holds(const struct filter_clause *list,
				 const struct seccomp_data *data)
{
	while (!holds(&list->when[0], data) || !holds(&list->when[1], data))
		list++;
	return filter_clause_action(list, &options);
}

START_TEST(code_says_what_the_clauses_say)
{
	static struct filter_program code;

	for (int i = 0; i < LISTS; i++) {
		struct filter_clause list[CLAUSES];
		const size_t count = draw_list(list);
		struct sock_fprog program = {.filter = code.code};

		code.length = 0;
		ck_assert_int_eq(
			filter_clauses_emit(list, count, &options, &code), 0);
		program.len = (unsigned short)code.length;
		for (int j = 0; j < LIST_INPUTS; j++) {
			struct seccomp_data data = {0};
			struct bpf_result result;

			for (int k = 0; k < 2; k++)
				data.args[k] = (uint64_t)draw_value() << 32 |
					       draw_value();
			ck_assert(bpf_run(&program, &data, &result));
			ck_assert_uint_eq(result.action,
					  first_that_holds(list, &data));
		}
	}
}
END_TEST

START_TEST(neighbours_share_a_load)
{
	static const struct filter_clause list[] = {
		{ANSWER_ALLOW, 0, {{16, COMPARE_EQ, FILTER_ALL, 1}}},
		{ANSWER_ALLOW, 0, {{16, COMPARE_EQ, FILTER_ALL, 2}}},
		{.answer = ANSWER_NOTIFY},
	};
	static struct filter_program code;

	ck_assert_int_eq(filter_clauses_emit(list, 3, &options, &code), 0);
	ck_assert_uint_eq(code.length, 6);
}
END_TEST

START_TEST(a_list_without_an_end_is_refused)
{
	static const struct filter_clause list[] = {
		{ANSWER_ALLOW, 0, {{16, COMPARE_EQ, FILTER_ALL, 1}}},
	};
	static struct filter_program code;
	uint32_t action;

	ck_assert_int_eq(filter_clauses_emit(list, 1, &options, &code),
			 -EINVAL);
	ck_assert_int_eq(filter_clauses_emit(NULL, 0, &options, &code),
			 -EINVAL);
	ck_assert(!filter_clauses_constant(NULL, 0, &options, &action));
}
END_TEST

START_TEST(a_full_program_is_refused)
{
	static const struct filter_clause list[] = {
		{.answer = ANSWER_NOTIFY},
	};
	static struct filter_program code = {.length = BPF_MAXINSNS - 1};

	ck_assert_int_eq(filter_clauses_emit(list, 1, &options, &code), -E2BIG);
}
END_TEST

/* Spans of one to three numbers, so many that jumps are too far for a byte. */
START_TEST(a_tree_gives_each_number_its_answer)
{
	enum { NUMBERS = 2000, OTHERWISE = SECCOMP_RET_ERRNO | 4000 };
	static uint32_t actions[NUMBERS];
	static struct filter_program code;
	const size_t counts[] = {1, 2, 3, 500, NUMBERS};

	for (uint32_t i = 0; i < NUMBERS; i++)
		actions[i] = SECCOMP_RET_ERRNO |
			     (i % 3 ? draw_below(2) : draw_below(3000));
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		code.length = 0;
		ck_assert_int_eq(
			filter_tree_emit(actions, counts[c], OTHERWISE, &code),
			0);
		const struct sock_fprog program = {(unsigned short)code.length,
						   code.code};

		for (uint32_t i = 0; i < NUMBERS + 10; i++) {
			struct seccomp_data data = {.nr = (int)i,
						    .arch = ARCH_AUDIT};
			struct bpf_result result;

			ck_assert(bpf_run(&program, &data, &result));
			ck_assert_uint_eq(result.action, i < counts[c]
								 ? actions[i]
								 : OTHERWISE);
			ck_assert_uint_le(result.steps, 35);
		}
	}
	ck_assert_uint_gt(code.length, 2000);
	code.length = 1000;
	ck_assert_int_eq(filter_tree_emit(actions, NUMBERS, OTHERWISE, &code),
			 -E2BIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter clauses");
	TCase *tcase = tcase_create("compiler");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, code_says_what_the_clauses_say);
	tcase_add_test(tcase, neighbours_share_a_load);
	tcase_add_test(tcase, a_list_without_an_end_is_refused);
	tcase_add_test(tcase, a_full_program_is_refused);
	tcase_add_test(tcase, a_tree_gives_each_number_its_answer);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
