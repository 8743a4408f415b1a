/*
 * The search for a session's fence, beside the making of the session: threads
 * of its own look for other names of what is protected, and for the fence. They
 * have ended before the session's program is forked.
 */
#ifndef SUPERVISOR_FENCE_SEARCH_H
#define SUPERVISOR_FENCE_SEARCH_H

#include <stdbool.h>

struct fence;
struct fence_search;
struct identities;
struct policy;

struct fence_search_input {
	const struct policy *policy; /**< stays the caller's, as all of these */
	const char *project;
	const char *home, *repository; /**< as of struct fence_input */
	const char *program;	     /**< the file that is started */
	const char *state, *runtime; /**< the session's own directories */
	bool strict;		     /**< as of struct fence_input */
	int abi;		     /**< of Landlock */
};

struct fence_found {
	struct fence *fence;	       /**< the caller's; or NULL */
	struct identities *identities; /**< the caller's; or NULL */
	int ruleset;		       /**< the caller's descriptor; -1: none */
	int error;	   /**< why there is no ruleset: -errno; or 0 */
	const char *where; /**< what went wrong or cannot be used: a static
				text */
};

/** Begin to look for other names. Returns an object for fence_search_end(), or
 * NULL without memory. */
struct fence_search *fence_search_begin(const struct policy *policy,
					const char *project);

/** Begin to look for the fence, too. Without memory for a thread it is looked
 * for in fence_search_end(). */
void fence_search_fence(struct fence_search *search,
			const struct fence_search_input *input);

/** Wait for what was found. Frees the search; NULL: found is -ENOMEM. */
void fence_search_end(struct fence_search *search, struct fence_found *found);

#endif
