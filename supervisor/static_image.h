/*
 * The shim put into new images that have a libc of their own in them, at
 * PTRACE_EVENT_EXEC: no loader brings it there (shim/static.h).
 */
#ifndef SUPERVISOR_STATIC_IMAGE_H
#define SUPERVISOR_STATIC_IMAGE_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>

struct exec_plan;
struct image_stack;
struct static_images;
struct static_program;

/** As go_images_new(). */
struct static_images *static_images_new(const char *file, size_t size);
void static_images_free(struct static_images *images);

/**
 * What is known of the program whose image has this stack, which stands at
 * PTRACE_EVENT_EXEC; NULL where there is nothing to change, where it has a
 * loader, is in Go, or is AT_SECURE. Stays until the next call. `images` may be
 * NULL.
 */
const struct static_program *static_image_find(struct static_images *images,
					       const struct image_stack *stack,
					       const struct exec_plan *plan);

/**
 * Have the image make its file calls by way of the shim. Where that cannot be
 * it stays as it is.
 *
 * The stack's registers are then those of where it stands. Returns 0, or
 * -errno: the image must not run.
 */
int static_image_join(struct static_images *images, struct image_stack *stack,
		      const struct static_program *program);

/** Does the process run such an image, as its memory says? */
bool static_image_is(pid_t tid);

/** A filter of the process's own is about to be: its image, where it was
 * joined, makes no call any more but those of its program. */
void static_image_forgo(pid_t tid);

#endif
