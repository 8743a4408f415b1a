/*
 * The names that the shim leaves to the supervisor: of what is hidden or faked,
 * since metadata is not refused by the kernel's fence, and of patterns that
 * float, since a file may appear that they are about.
 */
#include "policy/fence.h"
#include "shim/names.h"
#include "supervisor/fence.h"

struct filling {
	struct shim_names *names;
	int error;
};

static bool add(void *context, const char *pattern, bool floats)
{
	struct filling *filling = context;

	filling->error = shim_names_add(filling->names, pattern, floats);
	return !filling->error;
}

int fence_names(const struct policy *policy, struct shim_names *names)
{
	struct filling filling = {.names = names};

	/* Of a program that is kept apart others learn nothing there. */
	if (policy_fence_apart(policy))
		(void)add(&filling, "proc", true);
	if (!filling.error)
		policy_fence_components(policy, add, &filling);
	return filling.error;
}
