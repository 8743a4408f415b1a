#include "tests/unit/bpf.h"

#include <string.h>

/** The accumulator; unknown once it holds something of an argument. */
struct accumulator {
	uint32_t value;
	bool known;
};

/** Load, and: the instructions that change the accumulator. */
static bool step_value(const struct sock_filter *insn,
		       const struct seccomp_data *data, bool arguments,
		       struct accumulator *a)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (insn->k % 4 != 0 || insn->k + 4 > sizeof(*data))
			return false;
		memcpy(&a->value, (const char *)data + insn->k, 4);
		a->known = arguments || insn->k < offsetof(struct seccomp_data,
							   instruction_pointer);
		return true;
	case BPF_ALU | BPF_AND | BPF_K:
		a->value &= insn->k;
		return true;
	default:
		return false;
	}
}

/** Whether a jump is taken, for the value at hand. False: no such jump. */
static bool jump_taken(const struct sock_filter *insn, uint32_t value,
		       bool *taken)
{
	switch (insn->code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		*taken = value == insn->k;
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		*taken = value > insn->k;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		*taken = value >= insn->k;
		return true;
	case BPF_JMP | BPF_JSET | BPF_K:
		*taken = (value & insn->k) != 0;
		return true;
	default:
		return false;
	}
}

bool bpf_run(const struct sock_fprog *program, const struct seccomp_data *data,
	     struct bpf_result *result)
{
	struct accumulator a = {0, true};

	*result = (struct bpf_result){0};
	for (size_t pc = 0; pc < program->len; pc++) {
		const struct sock_filter *insn = &program->filter[pc];
		bool taken;

		result->steps++;
		if (insn->code == (BPF_RET | BPF_K)) {
			result->action = insn->k;
			return true;
		}
		if (insn->code == (BPF_JMP | BPF_JA)) {
			pc += insn->k;
		} else if (jump_taken(insn, a.value, &taken)) {
			pc += taken ? insn->jt : insn->jf;
		} else if (step_value(insn, data, true, &a)) {
			if (insn->code == (BPF_LD | BPF_W | BPF_ABS) &&
			    insn->k >= offsetof(struct seccomp_data,
						instruction_pointer))
				result->arguments = true;
		} else {
			return false;
		}
	}
	return false;
}

struct explorer {
	const struct sock_fprog *program;
	struct seccomp_data data;
	struct bpf_actions *found;
	/** Where a path with an unknown accumulator has been: it goes on from
	    there as the first did. */
	bool seen[BPF_MAXINSNS];
};

static bool add_action(struct bpf_actions *found, uint32_t action)
{
	for (size_t i = 0; i < found->count; i++) {
		if (found->actions[i] == action)
			return true;
	}
	if (found->count == sizeof(found->actions) / sizeof(found->actions[0]))
		return false;
	found->actions[found->count++] = action;
	return true;
}

static bool explore(struct explorer *explorer, size_t pc, struct accumulator a)
{
	for (; pc < explorer->program->len; pc++) {
		const struct sock_filter *insn = &explorer->program->filter[pc];
		bool taken;

		if (!a.known) {
			if (explorer->seen[pc])
				return true;
			explorer->seen[pc] = true;
		}
		if (insn->code == (BPF_RET | BPF_K))
			return add_action(explorer->found, insn->k);
		if (insn->code == (BPF_JMP | BPF_JA)) {
			pc += insn->k;
		} else if (jump_taken(insn, a.value, &taken)) {
			if (!a.known &&
			    !explore(explorer, pc + 1 + insn->jt, a))
				return false;
			pc += a.known && taken ? insn->jt : insn->jf;
		} else if (!step_value(insn, &explorer->data, false, &a)) {
			return false;
		}
	}
	return false;
}

bool bpf_explore(const struct sock_fprog *program, uint32_t arch,
		 uint32_t number, struct bpf_actions *found)
{
	struct explorer explorer = {.program = program, .found = found};

	*found = (struct bpf_actions){0};
	explorer.data.arch = arch;
	explorer.data.nr = (int)number;
	return explore(&explorer, 0, (struct accumulator){0, true});
}
