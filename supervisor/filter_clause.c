/*
 * The compiler of clauses. Each becomes its conditions, every one a load, a
 * mask and a jump past the clause where it does not hold, and then the return.
 * A load is left out where the accumulator holds what it would bring on every
 * way to it: neighbouring clauses mostly look at the same argument.
 */
#include "supervisor/filter_clause.h"

#include <errno.h>
#include <linux/seccomp.h>

uint32_t filter_clause_action(const struct filter_clause *clause,
			      const struct filter_options *options)
{
	const bool scope = options->landlock_signal_scope;
	const bool root = options->privileged;
	const uint32_t refuse = SECCOMP_RET_ERRNO | (uint32_t)clause->error;

	switch (clause->answer) {
	case ANSWER_NOTIFY:
		return SECCOMP_RET_USER_NOTIF;
	case ANSWER_ALLOW:
		return SECCOMP_RET_ALLOW;
	case ANSWER_SCOPE_NOTIFY:
		return scope ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF;
	case ANSWER_SCOPE_REFUSE:
		return scope ? SECCOMP_RET_ALLOW : refuse;
	case ANSWER_ROOT_NOTIFY:
		return root ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
	case ANSWER_NET_NOTIFY:
		return options->broker ? SECCOMP_RET_USER_NOTIF
				       : SECCOMP_RET_ALLOW;
	case ANSWER_FENCE_NOTIFY:
		return options->fence ? SECCOMP_RET_USER_NOTIF
				      : SECCOMP_RET_ALLOW;
	case ANSWER_APART_NOTIFY:
		return options->apart ? SECCOMP_RET_USER_NOTIF
				      : SECCOMP_RET_ALLOW;
	case ANSWER_VEILS_NOTIFY:
		return options->veils ? SECCOMP_RET_USER_NOTIF
				      : SECCOMP_RET_ALLOW;
	case ANSWER_VEILS_ALLOW:
		return options->veils ? SECCOMP_RET_ALLOW
				      : SECCOMP_RET_USER_NOTIF;
	case ANSWER_TRACE_NOTIFY:
		return options->tracing ? SECCOMP_RET_USER_NOTIF : refuse;
	case ANSWER_TRACE_REFUSE:
		return options->tracing ? refuse : SECCOMP_RET_ALLOW;
	case ANSWER_ROOT_REFUSE:
		return root ? refuse : SECCOMP_RET_ALLOW;
	case ANSWER_REFUSE:
		break;
	}
	return refuse;
}

bool filter_clauses_constant(const struct filter_clause *clauses, size_t count,
			     const struct filter_options *options,
			     uint32_t *action)
{
	uint32_t first;

	if (count == 0)
		return false;
	first = filter_clause_action(&clauses[0], options);
	for (size_t i = 1; i < count; i++) {
		if (filter_clause_action(&clauses[i], options) != first)
			return false;
	}
	*action = first;
	return true;
}

/** What the accumulator holds; mask 0 for nothing known. */
struct loaded {
	uint8_t half;
	uint32_t mask;
};

static void append(struct filter_program *program, struct sock_filter insn)
{
	program->code[program->length++] = insn;
}

/** Have the accumulator hold what a condition looks at. */
static void emit_load(const struct filter_condition *when,
		      struct loaded *loaded, struct filter_program *program)
{
	if (loaded->mask == when->mask && loaded->half == when->half)
		return;
	if (loaded->mask != FILTER_ALL || loaded->half != when->half)
		append(program, (struct sock_filter)BPF_STMT(
					BPF_LD | BPF_W | BPF_ABS, when->half));
	if (when->mask != FILTER_ALL)
		append(program, (struct sock_filter)BPF_STMT(
					BPF_ALU | BPF_AND | BPF_K, when->mask));
	*loaded = (struct loaded){when->half, when->mask};
}

/**
 * The jump of a condition: on where it holds, and otherwise over `skip` more
 * instructions.
 */
static struct sock_filter condition_jump(const struct filter_condition *when,
					 uint8_t skip)
{
	const uint32_t k = when->value;

	switch (when->comparison) {
	case COMPARE_NE:
		return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    k, skip, 0);
	case COMPARE_GE:
		return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
						    k, 0, skip);
	case COMPARE_LE:
		return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
						    k, skip, 0);
	case COMPARE_ANY:
		return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						    k, 0, skip);
	case COMPARE_EQ:
	case COMPARE_NONE:
		break;
	}
	return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0,
					    skip);
}

/**
 * A clause's conditions, and then its return. Whichever condition fails, the
 * next clause follows; it may rely on what `loaded` says afterwards.
 */
static void emit_clause(const struct filter_clause *clause, uint32_t action,
			struct loaded *loaded, struct filter_program *program)
{
	size_t jumps[FILTER_CONDITIONS] = {0};
	size_t count = 0;
	struct loaded first = {0, 0};

	while (count < FILTER_CONDITIONS &&
	       clause->when[count].comparison != COMPARE_NONE) {
		emit_load(&clause->when[count], loaded, program);
		if (count == 0)
			first = *loaded;
		jumps[count++] = program->length++;
	}
	append(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));

	for (size_t i = 0; i < count; i++) {
		const size_t skip = program->length - jumps[i] - 1;

		program->code[jumps[i]] =
			condition_jump(&clause->when[i], (uint8_t)skip);
	}
	/* The next clause may come from the first condition or the second. */
	if (count > 1 &&
	    (first.half != loaded->half || first.mask != loaded->mask))
		*loaded = (struct loaded){0, 0};
}

int filter_clauses_emit(const struct filter_clause *clauses, size_t count,
			const struct filter_options *options,
			struct filter_program *program)
{
	/* A load, a mask and a jump a condition, and the return. */
	const size_t clause_max = 3 * FILTER_CONDITIONS + 1;
	struct loaded loaded = {0, 0};

	if (count == 0 || clauses[count - 1].when[0].comparison != COMPARE_NONE)
		return -EINVAL;
	if (program->length + count * clause_max > BPF_MAXINSNS)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		emit_clause(&clauses[i],
			    filter_clause_action(&clauses[i], options), &loaded,
			    program);
	return 0;
}
