#include "supervisor/image_shown.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/image_stack.h"
#include "supervisor/inject.h"
#include "supervisor/tracee.h"

enum { PART = 4096, MOST_PARTS = 16, ALIGN = 16 };

uint64_t image_call(const struct image_stack *stack)
{
	uint64_t at = image_stack_auxiliary(stack, AT_SYSINFO_EHDR);
	unsigned char text[PART];

	for (int i = 0; at && i < MOST_PARTS; i++, at += PART) {
		if (tracee_read(stack->pid, at, text, sizeof(text)))
			break;
		uint64_t found = registers_find_call(text, sizeof(text), at);

		if (found)
			return found;
	}
	return 0;
}

bool image_filtered(pid_t pid)
{
	static int ours = -1; /* the tracer's alone, and it stays */

	if (ours < 0)
		ours = tracee_filters(getpid());
	return ours < 0 || tracee_filters(pid) != ours + 1;
}

static int set_range(struct injection *injection, atomic_int *own,
		     const struct prctl_mm_map *map, int64_t *result)
{
	static const struct prctl_mm_map nothing;
	/* Below all that is in use; it was empty, and is then again. */
	uint64_t at = (registers_stack(&injection->saved) - REGISTERS_RED_ZONE -
		       sizeof(*map)) &
		      ~(uint64_t)(ALIGN - 1);
	const uint64_t arguments[6] = {PR_SET_MM, PR_SET_MM_MAP, at,
				       sizeof(*map)};

	inject_reach(injection->tid, at);
	int error = tracee_write(injection->tid, at, map, sizeof(*map));

	if (error)
		return error;
	atomic_store(own, injection->tid);
	error = inject_call(injection, result, SYS_prctl, arguments);
	atomic_store(own, 0);
	return error ? error
		     : tracee_write(injection->tid, at, &nothing,
				    sizeof(nothing));
}

int image_shown(struct image_stack *stack, atomic_int *own, uint64_t start,
		uint64_t end)
{
	static const uint64_t none[6];
	struct injection injection;
	struct prctl_mm_map map;
	int64_t top, result = 0;
	uint64_t behind = image_call(stack);

	if (!behind || image_filtered(stack->pid) ||
	    tracee_layout(stack->pid, &map))
		return -ENOTSUP;
	map.env_start = start;
	map.env_end = end;
	int error = inject_at_exec(&injection, stack->pid, behind,
				   &stack->registers);

	/* The one that /proc does not tell. */
	if (!error)
		error = inject_call(&injection, &top, SYS_brk, none);
	if (!error) {
		map.brk = (uint64_t)top;
		error = set_range(&injection, own, &map, &result);
	}
	if (!error)
		error = inject_back(&injection, &stack->registers);
	if (error)
		return error == -ENOTSUP ? -EPROTO : error;
	return result ? -ENOTSUP : 0;
}
