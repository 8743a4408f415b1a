#include "supervisor/arch/registers.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

static_assert(sizeof(struct user_regs_struct) <=
		      sizeof(((struct registers *)0)->words),
	      "the registers fit");

/* A `syscall` instruction. */
enum { SYSCALL_SIZE = 2 };

int registers_get(pid_t tid, struct registers *registers)
{
	registers->size = sizeof(struct user_regs_struct);
	return ptrace(PTRACE_GETREGS, tid, 0, registers->words) ? -errno : 0;
}

int registers_set(pid_t tid, const struct registers *registers)
{
	return ptrace(PTRACE_SETREGS, tid, 0, registers->words) ? -errno : 0;
}

static struct user_regs_struct load(const struct registers *registers)
{
	struct user_regs_struct user;

	memcpy(&user, registers->words, sizeof(user));
	return user;
}

uint64_t registers_stack(const struct registers *registers)
{
	return load(registers).rsp;
}

void registers_set_stack(struct registers *registers, uint64_t stack)
{
	struct user_regs_struct user = load(registers);

	user.rsp = stack;
	memcpy(registers->words, &user, sizeof(user));
}

uint64_t registers_pc(const struct registers *registers)
{
	return load(registers).rip;
}

void registers_set_pc(struct registers *registers, uint64_t address)
{
	struct user_regs_struct user = load(registers);

	user.rip = address;
	memcpy(registers->words, &user, sizeof(user));
}

uint64_t registers_find_call(const unsigned char *bytes, size_t size,
			     uint64_t address)
{
	static const unsigned char call[SYSCALL_SIZE] = {0x0f, 0x05};
	const unsigned char *at = memmem(bytes, size, call, sizeof(call));

	return at ? address + (uint64_t)(at - bytes) + sizeof(call) : 0;
}

void registers_call(const struct registers *stopped, struct registers *call,
		    long number, const uint64_t arguments[6])
{
	struct user_regs_struct user = load(stopped);

	user.rip -= SYSCALL_SIZE;
	user.rax = (unsigned long long)number;
	/* Else the kernel takes -512 in rax for a restart, and rewinds. */
	user.orig_rax = (unsigned long long)-1;
	user.rdi = arguments[0];
	user.rsi = arguments[1];
	user.rdx = arguments[2];
	user.r10 = arguments[3];
	user.r8 = arguments[4];
	user.r9 = arguments[5];
	*call = *stopped;
	memcpy(call->words, &user, sizeof(user));
}

void registers_result(struct registers *registers, int64_t result)
{
	struct user_regs_struct user = load(registers);

	user.rax = (unsigned long long)result;
	memcpy(registers->words, &user, sizeof(user));
}

void registers_dwarf(const struct registers *registers,
		     uint64_t words[REGISTERS_DWARF])
{
	const struct user_regs_struct user = load(registers);
	const uint64_t by_number[] = {
		user.rax, user.rdx, user.rcx, user.rbx, user.rsi, user.rdi,
		user.rbp, user.rsp, user.r8,  user.r9,	user.r10, user.r11,
		user.r12, user.r13, user.r14, user.r15, user.rip,
	};

	memset(words, 0, REGISTERS_DWARF * sizeof(*words));
	memcpy(words, by_number, sizeof(by_number));
}
