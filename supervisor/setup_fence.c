/*
 * A session's fence, and what programs need to make use of it, among the steps
 * of setup.c.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "shim/names.h"
#include "supervisor/fence.h"
#include "supervisor/fence_search.h"
#include "supervisor/identities.h"
#include "supervisor/options.h"
#include "supervisor/preload.h"
#include "supervisor/run_state.h"
#include "supervisor/say.h"
#include "supervisor/sealed.h"
#include "supervisor/worth.h"

/* Why there is no fence although one was asked for; NULL: there is. */
static const char *fence_missing(const struct run *run)
{
	const struct options *options = run->given->options;

	if (run->given->judged)
		return "in a dry run all is recorded";
	if (options->log_all)
		return "--log all records what it lets pass";
	if (run->session.kernel.landlock_abi < FENCE_ABI)
		return "the kernel's Landlock is older than Linux 6.2, or off";
	return NULL;
}

/* All is trapped then: slower, no weaker. */
static int without_fence(struct run *run, const char *why, int error)
{
	struct session *session = &run->session;

	if (run->given->options->verbose)
		say("no fence: %s%s%s", why, error ? ": " : "",
		    error ? strerror(-error) : "");
	fence_free(session->fence);
	sealed_free(session->sealed);
	preload_free(session->preload);
	session->fence = NULL;
	session->sealed = NULL;
	session->preload = NULL;
	scope_close_fd(&run->ruleset);
	run->ruleset = -1;
	return 0;
}

void run_begin_search(struct run *run)
{
	const struct supervision *given = run->given;

	if (given->options->fence != FENCE_OFF && !fence_missing(run))
		run->search = fence_search_begin(given->policy, given->project);
	else if (given->broker.control >= 0)
		/* The first exec waits for them. Where there is no more to be
		 * made than without a broker, they cost more beside it. */
		(void)identities_start(given->policy, given->project, true,
				       NULL, &run->session.identities);
}

/* It stays out of the session's directories, which are there. */
int run_begin_fence(struct run *run)
{
	const struct fence_search_input input = {
		.policy = run->given->policy,
		.project = run->given->project,
		.home = run->given->home,
		.repository = run->given->repository,
		.program = run->given->path,
		.state = run->files.state_path,
		.runtime = run->files.runtime_path,
		.strict = run->given->options->fence == FENCE_STRICT,
		.abi = run->session.kernel.landlock_abi,
	};

	if (run->search)
		fence_search_fence(run->search, &input);
	return 0;
}

/* Programs load it first, and make their calls at the gate. */
static int make_preload(struct run *run, const char **why)
{
	auto_free struct shim_names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	*why = "names that the policy has";
	int error = fence_names(run->given->policy, names);

	if (error)
		return error;
	error = preload_new(names, run->session.apart, run->files.runtime_fd,
			    run->files.runtime_path, &run->session.preload,
			    why);
	if (error)
		return error;
	*why = "the library for programs cannot be put into the fence";
	/* Whoever opens it by its path may read it: file.c. */
	auto_fd file = preload_open(run->session.preload);

	return file < 0 ? file : fence_ruleset_add(run->ruleset, file);
}

int run_make_fence(struct run *run)
{
	const char *why = fence_missing(run);
	struct session *session = &run->session;

	if (run->given->options->fence == FENCE_OFF)
		return 0;
	if (why)
		return without_fence(run, why, 0);
	struct fence_found found;

	fence_search_end(run->search, &found);
	run->search = NULL;
	session->identities = found.identities;
	session->fence = found.fence;
	run->ruleset = found.ruleset;
	if (found.ruleset < 0)
		return without_fence(run, found.where, found.error);
	session->sealed = sealed_new();
	if (!session->sealed)
		return -ENOMEM;
	int error = make_preload(run, &why);

	if (error)
		return without_fence(run, why, error);
	session->worth = worth_new();
	return session->worth ? 0 : -ENOMEM;
}
