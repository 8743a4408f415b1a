/*
 * The making of a session, up to its program's first exec. Each step may rely
 * on those before it (`steps`). Until launch() has forked there are no threads
 * but for those that write the log and look for what is protected; its child
 * makes system calls alone. ready() starts the others, when the child has its
 * filter.
 */
#include "supervisor/run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/fence.h"
#include "policy/policy.h"
#include "policy/scope.h"
#include "shim/launch.h"
#include "supervisor/ask/ask.h"
#include "supervisor/audit.h"
#include "supervisor/calls/veiled.h"
#include "supervisor/cgroup.h"
#include "supervisor/credentials.h"
#include "supervisor/exits.h"
#include "supervisor/fence.h"
#include "supervisor/filter.h"
#include "supervisor/guardian.h"
#include "supervisor/identities.h"
#include "supervisor/images.h"
#include "supervisor/limits.h"
#include "supervisor/listeners.h"
#include "supervisor/loading.h"
#include "supervisor/net/agent.h"
#include "supervisor/net/client.h"
#include "supervisor/net/inspect.h"
#include "supervisor/path.h"
#include "supervisor/proc.h"
#include "supervisor/program_env.h"
#include "supervisor/say.h"
#include "supervisor/sessions.h"
#include "supervisor/slow.h"
#include "supervisor/stack/stack.h"
#include "supervisor/surroundings.h"
#include "supervisor/take_fd.h"
#include "supervisor/terminals.h"
#include "supervisor/tracer.h"
#include "supervisor/virtual/standin.h"
#include "supervisor/worker.h"

/* Landlock's, Linux 6.12. */
enum { SIGNAL_SCOPE_ABI = 6 };

static void wake(struct run *run)
{
	uint64_t one = 1;

	(void)!write(run->session.wake, &one, sizeof(one));
}

/* On the tracer's thread. */
static void program_changed(void *context, int status)
{
	struct run *run = context;

	if (WIFSTOPPED(status)) {
		run_tell(run, NOTE_STOPPED, WSTOPSIG(status));
		return;
	}
	if (WIFCONTINUED(status))
		return;
	atomic_store(&run->status, status);
	atomic_store(&run->ended, true);
	wake(run);
}

/* On the writer's thread. */
static void log_failed(void *context, int error)
{
	struct run *run = context;

	session_fail(&run->session, "the audit log cannot be written: %s",
		     strerror(error));
}

/* The effective policy, as it was loaded, beside the log. */
static int write_policy(struct run *run)
{
	int fd = openat(run->files.state_fd, "policy",
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return -errno;
	policy_show(run->given->judged ?: run->given->policy, file, false);
	int error = ferror(file) ? -EIO : 0;

	return fclose(file) ? -errno : error;
}

int run_describe(const struct run *run, int64_t status,
		 const struct audit_head *head)
{
	struct session_info info = {
		.program = (char *)(uintptr_t)run->given->options->program[0],
		.project = (char *)(uintptr_t)run->given->project,
		.pid = getpid(),
		.status = status,
		.events = head ? (int64_t)head->events : -1,
	};

	if (head)
		memcpy(info.hash, head->hash, sizeof(info.hash));
	return sessions_describe_begin(&run->files, &info);
}

static int record_start(struct run *run)
{
	char *const *argv = run->given->options->program;
	size_t length = 0, used = 0;
	struct audit_record record;

	for (size_t i = 0; argv[i]; i++)
		length += strlen(argv[i]) + 1;
	auto_free char *words = malloc(length);

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; argv[i]; i++) {
		size_t size = strlen(argv[i]) + 1;

		memcpy(words + used, argv[i], size);
		used += size;
	}
	audit_record_init(&record, AUDIT_START);
	record.pid = getpid();
	record.exe = run->given->path;
	record.argv = words;
	record.argv_length = length;
	record.cwd = run->given->project;
	return audit_add(run->session.audit, &record);
}

static int make_directories(struct run *run)
{
	const struct options *options = run->given->options;

	sessions_clear_dead();
	int error = sessions_create(options->program[0], options->session_dir,
				    &run->files);

	if (!error)
		error = run_describe(run, -1, NULL);
	if (!error)
		error = sessions_describe_end(&run->files);
	if (error)
		say("logs are kept below $XDG_STATE_HOME, or "
		    "~/.local/state: it must be a place that you, and no "
		    "other, may write to");
	return error;
}

static int make_log(struct run *run)
{
	return audit_open(run->files.state_fd, log_failed, run,
			  &run->session.audit);
}

static int make_standins(struct run *run)
{
	return standins_open(run->files.runtime_fd, &run->session.standins);
}

static int make_environment(struct run *run)
{
	return surroundings_make(run->given->judged ?: run->given->policy,
				 run->session.standins, run->session.audit,
				 run->given->judged != NULL, environ,
				 &run->environment);
}

/* From our own environment, in which secrets have become placeholders. */
static int make_program_env(struct run *run)
{
	return program_env_new(run->given->policy, run->session.standins,
			       environ, &run->session.program_env);
}

/* What the program is given at its start. */
static void learn_given(struct session *session)
{
	for (int fd = 0; fd < 3; fd++) {
		struct given_file *given = &session->given[fd];
		struct stat status;
		int flags = fcntl(fd, F_GETFL);

		given->mode = -1;
		if (flags < 0 || (flags & O_PATH) || fstat(fd, &status))
			continue;
		given->device = status.st_dev;
		given->inode = status.st_ino;
		given->mode = flags & O_ACCMODE;
	}
}

static bool is_conditional(void *context, const struct policy_rule *rule)
{
	bool *found = context;
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	*found = *found || info.has_by || info.has_under || info.has_until;
	return !*found;
}

static int make_wake(struct run *run)
{
	run->session.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return run->session.wake < 0 ? -errno : 0;
}

static int make_credentials(struct run *run)
{
	return credentials_learn(&run->session);
}

static int make_terminals(struct run *run)
{
	return terminals_new(&run->session.terminals);
}

/* Before there is a program: what its first exec comes from is us. */
static int make_images(struct run *run)
{
	struct images **images = &run->session.images;
	const struct policy_program *self;
	int error = images_new(run->given->policy, run->given->path, images);

	if (error || !images_wanted(*images))
		return error;
	return images_add(*images, getpid(), getpid(), images_self(*images),
			  NULL, &self);
}

static int make_listeners(struct run *run)
{
	run->session.listeners = listeners_new();
	return run->session.listeners ? 0 : -ENOMEM;
}

static int make_stacks(struct run *run)
{
	run->session.stacks = stacks_new(&run->session);
	return run->session.stacks ? 0 : -ENOMEM;
}

/* It is to hold nothing of what follows. */
static int make_network(struct run *run)
{
	return net_needed(&run->session)
		       ? net_start(&run->session, &run->given->broker)
		       : 0;
}

/* Secrets leave the environment, and go to the broker. */
static int make_inspection(struct run *run)
{
	if (!inspect_needed(run->given->policy))
		return 0;
	return inspect_start(&run->session, run->given->options->verbose,
			     run->files.runtime_path, run->files.runtime_fd,
			     &run->environment);
}

/* The agent, for some keys. */
static int make_agent(struct run *run)
{
	if (!agent_needed(run->given->policy))
		return 0;
	return agent_start(&run->session, run->files.runtime_path,
			   &run->environment);
}

static int make_filter(struct run *run)
{
	run->session.veils = veiled_may(&run->session);

	struct filter_options options = {
		.landlock_signal_scope =
			run->session.kernel.landlock_abi >= SIGNAL_SCOPE_ABI,
		.privileged = run->session.privileged,
		.broker = run->session.net != NULL,
		.fence = run->session.fence != NULL,
		.apart = run->session.apart,
		.veils = run->session.veils,
		.tracing = run->session.tracing,
	};

	return filter_build(&options, &run->filter);
}

/* In this order: each may rely on those before it. */
static const struct {
	const char *name; /* of what failed, for the user */
	int (*make)(struct run *run);
} steps[] = {
	{"the session's directories", make_directories},
	{"the search for the fence", run_begin_fence},
	{"the network broker", make_network},
	{"eventfd", make_wake},
	{"credentials", make_credentials},
	{"terminals", make_terminals},
	{"the audit log", make_log},
	{"writing the policy down", write_policy},
	{"the stand-ins", make_standins},
	{"the environment", make_environment},
	{"the secrets", make_inspection},
	{"the ssh agent", make_agent},
	{"the variables of some programs only", make_program_env},
	{"the first event", record_start},
	{"the programs that rules name", make_images},
	{"the listeners", make_listeners},
	{"the stacks", make_stacks},
	{"the fence", run_make_fence},
	{"the filter", make_filter},
};

int run_make(struct run *run, const char **step)
{
	const struct supervision *given = run->given;
	struct session *session = &run->session;

	*session = (struct session){
		.policy = given->policy,
		.judged = given->judged,
		.kernel = given->kernel,
		.listener = -1,
		.supervisor = getpid(),
		.ask = given->options->ask,
		.grants = given->grants,
		.cgroup = given->cgroup,
		.log_all = given->options->log_all,
		.log_stacks = given->options->log_stacks,
		.tracing = policy_tracing(given->policy),
		.apart = policy_fence_apart(given->policy),
		.limits_files =
			policy_limit(given->policy, LIMIT_FILES, NULL) >= 0,
	};
	session->umask = umask(077);
	umask(session->umask);
	policy_rules(given->policy, is_conditional, &session->conditional);
	proc_learn_mounts();
	path_learn_root_links();
	learn_given(session);
	run_begin_search(run);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		*step = steps[i].name;
		int error = steps[i].make(run);

		if (error)
			return error;
	}
	return 0;
}

static int start_asking(struct run *run)
{
	const char *program = run->given->options->program[0];
	const char *slash = strrchr(program, '/');
	struct ask_setup setup = {
		.input = run->given->input,
		.program = slash ? slash + 1 : program,
		.directory = run->files.runtime_fd,
		.terminal = run->terminal,
		.timeout = run->given->options->ask_timeout,
	};

	if (run->session.ask == ASK_DENY)
		return 0;
	return ask_start(&run->session, &setup, &run->session.questions);
}

/* One that the program is not in is of no use. */
static void drop_cgroup(struct run *run)
{
	struct session *session = &run->session;

	if (!session->cgroup || run->placed)
		return;
	if (run->given->options->verbose)
		say("no cgroup: the kernel did not let the program in");
	(void)cgroup_remove(session->cgroup);
	session->cgroup = NULL;
}

/* Between the child's filter and its exec: from here on there are threads. */
static int ready(void *context, pid_t pid, int listener)
{
	struct run *run = context;
	struct session *session = &run->session;

	session->program = pid;
	drop_cgroup(run);
	session->listener = listener;
	run_tell(run, NOTE_PROGRAM, pid);
	/* The job in front, on a terminal of the session's own. */
	if (run->given->relay)
		(void)tcsetpgrp(STDIN_FILENO, pid);
	session->takings = takings_new();
	session->loading = loading_new();
	if (!session->takings || !session->loading)
		return -ENOMEM;
	int error = exits_start(session, &session->exits);

	if (!error)
		error = tracer_start(session, program_changed, run,
				     &session->tracer);

	/* As a rule they are looked for already. */
	if (!error && !session->identities)
		error = identities_start(run->given->policy,
					 run->given->project, false, NULL,
					 &session->identities);
	if (!error)
		error = slow_new(session, &session->slow);
	if (!error && session->net)
		error = net_serve(session);
	if (!error)
		error = inspect_serve(session);
	if (!error)
		error = agent_serve(session);
	if (!error)
		error = start_asking(run);
	if (!error)
		error = limits_start(session, &session->limits);
	if (!error)
		error = workers_start(session, &run->workers);
	return error ? error : net_await_loaded(session);
}

int run_start(struct run *run, const char **step, int *exec_error)
{
	const struct supervision *given = run->given;
	struct session *session = &run->session;
	struct launch how = {
		.path = given->path,
		.argv = given->options->program,
		.environment = run->environment,
		.filter = &run->filter,
		.landlock_abi = session->kernel.landlock_abi,
		.ruleset = run->ruleset,
		.capabilities = session->capabilities,
		.privileged = session->privileged,
		.group = given->relay ? -1 : given->group,
		.ignored = &given->ignored,
		.mask = &given->mask,
		.cgroup = given->cgroup ? cgroup_directory(given->cgroup) : -1,
		.placed = &run->placed,
		.ready = ready,
		.context = run,
	};
	int result_pipe;

	for (int i = 0; i < LIMIT_COUNT; i++)
		how.limits[i] =
			policy_limit(given->policy, (enum policy_limit)i, NULL);
	pid_t pid = launch(&how, &result_pipe, step);

	if (run->ruleset >= 0)
		close(run->ruleset);
	/* Nobody of the same user may look into it from now on. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (pid < 0)
		return pid;
	*exec_error = launch_result(result_pipe);
	close(result_pipe);
	net_go_on(session);
	return 0;
}
