/*
 * What the filter lets pass at the gate, the one address that it knows, and
 * nowhere else.
 */
#include <check.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/gate.h"
#include "supervisor/arch/arch.h"
#include "supervisor/filter.h"
#include "supervisor/filter_gate.h"
#include "supervisor/syscalls.h"
#include "tests/unit/bpf.h"

#define ALLOW  SECCOMP_RET_ALLOW
#define NOTIFY SECCOMP_RET_USER_NOTIF
#define HIGH   0xdeadbeef00000000u

/* At the gate, and at the very next addresses, and with the address's upper
   half set: what a call with these arguments gets. */
static const struct {
	const char *name;
	uint64_t args[6];
	uint32_t at_gate;
} passes[] = {
	{"openat", {0, 0, O_RDONLY}, ALLOW},
	{"openat", {0, 0, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC}, ALLOW},
	{"openat", {0, 0, HIGH | O_RDONLY}, ALLOW},
	{"openat", {0, 0, 010000000 /* O_PATH */}, NOTIFY},
	{"openat", {0, 0, HIGH | 010000000}, NOTIFY},
	{"openat", {0, 0, 020000000 /* O_TMPFILE */}, NOTIFY},
	{"openat2", {0}, NOTIFY},
	{"newfstatat", {0, 0, 0, 0x100 /* AT_SYMLINK_NOFOLLOW */}, ALLOW},
	{"newfstatat", {(uint32_t)AT_FDCWD, 0, 0, 0x1000}, ALLOW},
	{"newfstatat", {UINT64_MAX, 0, 0, 0x1000}, ALLOW},
	{"newfstatat", {0, 0, 0, 0x1100}, ALLOW},
	{"newfstatat", {0, 0, 0, 0x10000}, NOTIFY},
	{"statx", {0, 0, 0x2000, 0xfff}, ALLOW},
	{"statx", {(uint32_t)AT_FDCWD, 0, 0x1000, 0xfff}, ALLOW},
	{"statx", {3, 0, 0x3000, 0xfff}, ALLOW},
	{"statx", {0, 0, 0x10000, 0xfff}, NOTIFY},
	{"faccessat", {0, 0, 4}, ALLOW},
	{"faccessat2", {0, 0, 4, 0x200 /* AT_EACCESS */}, ALLOW},
	{"faccessat2", {0, 0, 4, 0x1000}, NOTIFY},
	{"mkdirat", {0}, ALLOW},
	{"unlinkat", {0, 0, 0x200 /* AT_REMOVEDIR */}, ALLOW},
	{"unlinkat", {0, 0, 0x400}, NOTIFY},
	{"symlinkat", {0}, ALLOW},
	{"mknodat", {0, 0, 0100644 /* S_IFREG */}, ALLOW},
	{"mknodat", {0, 0, 0644}, ALLOW},
	{"mknodat", {0, 0, 0010644 /* S_IFIFO */}, NOTIFY},
	{"mknodat", {0, 0, 0020644 /* S_IFCHR */}, NOTIFY},
	{"mknodat", {0, 0, 0140644 /* S_IFSOCK */}, NOTIFY},
	{"renameat2", {0, 0, 0, 0, 1 /* RENAME_NOREPLACE */}, ALLOW},
	{"renameat2", {0, 0, 0, 0, 2 /* RENAME_EXCHANGE */}, NOTIFY},
	{"renameat2", {0, 0, 0, 0, 4 /* RENAME_WHITEOUT */}, NOTIFY},
	{"linkat", {0}, ALLOW},
	{"linkat", {0, 0, 0, 0, 0x400 /* AT_SYMLINK_FOLLOW */}, NOTIFY},
	{"linkat", {0, 0, 0, 0, 0x1000 /* AT_EMPTY_PATH */}, NOTIFY},
	{"readlinkat", {0}, NOTIFY},
	{"readlinkat", {0, 0, GATE_NOWHERE, 100}, ALLOW},
	{"readlinkat", {0, 0, GATE_NOWHERE + 1, 100}, NOTIFY},
	{"readlinkat", {0, 0, (uint32_t)GATE_NOWHERE, 100}, NOTIFY},
	{"readlinkat", {0, 0, GATE_NOWHERE ^ HIGH, 100}, NOTIFY},
	{"readlinkat", {0, 0, 0x1000, 100}, NOTIFY},
	{"readlinkat", {0, GATE_NOWHERE, 0, 100}, NOTIFY},
#ifdef __x86_64__
	{"readlink", {0, GATE_NOWHERE, 100}, ALLOW},
	{"readlink", {0, 0x1000, 100}, NOTIFY},
	{"readlink", {0, 0x1000, GATE_NOWHERE}, NOTIFY},
#endif
	{"getdents64", {0}, ALLOW},
	{"getdents64", {HIGH | 199}, ALLOW},
	{"getdents64", {200}, NOTIFY},
	{"getdents64", {HIGH | 200}, NOTIFY},
	{"getdents64", {UINT64_MAX}, NOTIFY},
	{"getdents", {0}, NOTIFY},
	{"getcwd", {0}, ALLOW},
	{"chdir", {0}, NOTIFY},
	{"fchmodat", {0}, NOTIFY},
	{"fchownat", {0}, NOTIFY},
	{"utimensat", {0}, NOTIFY},
	{"truncate", {0}, NOTIFY},
	{"getxattr", {0}, NOTIFY},
	{"inotify_add_watch", {0}, NOTIFY},
	{"connect", {0}, NOTIFY},
	{"execve", {0}, NOTIFY},
	{"execveat", {0}, NOTIFY},
	{"name_to_handle_at", {0}, NOTIFY},
};

static uint32_t at(const struct sock_fprog *program, uint64_t address,
		   int number, const uint64_t args[6])
{
	struct seccomp_data data = {
		.nr = number,
		.arch = ARCH_AUDIT,
		.instruction_pointer = address,
	};
	struct bpf_result result;

	memcpy(data.args, args, sizeof(data.args));
	ck_assert(bpf_run(program, &data, &result));
	return result.action;
}

static const struct syscall_row *row_of(const char *name)
{
	const struct syscall_row *row = syscall_rows;

	while (strcmp(row->name, name) != 0)
		row++;
	return row;
}

enum { OTHERS = 3 };
static const uint64_t others[OTHERS] = {GATE_RETURN - 1, GATE_RETURN + 1,
					UINT64_C(1) << 32 | GATE_RETURN};

/* A stat of a descriptor passes wherever it is made from. */
START_TEST(of_a_descriptor)
{
	static const struct {
		const char *name;
		uint64_t args[6];
	} stats[] = {
		{"newfstatat", {0, 0, 0, 0x1000 /* AT_EMPTY_PATH */}},
		{"newfstatat", {INT32_MAX, 0, 0, HIGH | 0x1000}},
		{"statx", {3, 0, 0x1000, 0xfff}},
	};
	const struct filter_options options = {.fence = true}, without = {0};
	struct sock_fprog fenced, open;

	ck_assert_int_eq(filter_build(&options, &fenced), 0);
	ck_assert_int_eq(filter_build(&without, &open), 0);
	for (size_t i = 0; i < sizeof(stats) / sizeof(*stats); i++) {
		int number = row_of(stats[i].name)->number;

		for (size_t j = 0; j < OTHERS; j++) {
			ck_assert_uint_eq(
				at(&fenced, others[j], number, stats[i].args),
				ALLOW);
			ck_assert_uint_eq(
				at(&open, others[j], number, stats[i].args),
				NOTIFY);
		}
	}
	filter_free(&fenced);
	filter_free(&open);
}
END_TEST

START_TEST(the_gate)
{
	const struct filter_options options = {.fence = true, .veils = true};
	const struct filter_options without = {0}, unveiled = {.fence = true};
	struct sock_fprog fenced, open, listed;

	ck_assert_int_eq(filter_build(&options, &fenced), 0);
	ck_assert_int_eq(filter_build(&without, &open), 0);
	ck_assert_int_eq(filter_build(&unveiled, &listed), 0);
	for (size_t i = 0; i < sizeof(passes) / sizeof(*passes); i++) {
		const struct syscall_row *row = row_of(passes[i].name);
		const uint64_t *args = passes[i].args;

		ck_assert_msg(at(&fenced, GATE_RETURN, row->number, args) ==
				      passes[i].at_gate,
			      "%zu: %s", i, row->name);
		for (size_t j = 0; j < OTHERS; j++)
			ck_assert_msg(at(&fenced, others[j], row->number,
					 args) == NOTIFY,
				      "%zu: %s", i, row->name);
		ck_assert_uint_eq(at(&open, GATE_RETURN, row->number, args),
				  NOTIFY);
		ck_assert_uint_eq(at(&listed, GATE_RETURN, row->number, args),
				  strcmp(row->name, "getdents64") == 0
					  ? NOTIFY
					  : passes[i].at_gate);
	}
	filter_free(&fenced);
	filter_free(&open);
	filter_free(&listed);
}
END_TEST

/* Whatever the table comes to hold: of all that is served, only these calls can
   pass, and a fence changes nothing for a call that is not. */
START_TEST(nothing_else_at_the_gate)
{
	const struct filter_options options = {.fence = true, .veils = true};
	struct sock_fprog fenced;
	size_t open = 0;

	ck_assert_int_eq(filter_build(&options, &fenced), 0);
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		struct bpf_actions found;
		size_t count;

		if (row->number < 0 || row->trap != TRAP_SERVE)
			continue;
		ck_assert(bpf_explore(&fenced, ARCH_AUDIT,
				      (uint32_t)row->number, &found));
		ck_assert_msg(found.count == (filter_gate(row, &count) ? 2 : 1),
			      "%s", row->name);
		open += found.count == 2;
	}
	ck_assert_uint_ge(open, 10);
	filter_free(&fenced);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter gate");
	TCase *tcase = tcase_create("gate");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, of_a_descriptor);
	tcase_add_test(tcase, the_gate);
	tcase_add_test(tcase, nothing_else_at_the_gate);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
