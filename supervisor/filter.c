/*
 * Theory of operation. What depends on the number alone is a tree of
 * comparisons that ends in each row's action (filter_tree.h). The rows with a
 * test of arguments, and in a session with a fence the calls that pass at the
 * gate, have a placeholder there: a SECCOMP_RET_TRACE with the test's number as
 * its data, which is not otherwise used. Each placeholder is then replaced by a
 * jump to that test's code, appended after the end: one instruction for one, so
 * no other jump changes.
 *
 * (libseccomp wrote the tree once. It takes 2 ms for it, a tenth of what a
 * session may take to start, and cannot say what the tests need.)
 */
#include "supervisor/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "policy/scope.h"
#include "supervisor/filter_clause.h"
#include "supervisor/filter_gate.h"
#include "supervisor/filter_tests.h"
#include "supervisor/filter_tree.h"
#include "supervisor/syscalls.h"

/** A row that passes at the gate has its place behind the tests. */
static uint32_t gate_placeholder(const struct syscall_row *row,
				 const struct filter_options *options)
{
	size_t count;

	return options->fence && filter_gate(row, &count)
		       ? SECCOMP_RET_TRACE |
				 (uint32_t)(TEST_COUNT + (row - syscall_rows))
		       : SECCOMP_RET_USER_NOTIF;
}

/** The clauses that a placeholder stands for; NULL: it is none. */
static const struct filter_clause *placeholder_clauses(uint32_t data,
						       size_t *count)
{
	if (data == TEST_NONE || data >= TEST_COUNT + syscall_row_count)
		return NULL;
	return data < TEST_COUNT
		       ? filter_test((enum argument_test)data, count)
		       : filter_gate(&syscall_rows[data - TEST_COUNT], count);
}

/** What happens to a row's call: a return value, or a test's placeholder. */
static uint32_t row_action(const struct syscall_row *row,
			   const struct filter_options *options)
{
	const struct filter_clause *clauses;
	size_t count;
	uint32_t action;

	switch (row->trap) {
	case TRAP_NATIVE:
		return SECCOMP_RET_ALLOW;
	case TRAP_SERVE:
		return gate_placeholder(row, options);
	case TRAP_REFUSE:
		return SECCOMP_RET_ERRNO | (uint32_t)row->error;
	case TRAP_CREDENTIALS:
		return options->privileged ? SECCOMP_RET_USER_NOTIF
					   : SECCOMP_RET_ALLOW;
	case TRAP_ARGUMENTS:
		clauses = filter_test(row->test, &count);
		if (filter_clauses_constant(clauses, count, options, &action))
			return action;
		return SECCOMP_RET_TRACE | (uint32_t)row->test;
	case TRAP_UNKNOWN:
		break;
	}
	return SECCOMP_RET_ERRNO | ENOSYS;
}

/** The tree over the numbers, with placeholders. */
static int emit_rows(const struct filter_options *options,
		     struct filter_program *program)
{
	const uint32_t absent = SECCOMP_RET_ERRNO | ENOSYS;
	size_t count = 1;

	for (size_t i = 0; i < syscall_row_count; i++)
		if (syscall_rows[i].number >= (int)count)
			count = (size_t)syscall_rows[i].number + 1;
	auto_free uint32_t *actions = malloc(count * sizeof(*actions));

	if (!actions)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		actions[i] = absent;
	for (size_t i = 0; i < syscall_row_count; i++)
		if (syscall_rows[i].number >= 0)
			actions[syscall_rows[i].number] =
				row_action(&syscall_rows[i], options);
	return filter_tree_emit(actions, count, absent, program);
}

/** Append the tests that are asked for, and have the placeholders go there. */
static int link_tests(const struct filter_options *options,
		      struct filter_program *program)
{
	const size_t tree = program->length;
	auto_free size_t *entry =
		calloc(TEST_COUNT + syscall_row_count, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	for (size_t i = 0; i < tree; i++) {
		struct sock_filter *insn = &program->code[i];
		const uint32_t test = insn->k & SECCOMP_RET_DATA;

		if (insn->code != (BPF_RET | BPF_K) ||
		    (insn->k & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE)
			continue;
		size_t count;
		const struct filter_clause *clauses =
			placeholder_clauses(test, &count);

		if (!clauses)
			return -EINVAL;
		if (entry[test] == 0) {
			int result;

			entry[test] = program->length;
			result = filter_clauses_emit(clauses, count, options,
						     program);
			if (result < 0)
				return result;
		}
		*insn = (struct sock_filter)BPF_STMT(
			BPF_JMP | BPF_JA, (uint32_t)(entry[test] - i - 1));
	}
	return 0;
}

int filter_build(const struct filter_options *options,
		 struct sock_fprog *program)
{
	auto_free struct filter_program *work = calloc(1, sizeof(*work));
	size_t size;
	int result;

	*program = (struct sock_fprog){0};
	if (!work)
		return -ENOMEM;
	result = emit_rows(options, work);
	if (result < 0)
		return result;
	result = link_tests(options, work);
	if (result < 0)
		return result;

	size = work->length * sizeof(work->code[0]);
	program->filter = malloc(size);
	if (!program->filter)
		return -ENOMEM;
	memcpy(program->filter, work->code, size);
	program->len = (unsigned short)work->length;
	return 0;
}

void filter_free(struct sock_fprog *program)
{
	free(program->filter);
	*program = (struct sock_fprog){0};
}

/* In the kernel's headers since 5.19; those of the build may be older. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

int filter_install(const struct sock_fprog *program, unsigned int flags,
		   int *listener)
{
	const unsigned long all = flags | SECCOMP_FILTER_FLAG_NEW_LISTENER |
				  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	long result =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all, program);

	if (result < 0)
		return -errno;
	*listener = (int)result;
	return 0;
}
