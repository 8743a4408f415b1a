/*
 * interpose apply [SESSION] [FILE...]: show what was written to stand-ins, and
 * put it on the real files with the placeholders turned back.
 */
#ifndef SUPERVISOR_COMMANDS_APPLY_H
#define SUPERVISOR_COMMANDS_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct apply_options {
	const char *const *files; /**< only these, and what is below them */
	size_t file_count;
	bool yes; /**< put them without asking */
	/**
	 * Ask a person; NULL: nobody is there, so it is only shown. `count` is
	 * the number of steps.
	 */
	bool (*confirm)(void *context, size_t count);
	void *context;
	FILE *out;    /**< the differences */
	FILE *errors; /**< what was refused, and why */
};

/**
 * Apply what standins_keep() left in a session's open state directory. No
 * real value is written to `out` or `errors`.
 *
 * Returns 0; 1 where something was refused or failed, or a named file was not
 * changed in the session; or -errno where nothing could be done: -ENOENT where
 * no stand-in was changed.
 */
int apply_run(int state_directory, const struct apply_options *options);

/**
 * Find a session by its id or a unique start of one (NULL: the newest) and
 * open its state directory. Returns 0 and a descriptor, -ENOENT where there
 * is none, or -errno.
 */
typedef int apply_find(const char *session, int *state_directory);

/** The command itself, given how sessions are found. Returns the exit status.
 */
int apply_command(int argc, char **argv, apply_find *find);

#endif
