#include "supervisor/own_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "policy/scope.h"
#include "supervisor/inject.h"
#include "supervisor/tracee.h"

/* Behind the numbers: the pass, and back to what the program's expects. */
enum { PASS_STEPS = 6, START_STEPS = 1 };

static struct sock_filter load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    (uint32_t)offset);
}

static struct sock_filter is(uint32_t value, size_t yes, size_t no)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
					    (uint8_t)yes, (uint8_t)no);
}

/* Ours, up to where the program's begins. */
static void write_ours(struct sock_filter *code)
{
	const size_t low = offsetof(struct seccomp_data, args[5]),
		     high = low + sizeof(uint32_t);
	const uint64_t pass = inject_pass();
	size_t count, at = 0;
	const long *numbers = inject_passing(&count);

	code[at++] = load(offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		code[at++] = is((uint32_t)numbers[i], count - i, 0);
	code[at++] =
		(struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, PASS_STEPS - 1);
	code[at++] = load(low);
	code[at++] = is((uint32_t)pass, 0, 3);
	code[at++] = load(high);
	code[at++] = is((uint32_t)(pass >> 32), 0, 1);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ALLOW);
	/* A filter begins with a 0 there. Not BPF_IMM, which the kernel does
	 * not follow when it looks for calls that always pass. */
	code[at++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0);
}

static size_t ours(void)
{
	size_t count;

	inject_passing(&count);
	return 1 + count + PASS_STEPS + START_STEPS;
}

int own_filter_read(pid_t tid, uint64_t address, struct sock_fprog *filter)
{
	struct sock_fprog theirs;
	const size_t before = ours();
	int error = tracee_read(tid, address, &theirs, sizeof(theirs));

	if (error)
		return error;
	if (theirs.len == 0 || theirs.len + before > BPF_MAXINSNS)
		return -EINVAL;
	auto_free struct sock_filter *code =
		calloc(theirs.len + before, sizeof(*code));

	if (!code)
		return -ENOMEM;
	error = tracee_read(tid, (uintptr_t)theirs.filter, code + before,
			    theirs.len * sizeof(*code));
	if (error)
		return error;
	write_ours(code);
	filter->len = (unsigned short)(theirs.len + before);
	filter->filter = code;
	code = NULL;
	return 0;
}

static size_t size(const struct sock_fprog *filter)
{
	return sizeof(*filter) + filter->len * sizeof(*filter->filter);
}

int own_filter_place(struct injection *injection,
		     const struct sock_fprog *filter, uint64_t *at)
{
	const uint64_t arguments[6] = {0, size(filter), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS,
				       ~UINT64_C(0)};
	struct sock_fprog there = *filter;
	int64_t result;
	int error = inject_call(injection, &result, SYS_mmap, arguments);

	*at = 0;
	if (error || (result < 0 && result > -4096))
		return error;
	there.filter = (void *)(uintptr_t)((uint64_t)result + sizeof(there));
	if (tracee_write(injection->tid, (uint64_t)result, &there,
			 sizeof(there)) ||
	    tracee_write(injection->tid, (uintptr_t)there.filter,
			 filter->filter, filter->len * sizeof(*filter->filter)))
		return own_filter_remove(injection, filter, (uint64_t)result);
	*at = (uint64_t)result;
	return 0;
}

int own_filter_remove(struct injection *injection,
		      const struct sock_fprog *filter, uint64_t at)
{
	const uint64_t arguments[6] = {at, size(filter)};
	int64_t result;

	return inject_call(injection, &result, SYS_munmap, arguments);
}
