/*
 * The environment that the program starts with: the user's, less what the
 * policy takes out of it, and with placeholders where it says so.
 */
#ifndef SUPERVISOR_SURROUNDINGS_H
#define SUPERVISOR_SURROUNDINGS_H

struct audit;
struct policy;
struct standins;

#include <stdbool.h>

/**
 * Decide about each variable of `environment`. Values that are kept from the
 * program are kept from the log, too. In a dry run every variable is given and
 * recorded with what would have been decided. Returns 0 and a list for
 * surroundings_free(), or -ENOMEM.
 */
int surroundings_make(const struct policy *policy, struct standins *standins,
		      struct audit *audit, bool dry_run,
		      char *const *environment,
		      char ***result);
void surroundings_free(char **list);

#endif
