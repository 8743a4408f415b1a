/*
 * The shim put into new images that are programs in Go, at PTRACE_EVENT_EXEC:
 * no loader brings it there, and what it changes is no libc (shim/go.h).
 */
#ifndef SUPERVISOR_GO_IMAGE_H
#define SUPERVISOR_GO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct exec_plan;
struct go_images;
struct image_stack;

/** Make what programs are to be given of the shim's file, the session's table
 * in it. Returns an object for go_images_free(); NULL where it cannot be. */
struct go_images *go_images_new(const char *file, size_t size);
void go_images_free(struct go_images *images);

/**
 * The address of the function that makes the calls of the image with this
 * stack, which stands at PTRACE_EVENT_EXEC; 0 where it is no program in Go, or
 * AT_SECURE. `images` may be NULL.
 */
uint64_t go_image_find(struct go_images *images,
		       const struct image_stack *stack,
		       const struct exec_plan *plan);

/**
 * Have the image make its file calls by way of the shim, from the function that
 * was found. Where that cannot be it stays as it is.
 *
 * The stack's registers are then those of where it stands. Returns 0, or
 * -errno: the image must not run.
 */
int go_image_join(struct go_images *images, struct image_stack *stack,
		  uint64_t site);

#endif
