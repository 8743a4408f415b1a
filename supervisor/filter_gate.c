#include "supervisor/filter_gate.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/gate.h"
#include "supervisor/calls/veiled.h"

/* In fcntl.h only with _GNU_SOURCE of newer libraries. */
enum { TMPFILE_BIT = 020000000, LOOK_SYNC = 0x6000 /* AT_STATX_SYNC_TYPE */ };

/* Both architectures are little-endian. */
#define IP_LOW	(uint8_t)(offsetof(struct seccomp_data, instruction_pointer))
#define IP_HIGH (uint8_t)(IP_LOW + 4)
#define LOW(n)	(uint8_t)(offsetof(struct seccomp_data, args[n]))
#define HIGH(n) (uint8_t)(LOW(n) + 4)

#define AT_GATE                                                                \
	{IP_LOW, COMPARE_EQ, FILTER_ALL, (uint32_t)GATE_RETURN},               \
	{                                                                      \
		IP_HIGH, COMPARE_EQ, FILTER_ALL,                               \
			(uint32_t)((uint64_t)GATE_RETURN >> 32)                \
	}

/* None of these bits of an argument, or none but these. */
#define WITHOUT(n, bits)                                                       \
	{                                                                      \
		LOW(n), COMPARE_EQ, (uint32_t)(bits), 0                        \
	}
#define WITHIN(n, bits)                                                        \
	{                                                                      \
		LOW(n), COMPARE_EQ, ~(uint32_t)(bits), 0                       \
	}

#define GATE(...)                                                              \
	{                                                                      \
		{ANSWER_ALLOW, 0, {AT_GATE, ##__VA_ARGS__}},                   \
		{                                                              \
			.answer = ANSWER_NOTIFY                                \
		}                                                              \
	}

/* An O_PATH descriptor opens the way to all that Landlock does not rule. So
 * does a link of /proc/PID/fd, to pipes and memory files: no such link is
 * followed to its end by an open that follows none there, or that takes
 * directories only. */
#define OPENS(n) WITHOUT(n, O_PATH | TMPFILE_BIT)
#define NO_LINK(n)                                                             \
	{                                                                      \
		LOW(n), COMPARE_ANY, FILTER_ALL, O_NOFOLLOW | O_DIRECTORY      \
	}
#define GATE_OPEN(n)                                                           \
	{                                                                      \
		{ANSWER_ALLOW, 0, {AT_GATE, OPENS(n), NO_LINK(n)}},            \
			{ANSWER_APART_NOTIFY, 0, {AT_GATE, OPENS(n)}},         \
		{                                                              \
			.answer = ANSWER_NOTIFY                                \
		}                                                              \
	}
#define LOOKS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* At the gate with flags of these; and anywhere, what is fstat(2) in another
 * form: nothing but AT_EMPTY_PATH, and a descriptor. That there is no path the
 * filter cannot see, but a path would only tell there what it does at the gate.
 */
#define GATE_STAT(flags, bits)                                                 \
	{                                                                      \
		{ANSWER_ALLOW, 0, {AT_GATE, WITHIN(flags, bits)}},             \
			{ANSWER_ALLOW,                                         \
			 0,                                                    \
			 {{LOW(flags), COMPARE_EQ, FILTER_ALL, AT_EMPTY_PATH}, \
			  {LOW(0), COMPARE_LE, FILTER_ALL, INT32_MAX}}},       \
		{                                                              \
			.answer = ANSWER_NOTIFY                                \
		}                                                              \
	}

/* To nowhere: whether it is a link, and no more. */
#define GATE_LINK(n)                                                           \
	GATE({LOW(n), COMPARE_EQ, FILTER_ALL, (uint32_t)GATE_NOWHERE},         \
	     {HIGH(n), COMPARE_EQ, FILTER_ALL,                                 \
	      (uint32_t)((uint64_t)GATE_NOWHERE >> 32)})

enum { CLAUSES = 3 };

/* clang-format off */

static const struct {
	const char *name;
	struct filter_clause clauses[CLAUSES];
} gates[] = {
	/* What is opened, Landlock rules by its object and the mode: links,
	   /proc/self/fd and O_CREAT, O_TRUNC included. */
	{"open",       GATE_OPEN(1)},
	{"openat",     GATE_OPEN(2)},
	/* Metadata: nothing rules it. */
	{"stat",       GATE()},
	{"lstat",      GATE()},
	{"newfstatat", GATE_STAT(3, LOOKS)},
	{"statx",      GATE_STAT(2, LOOKS | LOOK_SYNC)},
	{"access",     GATE()},
	{"faccessat",  GATE()},
	{"faccessat2", GATE(WITHIN(3, AT_SYMLINK_NOFOLLOW | AT_EACCESS))},
	{"readlink",   GATE_LINK(1)},
	{"readlinkat", GATE_LINK(2)},
	/* Of what Landlock let be opened all may be listed; what else is given
	   to programs, and is not listed as it is, has other numbers. */
	{"getdents64", {{ANSWER_VEILS_ALLOW, 0,
			 {AT_GATE, {LOW(0), COMPARE_LE, FILTER_ALL,
				    VEILED_FROM - 1}}},
			{.answer = ANSWER_NOTIFY}}},
	/* Where the process is. */
	{"getcwd",     GATE()},
	/* Names, by the directories that they are in. */
	{"mkdir",      GATE()},
	{"mkdirat",    GATE()},
	{"rmdir",      GATE()},
	{"unlink",     GATE()},
	{"unlinkat",   GATE(WITHIN(2, AT_REMOVEDIR))},
	{"symlink",    GATE()},
	{"symlinkat",  GATE()},
	/* Regular files: 0 or S_IFREG. */
	{"mknod",      GATE(WITHOUT(1, S_IFMT & ~S_IFREG))},
	{"mknodat",    GATE(WITHOUT(2, S_IFMT & ~S_IFREG))},
	{"rename",     GATE()},
	{"renameat",   GATE()},
	{"renameat2",  GATE(WITHIN(4, RENAME_NOREPLACE))},
	{"link",       GATE()},
	{"linkat",     GATE(WITHIN(4, 0))},
};

/* clang-format on */

const struct filter_clause *filter_gate(const struct syscall_row *row,
					size_t *count)
{
	for (size_t i = 0; i < sizeof(gates) / sizeof(*gates); i++) {
		if (row->trap != TRAP_SERVE ||
		    strcmp(gates[i].name, row->name) != 0)
			continue;
		*count = 1;
		while (gates[i].clauses[*count - 1].when[0].comparison !=
		       COMPARE_NONE)
			++*count;
		return gates[i].clauses;
	}
	return NULL;
}
