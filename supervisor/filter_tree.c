/*
 * Theory of operation. The numbers are cut into spans with one answer each; the
 * spans become a balanced tree of comparisons, the lower half right behind each
 * of them. A jump of BPF is 255 instructions long at most; one to an upper half
 * that is further away goes by an unconditional jump, which has 32 bits.
 */
#include "supervisor/filter_tree.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "policy/scope.h"
#include "supervisor/arch/arch.h"

struct span {
	uint32_t first, action;
};

static void append(struct filter_program *program, struct sock_filter insn)
{
	program->code[program->length++] = insn;
}

static void append_return(struct filter_program *program, uint32_t action)
{
	append(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/** How many instructions the tree of that many spans has. */
static size_t tree_length(size_t count)
{
	if (count == 1)
		return 1;
	size_t lower = tree_length(count / 2);

	return (lower > UINT8_MAX ? 2 : 1) + lower +
	       tree_length(count - count / 2);
}

static void emit_tree(const struct span *spans, size_t count,
		      struct filter_program *program)
{
	const size_t half = count / 2;

	if (count == 1) {
		append_return(program, spans->action);
		return;
	}
	const uint32_t first = spans[half].first;
	const size_t lower = tree_length(half);

	if (lower > UINT8_MAX) {
		append(program,
		       (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
						    first, 0, 1));
		append(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
							     (uint32_t)lower));
	} else {
		append(program,
		       (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
						    first, (uint8_t)lower, 0));
	}
	emit_tree(spans, half, program);
	emit_tree(spans + half, count - half, program);
}

/** Leaves the number in the accumulator. */
static void emit_head(uint32_t otherwise, struct filter_program *program)
{
	append(program, (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS,
				offsetof(struct seccomp_data, arch)));
	append(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						     ARCH_AUDIT, 1, 0));
	append_return(program, SECCOMP_RET_KILL_PROCESS);
	append(program,
	       (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, nr)));
	if (!ARCH_FOREIGN_NUMBERS)
		return;
	append(program,
	       (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
					    ARCH_FOREIGN_NUMBERS, 0, 3));
	/* -1: a tracer has a call left out (seccomp(2)). */
	append(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						     UINT32_MAX, 0, 1));
	append_return(program, otherwise);
	append_return(program, SECCOMP_RET_KILL_PROCESS);
}

int filter_tree_emit(const uint32_t *actions, size_t count, uint32_t otherwise,
		     struct filter_program *program)
{
	enum { HEAD = 8 };
	auto_free struct span *spans = calloc(count + 1, sizeof(*spans));
	size_t span_count = 1;

	if (!spans)
		return -ENOMEM;
	spans[0] = (struct span){0, actions[0]};
	for (size_t i = 1; i <= count; i++) {
		uint32_t action = i < count ? actions[i] : otherwise;

		if (action != spans[span_count - 1].action)
			spans[span_count++] =
				(struct span){(uint32_t)i, action};
	}
	if (program->length + HEAD + tree_length(span_count) > BPF_MAXINSNS)
		return -E2BIG;
	emit_head(otherwise, program);
	emit_tree(spans, span_count, program);
	return 0;
}
