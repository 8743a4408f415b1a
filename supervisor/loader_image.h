/*
 * New images whose loader opens libraries at the gate: changed at
 * PTRACE_EVENT_EXEC (shim/loader.h).
 */
#ifndef SUPERVISOR_LOADER_IMAGE_H
#define SUPERVISOR_LOADER_IMAGE_H

struct image_stack;
struct loader_code;

/**
 * Change the loader of the image with this stack, where it is the one that
 * `code` was made for; NULL: none is. Returns 0, or -errno: the image is not to
 * run then.
 */
int loader_image_join(const struct loader_code *code,
		      struct image_stack *stack);

#endif
