/*
 * The stack that a new image starts with: its arguments, environment and
 * auxiliary vector, read and written at PTRACE_EVENT_EXEC, before the image's
 * first instruction. Nobody else has its memory yet.
 */
#ifndef SUPERVISOR_IMAGE_STACK_H
#define SUPERVISOR_IMAGE_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/arch/registers.h"

struct image_stack {
	pid_t pid;
	struct registers registers;
	uint64_t *vector; /**< from argc to the end of the auxiliary vector */
	size_t got; /**< bytes in it: what lies above was read along with it */
	size_t words, first, count; /**< all; the environment's first; its */
	uint64_t bottom, block, block_size; /**< the strings' place */
	char *text; /**< the strings of the environment, as they lie there */
	const char **list; /**< `count` of them, and NULL */
};

/** Read all but the strings. Returns 0 or -errno; to be freed either way. */
int image_stack_read(pid_t pid, struct image_stack *stack);

/** Read the strings of the environment. Returns 0 or -errno. */
int image_stack_strings(struct image_stack *stack);

/** Are these, each with its NUL and `length` bytes in all, the arguments? */
bool image_stack_has_argv(const struct image_stack *stack, const char *argv,
			  size_t length);

/** The value in the auxiliary vector, or 0. */
uint64_t image_stack_auxiliary(const struct image_stack *stack, uint64_t type);
void image_stack_free(struct image_stack *stack);

/** Write at the new bottom, which may lie below what is mapped of the stack.
 * Returns 0 or -EFAULT. */
int image_stack_put(const struct image_stack *stack, uint64_t bottom,
		    const void *bytes, size_t size);

/**
 * Give the image another environment: `count` strings NAME=VALUE. They stand
 * where the old ones stood; or where these have no room, all together below the
 * auxiliary vector, and /proc/PID/environ is made to show that place. Where it
 * cannot be, only what does not fit stands there, and is not shown. Arguments
 * and auxiliary vector stay. `own` is as for image_shown(). Returns 0 or
 * -errno: the image is not to run then.
 */
int image_stack_write(struct image_stack *stack, const char *const *list,
		      size_t count, atomic_int *own);

#endif
