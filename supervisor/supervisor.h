/*
 * The supervisor: makes the session, starts the program, serves its calls until
 * it ends.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <signal.h>

#include "supervisor/net/start.h"
#include "supervisor/options.h"
#include "supervisor/session.h"

struct cgroup;
struct grants;
struct policy;
struct policy_input;
struct relay;

/** What is ready before the supervisor is forked. */
struct supervision {
	const struct options *options;
	const struct policy *policy;
	const struct policy *judged; /**< see session.h; NULL: no dry run */
	const struct policy_input *input; /**< what it was loaded from */
	struct grants *grants;		  /**< of persons */
	struct cgroup *cgroup;		  /**< for the program; NULL: none */
	struct relay *relay; /**< the session's terminal; NULL: the user's */
	struct kernel_features kernel;
	const char *path;	/**< the program's file */
	const char *project;	/**< the project's directory */
	const char *home;	/**< the user's; or NULL */
	const char *repository; /**< git's directory of it; or NULL */
	pid_t group;		/**< the process group the program joins */
	sigset_t ignored;	/**< signals that were ignored at the start */
	sigset_t mask;		/**< and those that were blocked */
	/** Where it was needed by the rules alone; the supervisor's. */
	struct broker_started broker;
};

/** Run a session. Called in a process of its own by guardian_run(). Returns the
 * exit status of that process. */
int supervise(void *context, int notes, int guardian);

#endif
