/*
 * The shim put into a new image: one variable of its environment, at
 * PTRACE_EVENT_EXEC, where neither the program nor /proc/PID/environ shows it.
 */
#ifndef SUPERVISOR_IMAGE_PRELOAD_H
#define SUPERVISOR_IMAGE_PRELOAD_H

struct image_stack;

/**
 * Have the loader of the image with this stack, which is used up by it, load
 * `path` first, before what the program's own LD_PRELOAD says. Nothing is done,
 * and 0 returned, where the loader would not heed it (AT_SECURE), or would show
 * it (ldd). Returns 0 or -errno: the image is not to run then.
 */
int image_preload(struct image_stack *stack, const char *path);

#endif
