#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "supervisor/call.h"
#include "supervisor/path_steps.h"
#include "supervisor/virtual/standin.h"

/* A real file, read so that a stand-in can be made from it: with the ids of the
 * calling thread, which the worker has on. */
static int read_real(void *context, const char *path)
{
	(void)context;
	return path_openat2(AT_FDCWD, path,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
			    RESOLVE_NO_SYMLINKS);
}

static const struct policy_fake *fake_of(void *context, const char *path)
{
	struct call *call = context;
	struct policy_decision decision;
	struct policy_query query;

	call_query(call, &query, ACTION_READ, path, strlen(path));
	policy_decide(call->session->policy, &query, &decision);
	return decision.verdict == VERDICT_FAKE ? decision.fake : NULL;
}

int path_open_standin(struct call *call, const struct policy_fake *fake,
		      const char *path)
{
	const struct standin_host host = {
		.read = read_real,
		.fake = fake_of,
		.context = call,
	};
	struct standins *standins = call->session->standins;
	int error = standins_prepare(standins, fake, path, &host);

	if (error)
		return error;
	return path_openat2(standins_root(standins), path[1] ? path + 1 : ".",
			    O_PATH | O_NOFOLLOW,
			    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}
