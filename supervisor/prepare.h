/*
 * A new image made ready, while it stands at PTRACE_EVENT_EXEC and has been
 * compared with what was decided: it is known as the program that it is, and
 * has the environment that is meant for it.
 */
#ifndef SUPERVISOR_PREPARE_H
#define SUPERVISOR_PREPARE_H

struct exec_plan;
struct image_stack;
struct session;

/** Make the image ready that has this stack, which is used up by it. Returns 0,
 * or -errno: the image must not run. */
int prepare_image(struct session *session, struct image_stack *stack,
		  const struct exec_plan *plan);

#endif
