/*
 * The filter, run by an interpreter: every row, every number that has none,
 * and the arguments that the tests of arguments are about.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "supervisor/arch/arch.h"
#include "supervisor/filter.h"
#include "supervisor/syscalls.h"
#include "tests/unit/bpf.h"

#define ALLOW	    SECCOMP_RET_ALLOW
#define NOTIFY	    SECCOMP_RET_USER_NOTIF
#define KILL	    SECCOMP_RET_KILL_PROCESS
#define FAIL(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))

/** What every column of the tables below stands for. */
enum setting { USER, SCOPED, ROOT, ROOT_SCOPED, SETTINGS };

static const struct filter_options settings[SETTINGS] = {
	[USER] = {.landlock_signal_scope = false, .privileged = false},
	[SCOPED] = {.landlock_signal_scope = true, .privileged = false},
	[ROOT] = {.landlock_signal_scope = false, .privileged = true},
	[ROOT_SCOPED] = {.landlock_signal_scope = true,
			 .privileged = true,
			 .broker = true,
			 .veils = true,
			 .tracing = true},
};

static struct sock_fprog programs[SETTINGS];

static void build(void)
{
	for (int i = 0; i < SETTINGS; i++)
		ck_assert_int_eq(filter_build(&settings[i], &programs[i]), 0);
}

static void drop(void)
{
	for (int i = 0; i < SETTINGS; i++)
		filter_free(&programs[i]);
}

static struct bpf_result run(int setting, uint32_t arch, uint32_t number,
			     const uint64_t args[6])
{
	struct seccomp_data data = {.nr = (int)number, .arch = arch};
	struct bpf_result result;

	data.instruction_pointer = 0x7ffff7e00000;
	memcpy(data.args, args, sizeof(data.args));
	ck_assert(bpf_run(&programs[setting], &data, &result));
	return result;
}

/* Arguments that a row without a test must not care about. */
static const uint64_t patterns[][6] = {
	{0, 0, 0, 0, 0, 0},
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
	 UINT64_MAX},
	{1, 2, 3, 4, 5, 6},
	{1ULL << 63, 1ULL << 32, 1ULL << 31, 0xffffffff00000000, 0x5412, 1},
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/** What a row without a test comes to. */
static uint32_t expected_action(const struct syscall_row *row, int setting)
{
	switch (row->trap) {
	case TRAP_NATIVE:
		return ALLOW;
	case TRAP_SERVE:
		return NOTIFY;
	case TRAP_REFUSE:
		return FAIL(row->error);
	case TRAP_CREDENTIALS:
		return settings[setting].privileged ? NOTIFY : ALLOW;
	default:
		ck_abort_msg("%s has a test", row->name);
	}
}

START_TEST(rows_without_a_test_get_one_answer)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];

		if (row->number < 0 || row->trap == TRAP_ARGUMENTS)
			continue;
		for (size_t j = 0; j < PATTERNS; j++) {
			const struct bpf_result result =
				run(_i, ARCH_AUDIT, (uint32_t)row->number,
				    patterns[j]);

			ck_assert_msg(result.action == expected_action(row, _i),
				      "%s: action %#x", row->name,
				      result.action);
		}
	}
}
END_TEST

/* Then the kernel (5.11) finds that out once, and answers from a bitmap. */
START_TEST(native_calls_are_answered_without_a_look_at_arguments)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];

		if (row->number < 0 || row->trap == TRAP_ARGUMENTS)
			continue;
		for (size_t j = 0; j < PATTERNS; j++)
			ck_assert_msg(!run(_i, ARCH_AUDIT,
					   (uint32_t)row->number, patterns[j])
					       .arguments,
				      "%s", row->name);
	}
}
END_TEST

/* A tree: a list would be hundreds. */
START_TEST(answers_are_near)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		const size_t most = row->trap == TRAP_ARGUMENTS ? 64 : 24;

		if (row->number < 0)
			continue;
		for (size_t j = 0; j < PATTERNS; j++) {
			const size_t steps =
				run(_i, ARCH_AUDIT, (uint32_t)row->number,
				    patterns[j])
					.steps;

			ck_assert_msg(steps <= most, "%s: %zu instructions",
				      row->name, steps);
		}
	}
}
END_TEST

START_TEST(numbers_without_a_row_are_enosys)
{
	for (uint32_t number = 0; number < 5000; number++) {
		if (syscall_row((int)number))
			continue;
		ck_assert_uint_eq(
			run(_i, ARCH_AUDIT, number, patterns[2]).action,
			FAIL(ENOSYS));
	}
	ck_assert_uint_eq(run(_i, ARCH_AUDIT, 0x3fffffff, patterns[2]).action,
			  FAIL(ENOSYS));
	/* What a tracer writes to skip a call. */
	ck_assert_uint_eq(run(_i, ARCH_AUDIT, UINT32_MAX, patterns[2]).action,
			  FAIL(ENOSYS));
}
END_TEST

START_TEST(other_architectures_are_killed)
{
	static const uint32_t others[] = {
		AUDIT_ARCH_I386, AUDIT_ARCH_ARM,	  AUDIT_ARCH_ARMEB,
		AUDIT_ARCH_MIPS, AUDIT_ARCH_RISCV64,	  0,
		UINT32_MAX,	 ARCH_AUDIT ^ 0x80000000,
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (uint32_t number = 0; number < 500; number++)
			ck_assert_uint_eq(
				run(_i, others[i], number, patterns[0]).action,
				KILL);
	}
}
END_TEST

/* Elsewhere the bit that marks an x32 call makes a number without a row. */
#if defined(__x86_64__)
#define X32 KILL
#else
#define X32 FAIL(ENOSYS)
#endif

START_TEST(x32_is_killed)
{
	static const uint32_t more[] = {0x40000000, 0x40000200, 0x400003ff,
					0x7fffffff, 0x80000000, 0xc0000101,
					0xfffffffe};

	for (uint32_t number = 0; number < 600; number++)
		ck_assert_uint_eq(
			run(_i, ARCH_AUDIT, 0x40000000 | number, patterns[0])
				.action,
			X32);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		ck_assert_uint_eq(
			run(_i, ARCH_AUDIT, more[i], patterns[0]).action, X32);
}
END_TEST

/* What is notified has a handler, and a handler has something to serve. */
START_TEST(handlers_are_those_that_can_be_notified)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		bool notified = false;

		if (row->number < 0)
			continue;
		for (int setting = 0; setting < SETTINGS; setting++) {
			struct bpf_actions found;

			ck_assert(bpf_explore(&programs[setting], ARCH_AUDIT,
					      (uint32_t)row->number, &found));
			for (size_t j = 0; j < found.count; j++)
				notified |= found.actions[j] == NOTIFY;
		}
		ck_assert_msg(notified == (row->handler != NULL), "%s",
			      row->name);
	}
}
END_TEST

/* The placeholders are gone, and nothing else that a filter could say is in. */
START_TEST(actions_are_four)
{
	const struct sock_fprog *program = &programs[_i];

	ck_assert_uint_le(program->len, BPF_MAXINSNS);
	for (size_t i = 0; i < program->len; i++) {
		const struct sock_filter *insn = &program->filter[i];

		if (insn->code != (BPF_RET | BPF_K))
			continue;
		ck_assert(insn->k == ALLOW || insn->k == NOTIFY ||
			  insn->k == KILL ||
			  (insn->k & SECCOMP_RET_ACTION_FULL) ==
				  SECCOMP_RET_ERRNO);
	}
}
END_TEST

/* Bits that the kernel drops where it takes an int. */
#define HIGH 0xdeadbeef00000000u

#define E(name) FAIL(E##name)
#define SAME(a)                                                                \
	{                                                                      \
		(a), (a), (a), (a)                                             \
	}
#define BY_SCOPE(bare, scoped)                                                 \
	{                                                                      \
		(bare), (scoped), (bare), (scoped)                             \
	}
#define WITH_BROKER(none, broker)                                              \
	{                                                                      \
		(none), (none), (none), (broker)                               \
	}
#define WITH_VEILS(none, veils) WITH_BROKER(none, veils)
#define BY_ROOT(user, root)                                                    \
	{                                                                      \
		(user), (user), (root), (root)                                 \
	}

struct expectation {
	const char *name;
	uint64_t args[6];
	uint32_t action[SETTINGS];
};

/* clang-format off */

static const struct expectation expectations[] = {
	{ "fcntl", { 3, F_GETFL },           SAME(ALLOW) },
	{ "fcntl", { 3, F_SETFL, O_APPEND }, SAME(ALLOW) },
	{ "fcntl", { 3, 8 /* F_SETOWN */ },  BY_SCOPE(NOTIFY, ALLOW) },
	{ "fcntl", { 3, HIGH | 8 },          BY_SCOPE(NOTIFY, ALLOW) },
	{ "fcntl", { 3, 15 /* SETOWN_EX */ }, BY_SCOPE(E(PERM), ALLOW) },
	{ "fcntl", { 3, HIGH | 15 },         BY_SCOPE(E(PERM), ALLOW) },
	{ "fcntl", { 3, 1040 /* SETDELEG */ }, SAME(E(INVAL)) },
	{ "fcntl", { 3, F_SETLEASE, F_RDLCK }, SAME(ALLOW) },
	{ "fcntl", { 199, 0 /* F_DUPFD */ }, SAME(ALLOW) },
	{ "fcntl", { 200, HIGH },            WITH_VEILS(ALLOW, NOTIFY) },
	{ "fcntl", { HIGH | 999, F_DUPFD_CLOEXEC, 3 }, WITH_VEILS(ALLOW, NOTIFY) },
	{ "fcntl", { 999, F_GETFD },         SAME(ALLOW) },

	{ "dup", { 199 },                    SAME(ALLOW) },
	{ "dup", { HIGH | 3 },               SAME(ALLOW) },
	{ "dup", { 200 },                    WITH_VEILS(ALLOW, NOTIFY) },
	{ "dup", { HIGH | 200 },             WITH_VEILS(ALLOW, NOTIFY) },
	{ "dup", { UINT64_MAX },             WITH_VEILS(ALLOW, NOTIFY) },
	{ "dup2", { 3, 200 },                SAME(ALLOW) },
	{ "dup2", { 200, 3 },                WITH_VEILS(ALLOW, NOTIFY) },
	{ "dup3", { 3, 200 },                SAME(ALLOW) },
	{ "dup3", { HIGH | 200, 3 },         WITH_VEILS(ALLOW, NOTIFY) },

	{ "ioctl", { 0, 0x5401 /* TCGETS */ },     SAME(ALLOW) },
	{ "ioctl", { 0, 0x5413 /* TIOCGWINSZ */ }, SAME(ALLOW) },
	{ "ioctl", { 0, 0x5411 /* just below */ }, SAME(ALLOW) },
	{ "ioctl", { 0, 0x5412 /* TIOCSTI */ },    SAME(E(PERM)) },
	{ "ioctl", { 0, 0x100005412 },             SAME(E(PERM)) },
	{ "ioctl", { 0, HIGH | 0x5412 },           SAME(E(PERM)) },
	{ "ioctl", { 0, 0x541c /* TIOCLINUX */ },  SAME(E(PERM)) },
	{ "ioctl", { 0, HIGH | 0x541c },           SAME(E(PERM)) },
	{ "ioctl", { 0, 0x5423 /* TIOCSETD */ },   SAME(E(PERM)) },
	{ "ioctl", { 0, 0x541d /* TIOCCONS */ },   SAME(E(PERM)) },
	{ "ioctl", { 0, 0x5441 /* TIOCGPTPEER */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x5421 /* FIONBIO */ },    SAME(ALLOW) },
	{ "ioctl", { 3, 0x8901 /* FIOSETOWN */ },  BY_SCOPE(E(PERM), ALLOW) },
	{ "ioctl", { 3, 0x8902 /* SIOCSPGRP */ },  BY_SCOPE(E(PERM), ALLOW) },
	{ "ioctl", { 3, 0x8903 /* FIOGETOWN */ },  SAME(ALLOW) },
	{ "ioctl", { 3, 0x80086601 /* GETFLAGS */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x40086602 /* SETFLAGS */ }, SAME(NOTIFY) },
	{ "ioctl", { 3, HIGH | 0x40086602 },       SAME(NOTIFY) },
	{ "ioctl", { 3, 0x801c581f /* FSGETXATTR */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x401c5820 /* FSSETXATTR */ }, SAME(NOTIFY) },
	{ "ioctl", { 3, 0x40087602 /* SETVERSION */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0x40086604 },              SAME(E(PERM)) },
	{ "ioctl", { 3, 0x800c6613 },              SAME(E(PERM)) },
	{ "ioctl", { 3, HIGH | 0x40806685 },       SAME(E(PERM)) },
	{ "ioctl", { 3, 0x40047211 /* FAT */ },    SAME(E(PERM)) },
	{ "ioctl", { 3, 0x80047210 /* FAT, get */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0xc0506617 /* a key */ },  SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc0406619 },              SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc080661a /* status */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x6616 /* just below */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x40186f04 /* REFLINK */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0x4020bc10 /* bcachefs */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0x40049409 /* FICLONE */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x4020940d /* FICLONERANGE */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0xc0189436 /* FIDEDUPERANGE */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x5000940e /* SUBVOL_CREATE */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0x5000940f /* SNAP_DESTROY */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc038586b /* by handle */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc0045877 /* FIFREEZE */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0x5860 },                  SAME(E(PERM)) },
	{ "ioctl", { 3, 0x58ff },                  SAME(E(PERM)) },
	{ "ioctl", { 3, 0x585f /* just below */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0x5900 /* just above */ }, SAME(ALLOW) },
	{ "ioctl", { 3, 0xb701 /* NS_GET_USERNS */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xb702 /* NS_GET_PARENT */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, HIGH | 0xb702 },           SAME(E(PERM)) },
	{ "ioctl", { 3, 0x8010b70a /* MNT_GET_INFO */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xaa00 /* USERFAULTFD_IOC_NEW */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc018aa3f /* UFFDIO_API */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xff00 },                  SAME(ALLOW) },
	{ "ioctl", { 3, 0xff01 /* a namespace */ }, SAME(E(PERM)) },
	{ "ioctl", { 3, 0xff0a },                  SAME(E(PERM)) },
	{ "ioctl", { 3, 0xc040ff0b /* GET_INFO */ }, SAME(ALLOW) },

	{ "clone", { 17 /* SIGCHLD: fork */ },     SAME(ALLOW) },
	{ "clone", { 0x4111 /* vfork */ },         SAME(ALLOW) },
	{ "clone", { 0x3d0f00 /* a thread */ },    SAME(ALLOW) },
	{ "clone", { CLONE_NEWUSER | 17 },         SAME(E(PERM)) },
	{ "clone", { HIGH | CLONE_NEWUSER },       SAME(E(PERM)) },
	{ "clone", { CLONE_NEWNS },                SAME(E(PERM)) },
	{ "clone", { CLONE_NEWPID },               SAME(E(PERM)) },
	{ "clone", { CLONE_NEWNET },               SAME(E(PERM)) },
	{ "clone", { CLONE_NEWUTS },               SAME(E(PERM)) },
	{ "clone", { CLONE_NEWIPC },               SAME(E(PERM)) },
	{ "clone", { CLONE_NEWCGROUP },            SAME(E(PERM)) },
	{ "clone", { HIGH | 17 },                  SAME(ALLOW) },
	{ "unshare", { 0 },                        SAME(ALLOW) },
	{ "unshare", { CLONE_FS | CLONE_FILES },   SAME(ALLOW) },
	{ "unshare", { CLONE_NEWUSER },            SAME(E(PERM)) },
	{ "unshare", { CLONE_FS | CLONE_NEWNS },   SAME(E(PERM)) },
	{ "unshare", { 0x80 /* CLONE_NEWTIME */ }, SAME(E(PERM)) },
	{ "unshare", { HIGH | CLONE_NEWNET },      SAME(E(PERM)) },

	{ "personality", { 0xffffffff },           SAME(ALLOW) },
	{ "personality", { UINT64_MAX },           SAME(ALLOW) },
	{ "personality", { 0 },                    SAME(ALLOW) },
	/* As with a broker: where tracing is allowed. */
	{ "personality", { 0x40000 },              WITH_BROKER(ALLOW, E(PERM)) },
	{ "ptrace", { 0 },                         WITH_BROKER(E(PERM), NOTIFY) },
	{ "ptrace", { 16, 1 },                     WITH_BROKER(E(PERM), NOTIFY) },
	{ "process_vm_readv", { 1 },               WITH_BROKER(E(PERM), NOTIFY) },
	{ "process_vm_writev", { 1 },              WITH_BROKER(E(PERM), NOTIFY) },
	{ "personality", { 8 /* PER_LINUX32 */ },  SAME(E(PERM)) },
	{ "personality", { 0x400000 },             SAME(E(PERM)) },
	{ "personality", { HIGH | 0x440000 },      SAME(E(PERM)) },

	{ "prctl", { PR_SET_NAME },                SAME(ALLOW) },
	{ "prctl", { PR_SET_NO_NEW_PRIVS, 1 },     SAME(ALLOW) },
	{ "prctl", { PR_SET_PDEATHSIG, 9 },        SAME(ALLOW) },
	{ "prctl", { PR_SET_SECCOMP, 2 },          SAME(NOTIFY) },
	{ "prctl", { PR_GET_SECCOMP },             SAME(ALLOW) },
	{ "seccomp", { 0 },                        SAME(NOTIFY) },
	{ "seccomp", { HIGH | 1, 1 },              SAME(NOTIFY) },
	{ "seccomp", { 2 },                        SAME(ALLOW) },
	{ "prctl", { PR_GET_DUMPABLE },            SAME(ALLOW) },
	{ "prctl", { PR_SET_DUMPABLE, 0 },         SAME(FAIL(0)) },
	{ "prctl", { HIGH | PR_SET_DUMPABLE, 0 },  SAME(FAIL(0)) },
	{ "prctl", { PR_SET_MM, 1 },               SAME(E(PERM)) },
	{ "prctl", { HIGH | PR_SET_MM, 1 },        SAME(E(PERM)) },
	{ "prctl", { PR_SET_MM, PR_SET_MM_MAP },   SAME(NOTIFY) },
	{ "prctl", { PR_SET_MM, PR_SET_MM_MAP_SIZE }, SAME(E(PERM)) },
	{ "prctl", { PR_SET_PTRACER, 1 },          SAME(E(INVAL)) },
	{ "prctl", { PR_CAPBSET_DROP, 21 },        BY_ROOT(ALLOW, NOTIFY) },
	{ "prctl", { HIGH | PR_CAPBSET_DROP, 21 }, BY_ROOT(ALLOW, NOTIFY) },
	{ "prctl", { PR_CAP_AMBIENT, 4 },          BY_ROOT(ALLOW, NOTIFY) },
	{ "prctl", { PR_SET_SECUREBITS, 1 },       BY_ROOT(ALLOW, NOTIFY) },
	{ "prctl", { PR_SET_KEEPCAPS, 1 },         BY_ROOT(ALLOW, NOTIFY) },

	{ "kill", { 1, 9 },                        BY_SCOPE(NOTIFY, ALLOW) },
	{ "kill", { UINT64_MAX, 9 },               BY_SCOPE(NOTIFY, ALLOW) },
	{ "tkill", { 1, 9 },                       BY_SCOPE(NOTIFY, ALLOW) },
	{ "tgkill", { 1, 1, 9 },                   BY_SCOPE(NOTIFY, ALLOW) },
	{ "rt_sigqueueinfo", { 1, 9 },             BY_SCOPE(NOTIFY, ALLOW) },
	{ "rt_tgsigqueueinfo", { 1, 1, 9 },        BY_SCOPE(NOTIFY, ALLOW) },
	{ "pidfd_send_signal", { 3, 9 },           BY_SCOPE(NOTIFY, ALLOW) },

	{ "prlimit64", { 0, 7 },                   SAME(ALLOW) },
	{ "prlimit64", { HIGH, 7 },                SAME(ALLOW) },
	{ "prlimit64", { 1, 7 },                   SAME(NOTIFY) },
	{ "prlimit64", { 0, 4 /* CORE */ },        SAME(NOTIFY) },
	{ "prlimit64", { 0, HIGH | 4 },            SAME(NOTIFY) },
	{ "setrlimit", { 4 /* CORE */ },           SAME(NOTIFY) },
	{ "setrlimit", { HIGH | 4 },               SAME(NOTIFY) },
	{ "setrlimit", { 7 },                      SAME(ALLOW) },
	{ "sched_setaffinity", { 0, 8 },           SAME(ALLOW) },
	{ "sched_setaffinity", { 4000, 8 },        SAME(NOTIFY) },
	{ "sched_setscheduler", { 0 },             SAME(ALLOW) },
	{ "sched_setscheduler", { 1 },             SAME(NOTIFY) },
	{ "sched_setparam", { 0 },                 SAME(ALLOW) },
	{ "sched_setparam", { 1 },                 SAME(NOTIFY) },
	{ "sched_setattr", { 0 },                  SAME(ALLOW) },
	{ "sched_setattr", { 1 },                  SAME(NOTIFY) },
	{ "migrate_pages", { 0 },                  SAME(ALLOW) },
	{ "migrate_pages", { 1 },                  SAME(NOTIFY) },
	{ "move_pages", { 0 },                     SAME(ALLOW) },
	{ "move_pages", { 1 },                     SAME(NOTIFY) },
	{ "get_robust_list", { 0 },                SAME(ALLOW) },
	{ "get_robust_list", { 1 },                SAME(E(PERM)) },
	{ "setpriority", { 0, 0, 5 },              SAME(ALLOW) },
	{ "setpriority", { 0, 1, 5 },              SAME(NOTIFY) },
	{ "setpriority", { 1, 0, 5 },              SAME(NOTIFY) },
	{ "setpriority", { 2, 0, 5 },              SAME(NOTIFY) },
	{ "setpriority", { HIGH | 2, HIGH, 5 },    SAME(NOTIFY) },
	{ "ioprio_set", { 1, 0, 5 },               SAME(ALLOW) },
	{ "ioprio_set", { 1, 1, 5 },               SAME(NOTIFY) },
	{ "ioprio_set", { 2, 0, 5 },               SAME(NOTIFY) },
	{ "ioprio_set", { 3, 0, 5 },               SAME(NOTIFY) },

	{ "socket", { AF_UNIX, SOCK_STREAM },      SAME(ALLOW) },
	{ "socket", { AF_UNIX, SOCK_DGRAM },       SAME(ALLOW) },
	{ "socket", { HIGH | AF_UNIX, SOCK_SEQPACKET }, SAME(ALLOW) },
	{ "socket", { AF_INET, SOCK_STREAM },      SAME(ALLOW) },
	{ "socket", { AF_INET, 0x80801, 6 },       SAME(ALLOW) },
	{ "socket", { AF_INET6, 0x80802, 17 },     SAME(ALLOW) },
	{ "socket", { AF_INET6, SOCK_DGRAM },      SAME(ALLOW) },
	{ "socket", { AF_INET, SOCK_RAW, 1 },      SAME(E(PERM)) },
	{ "socket", { AF_INET6, HIGH | 0x80803 },  SAME(E(PERM)) },
	{ "socket", { AF_INET, SOCK_SEQPACKET },   SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, 6 /* DCCP */ },     SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_PACKET },      SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_STREAM, 262 }, SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, 1, HIGH | 262 },    SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_STREAM, 256 }, SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_STREAM, 132 }, SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_DGRAM, 1 },    SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET6, SOCK_DGRAM, 58 },  SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_INET, SOCK_DGRAM, 136 },  SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_NETLINK, SOCK_RAW, 0 },   SAME(ALLOW) },
	{ "socket", { AF_NETLINK, SOCK_RAW, 4 },   SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_NETLINK, 3, HIGH | 9 },   SAME(E(PROTONOSUPPORT)) },
	{ "socket", { AF_PACKET, SOCK_RAW },       SAME(E(AFNOSUPPORT)) },
	{ "socket", { HIGH | AF_PACKET, 1 },       SAME(E(AFNOSUPPORT)) },
	{ "socket", { AF_VSOCK, SOCK_STREAM },     SAME(E(AFNOSUPPORT)) },
	{ "socket", { AF_ALG, SOCK_SEQPACKET },    SAME(E(AFNOSUPPORT)) },
	{ "socket", { 43 /* AF_SMC */, 1 },        SAME(E(AFNOSUPPORT)) },
	{ "socket", { 44 /* AF_XDP */, 3 },        SAME(E(AFNOSUPPORT)) },
	{ "socket", { 0 },                         SAME(E(AFNOSUPPORT)) },
	{ "socket", { UINT64_MAX },                SAME(E(AFNOSUPPORT)) },
	{ "socketpair", { AF_UNIX, SOCK_STREAM },  SAME(ALLOW) },
	{ "socketpair", { AF_INET, SOCK_STREAM },  SAME(E(AFNOSUPPORT)) },
	{ "socketpair", { 30 /* AF_TIPC */, 1 },   SAME(E(AFNOSUPPORT)) },

	{ "setsockopt", { 3, 1 /* SOL_SOCKET */, 2 }, SAME(ALLOW) },
	{ "setsockopt", { 3, 0, 1 /* IP_TOS */ },  SAME(ALLOW) },
	{ "setsockopt", { 3, 0, 4 /* IP_OPTIONS */ }, SAME(E(PERM)) },
	{ "setsockopt", { 3, HIGH, HIGH | 4 },     SAME(E(PERM)) },
	{ "setsockopt", { 3, 6 /* TCP */, 4 },     SAME(ALLOW) },
	{ "setsockopt", { 3, 41, 57 },             SAME(E(PERM)) },
	{ "setsockopt", { 3, 41, 5 },              SAME(E(PERM)) },
	{ "setsockopt", { 3, 41, 6 },              SAME(E(PERM)) },
	{ "setsockopt", { 3, 41, 26 /* V6ONLY */ }, SAME(ALLOW) },

	{ "sendto", { 3, 4096, 1, 0, 0, 0 },       SAME(ALLOW) },
	{ "sendto", { 3, 4096, 1, MSG_NOSIGNAL },  SAME(ALLOW) },
	{ "sendto", { 3, 4096, 1, 0, 4096, 16 },   SAME(NOTIFY) },
	{ "sendto", { 3, 4096, 1, 0, HIGH, 16 },   SAME(NOTIFY) },
	{ "sendto", { 3, 4096, 1, 0, 1, 0 },       SAME(NOTIFY) },
	{ "sendto", { 3, 4096, 1, MSG_FASTOPEN },  SAME(NOTIFY) },
	{ "sendto", { 3, 4096, 1, HIGH | MSG_FASTOPEN }, SAME(NOTIFY) },
	{ "sendto", { 3, 4096, 1, HIGH },          SAME(ALLOW) },

	{ "recvfrom", { 3, 4096, 1, 0, 0, 0 },     SAME(ALLOW) },
	{ "recvfrom", { 3, 4096, 1, 0, 4096, 16 }, WITH_BROKER(ALLOW, NOTIFY) },
	{ "recvfrom", { 3, 4096, 1, 0, HIGH, 16 }, WITH_BROKER(ALLOW, NOTIFY) },
	{ "recvmsg", { 3, 4096, 0 },               WITH_BROKER(ALLOW, NOTIFY) },
	{ "getpeername", { 3, 4096, 4096 },        WITH_BROKER(ALLOW, NOTIFY) },

	{ "adjtimex", { 4096 },                    BY_ROOT(ALLOW, E(PERM)) },
	{ "clock_adjtime", { 0, 4096 },            BY_ROOT(ALLOW, E(PERM)) },
};

/* clang-format on */

#define EXPECTATIONS (int)(sizeof(expectations) / sizeof(expectations[0]))

static const struct syscall_row *row_by_name(const char *name)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		if (strcmp(syscall_rows[i].name, name) == 0)
			return &syscall_rows[i];
	}
	ck_abort_msg("%s has no row", name);
}

START_TEST(arguments_decide)
{
	const struct expectation *expectation = &expectations[_i];
	const struct syscall_row *row = row_by_name(expectation->name);

	ck_assert_int_eq(row->trap, TRAP_ARGUMENTS);
	for (int setting = 0; setting < SETTINGS; setting++) {
		const uint32_t action =
			run(setting, ARCH_AUDIT, (uint32_t)row->number,
			    expectation->args)
				.action;

		ck_assert_msg(action == expectation->action[setting],
			      "%s(%#llx, %#llx, %#llx, ...), setting %d: %#x",
			      row->name,
			      (unsigned long long)expectation->args[0],
			      (unsigned long long)expectation->args[1],
			      (unsigned long long)expectation->args[2], setting,
			      action);
	}
}
END_TEST

START_TEST(every_test_has_an_expectation)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		bool found = row->trap != TRAP_ARGUMENTS;

		for (int j = 0; !found && j < EXPECTATIONS; j++)
			found = strcmp(expectations[j].name, row->name) == 0;
		ck_assert_msg(found, "%s", row->name);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("every setting");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(tcase, build, drop);
	tcase_add_loop_test(tcase, rows_without_a_test_get_one_answer, 0,
			    SETTINGS);
	tcase_add_loop_test(
		tcase, native_calls_are_answered_without_a_look_at_arguments, 0,
		SETTINGS);
	tcase_add_loop_test(tcase, answers_are_near, 0, SETTINGS);
	tcase_add_loop_test(tcase, numbers_without_a_row_are_enosys, 0,
			    SETTINGS);
	tcase_add_loop_test(tcase, other_architectures_are_killed, 0, SETTINGS);
	tcase_add_loop_test(tcase, x32_is_killed, 0, SETTINGS);
	tcase_add_test(tcase, handlers_are_those_that_can_be_notified);
	tcase_add_loop_test(tcase, actions_are_four, 0, SETTINGS);
	tcase_add_loop_test(tcase, arguments_decide, 0, EXPECTATIONS);
	tcase_add_test(tcase, every_test_has_an_expectation);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
