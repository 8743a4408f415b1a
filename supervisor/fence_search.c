/*
 * Theory of operation. Nearly always nothing that is protected has another
 * name, and then it makes no difference to the fence that other names were not
 * known while it was looked for: so both are looked for at once. Where there is
 * one, the fence is looked for again. Both read the same directories, each of
 * which is kept for the other (entries.h).
 */
#include "supervisor/fence_search.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "policy/scope.h"
#include "supervisor/entries.h"
#include "supervisor/fence.h"
#include "supervisor/identities.h"

enum {
	/* Bytes of directories: a million entries and more. */
	MOST_LISTED = 64 * 1024 * 1024,
	/* Bytes: of each level of a walk there are two paths. */
	STACK = 2 * 1024 * 1024,
};

struct fence_search {
	struct fence_search_input input;
	struct fence_found found;
	struct listings *listings;
	pthread_t thread;
	bool threaded;
};

struct fence_search *fence_search_begin(const struct policy *policy,
					const char *project)
{
	struct fence_search *search = calloc(1, sizeof(*search));

	if (!search)
		return NULL;
	search->found.ruleset = -1;
	search->listings = listings_new(MOST_LISTED);
	/* Else they are looked for later. */
	if (search->listings)
		(void)identities_start(policy, project, true, search->listings,
				       &search->found.identities);
	return search;
}

static int find_fence(struct fence_search *search)
{
	const struct fence_search_input *given = &search->input;
	struct fence_found *found = &search->found;
	auto_free char *program = realpath(given->program, NULL);
	const char *kept[] = {given->state, given->runtime, NULL};
	struct fence_input input = {
		.policy = given->policy,
		.project = given->project,
		.home = given->home,
		.repository = given->repository,
		.program = program,
		.strict = given->strict,
		.listings = search->listings,
		.kept = kept,
	};
	int error = search->listings ? 0 : -ENOMEM;

	if (found->identities) {
		if (!error)
			error = fence_find(&input, &found->fence);
		identities_await(found->identities);
	} else if (!error) {
		error = identities_scan(input.policy, input.project,
					input.listings, &found->identities);
	}
	input.identities = found->identities;
	if (!error && found->fence && identities_any(input.identities)) {
		fence_free(found->fence);
		found->fence = NULL;
	}
	if (!error && !found->fence)
		error = fence_find(&input, &found->fence);
	return error;
}

static void *run(void *context)
{
	struct fence_search *search = context;
	struct fence_found *found = &search->found;

	found->where = "looking for it";
	found->error = find_fence(search);
	if (found->error)
		return NULL;
	found->where = fence_useless(found->fence);
	if (found->where)
		return NULL;
	found->where = "Landlock";
	found->ruleset = fence_ruleset(found->fence, search->input.abi);
	if (found->ruleset < 0) {
		found->error = found->ruleset;
		found->ruleset = -1;
	}
	return NULL;
}

void fence_search_fence(struct fence_search *search,
			const struct fence_search_input *input)
{
	pthread_attr_t attributes;
	sigset_t all, before;

	search->input = *input;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	search->threaded =
		pthread_create(&search->thread, &attributes, run, search) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
}

void fence_search_end(struct fence_search *search, struct fence_found *found)
{
	if (!search) {
		*found = (struct fence_found){
			.ruleset = -1,
			.error = -ENOMEM,
			.where = "looking for it",
		};
		return;
	}
	if (search->threaded)
		pthread_join(search->thread, NULL);
	else
		(void)run(search);
	*found = search->found;
	listings_free(search->listings);
	free(search);
}
