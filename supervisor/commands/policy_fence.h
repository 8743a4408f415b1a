#ifndef SUPERVISOR_COMMANDS_POLICY_FENCE_H
#define SUPERVISOR_COMMANDS_POLICY_FENCE_H

#include <stdbool.h>

struct policy;

/**
 * Print what a session's fence under this policy would be, and what is left out
 * and why. `repository` is git's directory of the project. Returns 0, or -errno
 * with a line written.
 */
int policy_fence_show(const struct policy *policy, const char *project,
		      const char *home, const char *repository, bool json);

#endif
