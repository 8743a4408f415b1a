#include "supervisor/arch/registers.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* As NT_PRSTATUS gives them: x0 to x30, sp, pc, pstate. The number of the call
 * is x8; x0 holds the first argument and then the result. */
struct arm_registers {
	uint64_t x[31], sp, pc, pstate;
};

static_assert(sizeof(struct arm_registers) <=
		      sizeof(((struct registers *)0)->words),
	      "the registers fit");

/* An `svc #0` instruction. */
enum { SVC_SIZE = 4 };

int registers_get(pid_t tid, struct registers *registers)
{
	struct iovec vector = {
		.iov_base = registers->words,
		.iov_len = sizeof(struct arm_registers),
	};

	registers->size = sizeof(struct arm_registers);
	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &vector) ? -errno : 0;
}

int registers_set(pid_t tid, const struct registers *registers)
{
	struct iovec vector = {
		.iov_base = (void *)(uintptr_t)registers->words,
		.iov_len = registers->size,
	};
	int none = -1;
	struct iovec call = {.iov_base = &none, .iov_len = sizeof(none)};

	if (ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &vector))
		return -errno;
	/* No call is under way that the kernel should restart. */
	return ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &call) ? -errno
									: 0;
}

static struct arm_registers load(const struct registers *registers)
{
	struct arm_registers arm;

	memcpy(&arm, registers->words, sizeof(arm));
	return arm;
}

uint64_t registers_stack(const struct registers *registers)
{
	return load(registers).sp;
}

void registers_set_stack(struct registers *registers, uint64_t stack)
{
	struct arm_registers arm = load(registers);

	arm.sp = stack;
	memcpy(registers->words, &arm, sizeof(arm));
}

uint64_t registers_pc(const struct registers *registers)
{
	return load(registers).pc;
}

void registers_set_pc(struct registers *registers, uint64_t address)
{
	struct arm_registers arm = load(registers);

	arm.pc = address;
	memcpy(registers->words, &arm, sizeof(arm));
}

uint64_t registers_find_call(const unsigned char *bytes, size_t size,
			     uint64_t address)
{
	static const unsigned char call[SVC_SIZE] = {0x01, 0x00, 0x00, 0xd4};

	for (size_t at = 0; at + SVC_SIZE <= size; at += SVC_SIZE)
		if (memcmp(bytes + at, call, SVC_SIZE) == 0)
			return address + at + SVC_SIZE;
	return 0;
}

void registers_call(const struct registers *stopped, struct registers *call,
		    long number, const uint64_t arguments[6])
{
	struct arm_registers arm = load(stopped);

	arm.pc -= SVC_SIZE;
	arm.x[8] = (uint64_t)number;
	memcpy(arm.x, arguments, 6 * sizeof(*arguments));
	*call = *stopped;
	memcpy(call->words, &arm, sizeof(arm));
}

void registers_result(struct registers *registers, int64_t result)
{
	struct arm_registers arm = load(registers);

	arm.x[0] = (uint64_t)result;
	memcpy(registers->words, &arm, sizeof(arm));
}

void registers_dwarf(const struct registers *registers,
		     uint64_t words[REGISTERS_DWARF])
{
	const struct arm_registers arm = load(registers);

	memcpy(words, arm.x, 31 * sizeof(*words));
	words[31] = arm.sp;
	words[32] = arm.pc;
}
