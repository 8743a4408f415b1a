/*
 * Theory of operation. What a session does to its programs is tried on a child
 * that is forked while there is little memory. While the policy is loaded,
 * another thread looks how the child fares, and looks through libc's code for
 * the sake of the fence (preload.h). It shares nothing with the loading, and
 * has ended before anything follows from either: the guardian forks with one
 * thread.
 */
#include "supervisor/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/ask/grants.h"
#include "supervisor/ask/relay.h"
#include "supervisor/ask/terminal.h"
#include "supervisor/cgroup.h"
#include "supervisor/guardian.h"
#include "supervisor/kernel.h"
#include "supervisor/layers.h"
#include "supervisor/limits.h"
#include "supervisor/net/client.h"
#include "supervisor/net/start.h"
#include "supervisor/options.h"
#include "supervisor/output.h"
#include "supervisor/preload.h"
#include "supervisor/proposal.h"
#include "supervisor/say.h"
#include "supervisor/supervisor.h"

enum {
	FAILED = 125,
	NOT_EXECUTABLE = 126,
	NOT_FOUND = 127,
};

/* ---------------------------------------------------------- the program -- */

/* As execvp(3): a name with a slash is a path, others are looked for on PATH.
 * Returns 0, or the exit status where there is none. */
static int find_on_path(const char *name, char *path)
{
	const char *list = getenv("PATH");
	int status = NOT_FOUND;

	for (const char *from = list ? list : "/usr/local/bin:/usr/bin:/bin";
	     ;) {
		size_t length = strcspn(from, ":");
		int size = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length,
				    from, length ? "/" : "", name);
		struct stat file;

		if (size > 0 && size < PATH_MAX && stat(path, &file) == 0 &&
		    S_ISREG(file.st_mode)) {
			if (access(path, X_OK) == 0)
				return 0;
			status = NOT_EXECUTABLE;
		}
		if (from[length] == '\0')
			return status;
		from += length + 1;
	}
}

static int find_program(const char *name, char *path)
{
	if (!strchr(name, '/'))
		return name[0] ? find_on_path(name, path) : NOT_FOUND;
	snprintf(path, PATH_MAX, "%s", name);
	if (access(path, F_OK))
		return NOT_FOUND;
	return access(path, X_OK) ? NOT_EXECUTABLE : 0;
}

/* ----------------------------------------------------------- the policy -- */

/* What serves a dry run: all is allowed but what the guard keeps. */
static const char *const allow_all[] = {
	"allow read,write,exec /**",
	"allow connect,listen * udp:*:* unix:/** unix:@*",
	"allow env *",
};

static int load_allow_all(const struct options *options, const char *included,
			  struct policy **policy)
{
	const struct layers_options wanted = {
		.rules = allow_all,
		.rule_count = sizeof(allow_all) / sizeof(*allow_all),
		.only = true,
		.project = options->project,
		.session_dir = options->session_dir,
		.kept = options->policies,
		.kept_count = options->policy_count,
		.included = included,
	};
	struct layers *layers = NULL;
	int error = layers_load(&wanted, stderr, &layers);

	if (!error)
		error = layers_policy(layers, false, stderr, policy);
	layers_free(layers);
	return error;
}

/* There is time until the policy is made of the rules. Where it cannot be
 * started, the supervisor tries once more, and says why. */
static void start_broker(void *context, const struct policy *policy)
{
	struct broker_started *broker = context;

	if (net_named(policy) && broker_start(false, broker))
		*broker = BROKER_NOT_STARTED;
}

static int load(const struct options *options, struct layers **layers,
		struct policy **policy, struct policy **served,
		struct broker_started *broker)
{
	const char *name = strrchr(options->program[0], '/');
	const struct layers_options wanted = {
		.program = name ? name + 1 : options->program[0],
		.policies = options->policies,
		.policy_count = options->policy_count,
		.rules = options->rules,
		.rule_count = options->rule_count,
		.only = options->only,
		.project = options->project,
		.session_dir = options->session_dir,
		.kept = options->policies,
		.kept_count = options->policy_count,
		.keeps_read = true,
		.known = start_broker,
		.known_context = broker,
	};
	int error = layers_load(&wanted, stderr, layers);

	if (!error)
		error = layers_policy(*layers, false, stderr, policy);
	if (!error && options->dry_run)
		error = load_allow_all(options, layers_included(*layers),
				       served);
	return error;
}

/* Descriptors that the caller left open are nobody's: one could be a ring, or a
 * secret. Linux 5.9 */
static void close_inherited(void)
{
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* A program that was started without one of the first three must not get one
 * of ours in its place. */
static int keep_standard(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* Closed for the program again at its exec. */
		if (open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -EBADF;
	}
	return 0;
}

/* As they were when we were started: the program is to find them so. */
static void learn_signals(struct supervision *supervision)
{
	sigemptyset(&supervision->ignored);
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN)
			sigaddset(&supervision->ignored, number);
	}
	sigprocmask(SIG_SETMASK, NULL, &supervision->mask);
}

/* Who answers: the person at the terminal, where there is one. Returns 0, or
 * the exit status. */
static int prepare_asking(struct options *options, const struct policy *policy,
			  struct relay **relay)
{
	bool possible = terminal_possible(options->ask_chosen);

	if (options->dry_run) {
		options->ask = ASK_DENY; /* nothing is asked */
		return 0;
	}
	if (!options->ask_chosen)
		options->ask = possible ? ASK_TTY : ASK_DENY;
	if (options->ask != ASK_TTY && options->ask != ASK_LINES)
		return 0;
	if (!possible) {
		say("--ask: there is no terminal to ask at; use --ask socket "
		    "and `interpose approve`, or --ask deny");
		return FAILED;
	}
	const struct relay_options wanted = {
		.lines = options->ask == ASK_LINES,
		.clipboard_read =
			policy_clipboard(policy, POLICY_CLIPBOARD_READ, NULL),
		.clipboard_write =
			policy_clipboard(policy, POLICY_CLIPBOARD_WRITE, NULL),
	};
	int error = relay_new(&wanted, relay);

	if (error)
		say("a terminal for the session: %s", strerror(-error));
	return error ? FAILED : 0;
}

/* Known to the guardian, too, and so made before it parts with the supervisor.
 * It is quietly done without. */
static void make_cgroup(struct supervision *supervision)
{
	int error = limits_cgroup(supervision->policy, &supervision->cgroup);

	if (error && supervision->options->verbose)
		say("no cgroup for the limits: %s",
		    error == -ENOENT ? "none is ours to divide"
				     : strerror(-error));
}

/* With the policy loaded: what is left to be wrong, and then the session. */
static int run_under(struct options *options, const struct layers *layers,
		     const struct policy *policy, const struct policy *served,
		     const struct kernel_features *kernel,
		     const struct broker_started *broker)
{
	char path[PATH_MAX];

	int status = find_program(options->program[0], path);

	if (status) {
		say("%s: %s", options->program[0],
		    status == NOT_FOUND ? "there is no such program"
					: "it may not be executed");
		return status;
	}
	int error = proposal_open(options);

	if (error) {
		say("the proposal in %s could not be written: %s",
		    options->proposal, output_error(error));
		return FAILED;
	}
	struct supervision supervision = {
		.options = options,
		.policy = served ?: policy,
		.judged = served ? policy : NULL,
		.input = layers_input(layers),
		.path = path,
		.project = layers_variable(layers, "project"),
		.home = layers_variable(layers, "home"),
		.repository = layers_variable(layers, "gitdir"),
		.group = getpgrp(),
		.kernel = *kernel,
		.broker = *broker,
	};

	learn_signals(&supervision);
	status = prepare_asking(options, policy, &supervision.relay);
	if (status)
		return status;
	if (grants_new(supervision.input, !options->only, &supervision.grants))
		return FAILED;
	make_cgroup(&supervision);
	const int theirs[BROKER_FDS] = {broker->control, broker->hold,
					broker->pidfd};

	status = guardian_run(supervise, &supervision, supervision.relay,
			      supervision.cgroup, theirs, BROKER_FDS);
	/* Here once more: the supervisor may have been killed. */
	(void)cgroup_remove(supervision.cgroup);
	cgroup_free(supervision.cgroup);
	grants_free(supervision.grants);
	return status;
}

/* What is done beside the loading of the policy. */
struct beside {
	struct kernel_trial trial;
	struct kernel_features kernel;
	char why[512]; /* not to go on */
	int error;
	bool fence;
	bool threaded;
	pthread_t thread;
};

static void *look_beside(void *context)
{
	struct beside *beside = context;

	beside->error = kernel_probe_end(&beside->trial, &beside->kernel,
					 beside->why, sizeof(beside->why));
	if (!beside->error && beside->fence)
		preload_look();
	return NULL;
}

static int begin_beside(const struct options *options, struct beside *beside)
{
	sigset_t all, before;
	int error = kernel_probe_begin(&beside->trial, beside->why,
				       sizeof(beside->why));

	if (error)
		return error;
	beside->fence = options->fence != FENCE_OFF && !options->dry_run &&
			!options->log_all;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	beside->threaded =
		pthread_create(&beside->thread, NULL, look_beside, beside) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return 0;
}

static int end_beside(struct beside *beside)
{
	if (beside->threaded)
		pthread_join(beside->thread, NULL);
	else
		(void)look_beside(beside);
	return beside->error;
}

int run_program(int argc, char **argv)
{
	/* Not freed: they are large, and the process ends with this. */
	static struct layers *layers;
	static struct policy *policy, *served;
	struct options options;
	struct beside beside = {0};
	struct broker_started broker = BROKER_NOT_STARTED;
	int status = options_parse(argc, argv, &options);

	if (status >= 0)
		return status;
	/* What loading frees is put together as it is freed. Else it would be
	 * at the supervisor's first larger allocation, page by page, when the
	 * guardian shares them. */
	mallopt(M_MXFAST, 0);
	close_inherited();
	if (keep_standard())
		return FAILED;
	int error = begin_beside(&options, &beside);

	if (!error) {
		status = load(&options, &layers, &policy, &served, &broker);
		error = end_beside(&beside);
	}
	if (error) {
		say("%s", beside.why);
		return FAILED;
	}
	if (status)
		return FAILED;
	return run_under(&options, layers, policy, served, &beside.kernel,
			 &broker);
}
