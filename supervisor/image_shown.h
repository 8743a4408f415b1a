/*
 * What /proc shows as the environment of a new image: a range of its memory
 * that the kernel remembers, which only the image's own prctl(2) moves. The
 * image is made to call it at PTRACE_EVENT_EXEC, at the system call instruction
 * of its vDSO (supervisor/inject.h).
 */
#ifndef SUPERVISOR_IMAGE_SHOWN_H
#define SUPERVISOR_IMAGE_SHOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct image_stack;

/** The address behind a system call instruction of the image's vDSO, or 0. */
uint64_t image_call(const struct image_stack *stack);

/** Has it a filter of its own, which could end it for a call that it is made to
 * make? Or can that not be told? */
bool image_filtered(pid_t pid);

/**
 * Have the kernel show this range as the image's environment. The stack's
 * registers are then those at the exit of its exec, where it stands. The thread
 * is named in `own` while it makes the call, so that the filter lets that go
 * on.
 *
 * Returns 0; -ENOTSUP where it cannot be (a kernel without
 * CONFIG_CHECKPOINT_RESTORE, no vDSO, filters of the program's own) and all is
 * as before; or another -errno, after which the image must not run.
 */
int image_shown(struct image_stack *stack, atomic_int *own, uint64_t start,
		uint64_t end);

#endif
