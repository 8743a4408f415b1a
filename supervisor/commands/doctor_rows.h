/*
 * The production filter, tried row by row on a child.
 */
#ifndef SUPERVISOR_COMMANDS_DOCTOR_ROWS_H
#define SUPERVISOR_COMMANDS_DOCTOR_ROWS_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_features;

/** How the rows of the table were met. */
struct doctor_rows {
	size_t native, notified, refused, arguments;
	size_t untried; /**< cannot be called without harm */
	size_t wrong;	/**< did something else than the table says */
	char first_wrong[128];
};

/**
 * Install the filter on a child and make every call of the table there, with
 * arguments that make the kernel refuse it. Returns 0, or -errno with the step
 * that failed in `step` (static).
 */
int doctor_try_rows(const struct kernel_features *features, bool privileged,
		    struct doctor_rows *rows, const char **step);

#endif
