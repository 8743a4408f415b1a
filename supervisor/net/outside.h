/*
 * Commands of the user's that run outside of the session while it runs: no
 * member of it, and no child of the supervisor's, whose descendants are.
 */
#ifndef SUPERVISOR_NET_OUTSIDE_H
#define SUPERVISOR_NET_OUTSIDE_H

#include <stdbool.h>
#include <sys/types.h>

struct outside {
	int out;    /**< what it prints */
	int status; /**< how it ended: one int, as of wait(2) */
	pid_t group;
};

/**
 * Start the shell's command. `apart`: without the terminal, which is a
 * program's by now. Returns 0 and an object for outside_end(), or -errno.
 */
int outside_start(const char *command, bool apart, struct outside *run);

/** Wait for its end, which comes with that of its output; `killed`: at once.
 * Returns 0, or -ECHILD where it failed. */
int outside_end(struct outside *run, bool killed);

#endif
