#include "supervisor/limits.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/census.h"
#include "supervisor/cgroup.h"
#include "supervisor/record.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/worker.h"

enum {
	SHORTEST_MS = 100,
	LONGEST_MS = 1000,
	SHARE = 20,  /* a census costs at most this part of the time */
	RUNAWAY = 2, /* times the limit on processes: no killing helps */
	ROOM = 512,  /* for threads that start between two looks */
};

struct limits {
	struct session *session;
	int64_t values[LIMIT_COUNT];
	struct policy_line lines[LIMIT_COUNT];
	pthread_t thread;
	int wake;			/* eventfd: the thread shall end */
	uint64_t started;		/* ms */
	const struct cgroup *cgroup;	/* NULL: none */
	int memory_events, pids_events; /* of the cgroup; -1: none */
	uint64_t killed, refused;	/* what these said */
	struct census census;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool has(const struct limits *limits, enum policy_limit which)
{
	return limits->values[which] >= 0;
}

/* ------------------------------------------------------------- what is done --
 */

static void note(struct limits *limits, enum policy_limit which,
		 const struct census_member *member, const char *message)
{
	atomic_fetch_add(&limits->session->limited, 1);
	record_limit(limits->session, &limits->lines[which],
		     member ? member->pid : 0, message);
}

static const char *size_text(uint64_t bytes, char text[24])
{
	snprintf(text, 24, "%.1f MB", (double)bytes / (1024 * 1024));
	return text;
}

static void check_memory(struct limits *limits)
{
	const struct census *census = &limits->census;
	const struct census_member *most = NULL;
	char message[160], all[24], one[24];

	if (!has(limits, LIMIT_MEMORY) || limits->cgroup ||
	    census->memory <= (uint64_t)limits->values[LIMIT_MEMORY])
		return;
	for (size_t i = 0; i < census->count; i++)
		if (!most || census->list[i].memory > most->memory)
			most = &census->list[i];
	if (!most)
		return;
	snprintf(message, sizeof(message),
		 "the session held %s of memory; the process that held the "
		 "most, %s, was killed",
		 size_text(census->memory, all), size_text(most->memory, one));
	/* Recorded first: afterwards nobody can tell what it was. */
	note(limits, LIMIT_MEMORY, most, message);
	(void)census_kill(most);
}

static int youngest_first(const void *a, const void *b)
{
	const struct census_member *x = a, *y = b;

	/* Ticks are coarse: within one, the number tells. */
	if (x->start == y->start)
		return (x->pid < y->pid) - (x->pid > y->pid);
	return (x->start < y->start) - (x->start > y->start);
}

static void check_processes(struct limits *limits)
{
	struct census *census = &limits->census;
	char message[160];

	if (!has(limits, LIMIT_PROCESSES))
		return;
	size_t most = (size_t)limits->values[LIMIT_PROCESSES], killed = 0;

	if (census->alive <= most)
		return;
	if (census->alive > RUNAWAY * most) {
		snprintf(message, sizeof(message),
			 "the session ran %zu processes and was ended",
			 census->alive);
		note(limits, LIMIT_PROCESSES, NULL, message);
		session_fail(limits->session, "%s: %s",
			     limits->lines[LIMIT_PROCESSES].text, message);
		return;
	}
	qsort(census->list, census->count, sizeof(*census->list),
	      youngest_first);
	size_t over = census->alive - most;

	for (size_t i = 0; i < census->count && killed < over; i++) {
		if (census->list[i].zombie)
			continue;
		if (killed == 0) {
			snprintf(message, sizeof(message),
				 "the session ran %zu processes; the youngest "
				 "%zu were killed",
				 census->alive, over);
			note(limits, LIMIT_PROCESSES, &census->list[i],
			     message);
		}
		killed++;
		(void)census_kill(&census->list[i]);
	}
}

static void end_session(struct limits *limits, enum policy_limit which,
			const char *what)
{
	note(limits, which, NULL, what);
	session_fail(limits->session, "%s: %s", limits->lines[which].text,
		     what);
}

static uint64_t cgroup_seconds(const struct cgroup *cgroup)
{
	auto_fd fd = cgroup_open(cgroup, "cpu.stat");

	return fd < 0 ? 0 : cgroup_keyed(fd, "usage_usec") / 1000000;
}

/* What all used: those that live with the children that they waited for, and
 * those that the supervisor itself waited for. */
static void check_cpu(struct limits *limits)
{
	struct rusage reaped;

	if (!has(limits, LIMIT_CPU) || getrusage(RUSAGE_CHILDREN, &reaped))
		return;
	uint64_t seconds =
		limits->census.ticks / (uint64_t)sysconf(_SC_CLK_TCK) +
		(uint64_t)(reaped.ru_utime.tv_sec + reaped.ru_stime.tv_sec);

	if (limits->cgroup)
		seconds = cgroup_seconds(limits->cgroup);
	if (seconds >= (uint64_t)limits->values[LIMIT_CPU])
		end_session(limits, LIMIT_CPU,
			    "the session has used its processor time");
}

/* What the kernel did in the cgroup since the last look. */
static void check_events(struct limits *limits)
{
	char message[160], all[24];

	if (limits->memory_events >= 0) {
		uint64_t reached = cgroup_keyed(limits->memory_events, "oom");
		uint64_t killed =
			cgroup_keyed(limits->memory_events, "oom_kill");

		/* Where the machine has no memory left, its kernel counts one
		 * that it killed, too; but not that our limit was reached. */
		if (killed > limits->killed && reached > 0) {
			snprintf(message, sizeof(message),
				 "the session held %s of memory; %s that held "
				 "the most was killed by the kernel",
				 size_text((uint64_t)cgroup_memory(
						   limits->cgroup),
					   all),
				 killed - limits->killed == 1
					 ? "the process"
					 : "each time the process");
			note(limits, LIMIT_MEMORY, NULL, message);
		}
		limits->killed = killed;
	}
	if (limits->pids_events >= 0) {
		uint64_t refused = cgroup_keyed(limits->pids_events, "max");

		if (refused > limits->refused)
			note(limits, LIMIT_PROCESSES, NULL,
			     "the kernel refused to start more processes and "
			     "threads at once");
		limits->refused = refused;
	}
}

static void check_time(struct limits *limits)
{
	if (has(limits, LIMIT_TIME) &&
	    now_ms() - limits->started >=
		    (uint64_t)limits->values[LIMIT_TIME] * 1000)
		end_session(limits, LIMIT_TIME, "the session's time is over");
}

/* ------------------------------------------------------------------ when -- */

/* Is much of a limit used up? Then it is looked at more often. */
static bool near(const struct limits *limits)
{
	const struct census *census = &limits->census;

	return (has(limits, LIMIT_MEMORY) && !limits->cgroup &&
		census->memory > (uint64_t)limits->values[LIMIT_MEMORY] / 2) ||
	       (has(limits, LIMIT_PROCESSES) &&
		census->alive > (size_t)limits->values[LIMIT_PROCESSES] / 2);
}

/* The bound for the kernel, without the threads that there are. */
static int64_t pids_most(size_t processes)
{
	return (int64_t)(processes < INT32_MAX ? processes : INT32_MAX) *
		       RUNAWAY +
	       ROOM;
}

/* Who there is, as far as a limit asks for it. Within a cgroup the kernel knows
 * how many there are, and who they are is asked only where they are too many.
 */
static int count(struct limits *limits)
{
	const struct cgroup *cgroup = limits->cgroup;
	size_t most = (size_t)limits->values[LIMIT_PROCESSES];
	struct census *census = &limits->census;

	if (!cgroup)
		return census_take(census, limits->session->supervisor,
				   has(limits, LIMIT_MEMORY));
	if (!has(limits, LIMIT_PROCESSES))
		return 0;
	long processes = cgroup_processes(cgroup);
	int64_t tasks = cgroup_number(cgroup, "pids.current");

	if (processes < 0)
		return (int)processes;
	if (tasks >= processes)
		(void)cgroup_set_pids(cgroup,
				      pids_most(most) + tasks - processes);
	if ((size_t)processes > most)
		return census_take(census, limits->session->supervisor, false);
	census->count = 0;
	census->alive = (size_t)processes;
	return 0;
}

/* Is there anything to be looked at again and again? */
static bool is_counted(const struct limits *limits)
{
	return (has(limits, LIMIT_MEMORY) && !limits->cgroup) ||
	       has(limits, LIMIT_PROCESSES) || has(limits, LIMIT_CPU);
}

/* Look once; returns how long until the next time, in ms. */
static uint64_t look(struct limits *limits)
{
	bool counts = is_counted(limits);
	uint64_t begun = now_ms(), next = LONGEST_MS;

	check_time(limits);
	check_events(limits);
	if (counts && count(limits) == 0) {
		next = near(limits) ? SHORTEST_MS : LONGEST_MS / 4;
		check_memory(limits);
		check_processes(limits);
		check_cpu(limits);
		uint64_t cost = (now_ms() - begun) * SHARE;

		if (cost > next)
			next = cost;
	}
	if (has(limits, LIMIT_TIME)) {
		uint64_t end = limits->started +
			       (uint64_t)limits->values[LIMIT_TIME] * 1000;
		uint64_t now = now_ms(), left = end > now ? end - now : 0;

		/* With no other limit there is nothing to do until then. */
		if (!counts || left < next)
			next = left;
	}
	return next;
}

static void *run(void *context)
{
	struct limits *limits = context;
	struct pollfd fds[] = {
		{.fd = limits->wake, .events = POLLIN},
		{.fd = limits->memory_events, .events = POLLPRI},
		{.fd = limits->pids_events, .events = POLLPRI},
	};

	while (!(fds[0].revents & POLLIN)) {
		uint64_t wait = look(limits) + 1;
		bool failed = atomic_load(&limits->session->failed);
		bool ever = !is_counted(limits) && !has(limits, LIMIT_TIME);

		/* Once the session has failed there is nothing to watch. */
		(void)poll(fds, failed ? 1 : sizeof(fds) / sizeof(*fds),
			   failed || ever      ? -1
			   : wait < LONGEST_MS ? (int)wait
					       : LONGEST_MS);
	}
	return NULL;
}

/* -------------------------------------------------------------- the session's
 * -- */

int limits_cgroup(const struct policy *policy, struct cgroup **cgroup)
{
	int64_t processes = policy_limit(policy, LIMIT_PROCESSES, NULL);
	const struct cgroup_limits wanted = {
		.memory = policy_limit(policy, LIMIT_MEMORY, NULL),
		.pids = processes < 0 ? -1 : pids_most((size_t)processes),
	};

	*cgroup = NULL;
	return wanted.memory < 0 && wanted.pids < 0
		       ? 0
		       : cgroup_new(&wanted, cgroup);
}

static void watch_cgroup(struct limits *limits)
{
	const struct cgroup *cgroup = limits->session->cgroup;

	limits->cgroup = cgroup;
	if (cgroup && has(limits, LIMIT_MEMORY))
		limits->memory_events = cgroup_open(cgroup, "memory.events");
	if (cgroup && has(limits, LIMIT_PROCESSES))
		limits->pids_events = cgroup_open(cgroup, "pids.events");
}

static void release(struct limits *limits)
{
	scope_close_fd(&limits->wake);
	scope_close_fd(&limits->memory_events);
	scope_close_fd(&limits->pids_events);
	census_free(&limits->census);
	free(limits);
}

int limits_start(struct session *session, struct limits **result)
{
	static const enum policy_limit watched[] = {
		LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_CPU, LIMIT_TIME};
	bool any = false;

	*result = NULL;
	for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++)
		any = any ||
		      policy_limit(session->policy, watched[i], NULL) >= 0;
	if (!any)
		return 0;
	struct limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return -ENOMEM;
	limits->session = session;
	limits->started = now_ms();
	for (int i = 0; i < LIMIT_COUNT; i++)
		limits->values[i] =
			policy_limit(session->policy, (enum policy_limit)i,
				     &limits->lines[i]);
	limits->memory_events = limits->pids_events = -1;
	watch_cgroup(limits);
	limits->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = limits->wake < 0
			    ? -errno
			    : worker_thread(&limits->thread, run, limits);

	if (error) {
		release(limits);
		return error;
	}
	*result = limits;
	return 0;
}

void limits_stop(struct limits *limits)
{
	if (!limits)
		return;
	uint64_t one = 1;

	(void)!write(limits->wake, &one, sizeof(one));
	pthread_join(limits->thread, NULL);
	/* What the kernel did when the last program ended. */
	check_events(limits);
	release(limits);
}

static void note_process(struct session *session, enum policy_limit which,
			 pid_t pid, const char *message)
{
	struct policy_line line;

	if (policy_limit(session->policy, which, &line) < 0)
		return;
	atomic_fetch_add(&session->limited, 1);
	record_limit(session, &line, pid, message);
}

void limits_no_descriptor(struct session *session, pid_t tid)
{
	if (policy_limit(session->policy, LIMIT_FILES, NULL) >= 0 &&
	    !atomic_exchange(&session->files_limited, true))
		note_process(session, LIMIT_FILES, tid,
			     "a process has as many files open as it may; "
			     "others are not recorded");
}

void limits_ended(struct session *session, pid_t pid, int signal)
{
	if (signal == SIGXFSZ &&
	    policy_limit(session->policy, LIMIT_FILE_SIZE, NULL) >= 0 &&
	    !atomic_exchange(&session->size_limited, true))
		note_process(session, LIMIT_FILE_SIZE, pid,
			     "a process was ended at a file as large as it may "
			     "be; others are not recorded");
	if (signal == SIGXCPU)
		note_process(session, LIMIT_CPU, pid,
			     "a process was ended when it had used the "
			     "session's processor time by itself");
}
