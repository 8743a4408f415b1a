/*
 * Mistakes and warnings, each with its place. Adding never fails loudly: a
 * lost one is remembered, and loading then ends with -ENOMEM.
 */
#ifndef POLICY_DIAGNOSTICS_H
#define POLICY_DIAGNOSTICS_H

#include "policy/policy.h"

/** Where something stands in a policy's text. */
struct place {
	const char *file;
	const char *line_start; /**< the bytes of the line that is shown */
	size_t line_length;
	unsigned line, column, width;
};

/** Was anything lost for want of memory? */
bool diagnostics_failed(const struct policy_diagnostics *list);

/** Add a mistake; `hint` may be NULL. */
void diagnostics_error(struct policy_diagnostics *list,
		       const struct place *place, const char *hint,
		       const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Add a warning; `hint` may be NULL. */
void diagnostics_warn(struct policy_diagnostics *list,
		      const struct place *place, const char *hint,
		      const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
