#include "supervisor/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "policy/policy.h"
#include "supervisor/census.h"
#include "supervisor/record.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/worker.h"

enum {
	SHORTEST_MS = 100,
	LONGEST_MS = 1000,
	SHARE = 20,  /* a census costs at most this part of the time */
	RUNAWAY = 2, /* times the limit on processes: no killing helps */
};

struct limits {
	struct session *session;
	int64_t values[LIMIT_COUNT];
	struct policy_line lines[LIMIT_COUNT];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending;
	uint64_t started; /* ms */
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

	if (!has(limits, LIMIT_MEMORY) ||
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

	if (seconds >= (uint64_t)limits->values[LIMIT_CPU])
		end_session(limits, LIMIT_CPU,
			    "the session has used its processor time");
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

	return (has(limits, LIMIT_MEMORY) &&
		census->memory > (uint64_t)limits->values[LIMIT_MEMORY] / 2) ||
	       (has(limits, LIMIT_PROCESSES) &&
		census->alive > (size_t)limits->values[LIMIT_PROCESSES] / 2);
}

/* Look once; returns how long until the next time. */
static uint64_t look(struct limits *limits)
{
	bool counts = has(limits, LIMIT_MEMORY) ||
		      has(limits, LIMIT_PROCESSES) || has(limits, LIMIT_CPU);
	uint64_t begun = now_ms(), next = LONGEST_MS;

	check_time(limits);
	if (counts && census_take(&limits->census, limits->session->supervisor,
				  has(limits, LIMIT_MEMORY)) == 0) {
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

	pthread_mutex_lock(&limits->lock);
	while (!limits->ending) {
		pthread_mutex_unlock(&limits->lock);
		uint64_t at = now_ms() + look(limits) + 1;

		pthread_mutex_lock(&limits->lock);
		/* Once the session has failed there is nothing to watch. */
		const struct timespec until = {
			.tv_sec = (time_t)(at / 1000),
			.tv_nsec = (long)(at % 1000) * 1000000L,
		};
		bool failed = atomic_load(&limits->session->failed);

		while (!limits->ending) {
			int result = failed ? pthread_cond_wait(&limits->wake,
								&limits->lock)
					    : pthread_cond_timedwait(
						      &limits->wake,
						      &limits->lock, &until);

			if (result == ETIMEDOUT)
				break;
		}
	}
	pthread_mutex_unlock(&limits->lock);
	return NULL;
}

/* -------------------------------------------------------------- the session's
 * -- */

int limits_start(struct session *session, struct limits **result)
{
	static const enum policy_limit watched[] = {
		LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_CPU, LIMIT_TIME};
	pthread_condattr_t clock;
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
	pthread_mutex_init(&limits->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&limits->wake, &clock);
	pthread_condattr_destroy(&clock);
	int error = worker_thread(&limits->thread, run, limits);

	if (error) {
		free(limits);
		return error;
	}
	*result = limits;
	return 0;
}

void limits_stop(struct limits *limits)
{
	if (!limits)
		return;
	pthread_mutex_lock(&limits->lock);
	limits->ending = true;
	pthread_cond_signal(&limits->wake);
	pthread_mutex_unlock(&limits->lock);
	pthread_join(limits->thread, NULL);
	pthread_cond_destroy(&limits->wake);
	pthread_mutex_destroy(&limits->lock);
	census_free(&limits->census);
	free(limits);
}

void limits_no_descriptor(struct session *session, pid_t tid)
{
	struct policy_line line;

	if (policy_limit(session->policy, LIMIT_FILES, &line) < 0 ||
	    atomic_exchange(&session->files_limited, true))
		return;
	atomic_fetch_add(&session->limited, 1);
	record_limit(session, &line, tid,
		     "a process has as many files open as it may; others are "
		     "not recorded");
}
