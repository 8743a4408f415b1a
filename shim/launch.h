/*
 * Between fork and exec: the child puts itself under the session's rules and
 * becomes the program.
 *
 * Everything here is one way and fails closed: the child exits, and the cause
 * comes back over a pipe. After the filter is in force, the exec itself is the
 * first call that the supervisor decides about.
 */
#ifndef SHIM_LAUNCH_H
#define SHIM_LAUNCH_H

#include <linux/filter.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launch {
	const char *path;   /**< the program's file, found on PATH */
	char *const *argv;  /**< NULL ends */
	char *const *environment;
	const struct sock_fprog *filter;
	int landlock_abi;      /**< 0: no domain */
	/** A Landlock ruleset to go under, with scopes, made by the caller;
	 * -1: one that handles next to nothing is made. */
	int ruleset;
	uint64_t capabilities; /**< what the program keeps of them */
	bool privileged;       /**< there are capabilities to give up */
	pid_t group;           /**< process group to join; -1: one of its own */
	/** Signals that interpose was started with as ignored, and its mask:
	 * the program's, as if it had been started in its place. */
	const sigset_t *ignored, *mask;
	int64_t limits[8];     /**< by enum policy_limit; -1: none */
	/** A cgroup's directory, in which the child is born where the kernel
	 * lets it; -1: in ours. `placed` is told, before ready(). */
	int cgroup;
	bool *placed;
	/** Called by the parent before the child may exec, with the pid and
	 * the listener; returns 0 or -errno: the launch ends. */
	int (*ready)(void *context, pid_t pid, int listener);
	void *context;
};

/**
 * Start the program. The process must have one thread only.
 *
 * Returns its pid, or -errno with what failed in `step` (static). An exec that
 * fails is told by launch_result().
 */
pid_t launch(const struct launch *launch, int *result_pipe, const char **step);

/** What became of the exec: 0 once the program runs, -errno where it could not,
 * from the pipe that launch() returned. Blocks until then. */
int launch_result(int result_pipe);

#endif
