/*
 * Theory of operation. All that is read and written is the image's own memory,
 * of which nobody else has any yet: a loader that only looks like the one that
 * is known harms the image that it is in. The jumps are written last, and where
 * that fails nothing leads to the rest.
 */
#include "supervisor/loader_image.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/image_stack.h"
#include "supervisor/loader_code.h"
#include "supervisor/tracee.h"

static bool is_same(pid_t pid, uint64_t address, const unsigned char *bytes,
		    uint32_t size)
{
	unsigned char now[LOADER_PAGE];

	return tracee_read(pid, address, now, size) == 0 &&
	       memcmp(now, bytes, size) == 0;
}

/* By its build ID it is the same file; its code another may have changed
 * since. */
static bool is_as_known(const struct loader_code *code, pid_t pid,
			uint64_t base)
{
	static const unsigned char nothing[LOADER_PAGE];

	return is_same(pid, base, code->head, LOADER_HEAD) &&
	       is_same(pid, base + code->calls_at, code->before,
		       code->calls_size) &&
	       is_same(pid, base + code->room_at, nothing, code->room_size);
}

/* Returns whether the image must begin in the room. */
static bool change(const struct loader_code *code, pid_t pid, uint64_t base)
{
	auto_fd memory = tracee_proc_open(pid, "mem", O_RDWR);

	return memory >= 0 &&
	       pwrite(memory, code->room, code->room_size,
		      (off_t)(base + code->room_at)) ==
		       (ssize_t)code->room_size &&
	       pwrite(memory, code->after, code->calls_size,
		      (off_t)(base + code->calls_at)) ==
		       (ssize_t)code->calls_size;
}

int loader_image_join(const struct loader_code *code, struct image_stack *stack)
{
	uint64_t base = image_stack_auxiliary(stack, AT_BASE);

	if (!code || !base || image_stack_auxiliary(stack, AT_SECURE) ||
	    registers_pc(&stack->registers) != base + code->entry ||
	    !is_as_known(code, stack->pid, base) ||
	    !change(code, stack->pid, base))
		return 0;
	registers_set_pc(&stack->registers, base + code->begin);
	return registers_set(stack->pid, &stack->registers);
}
