#include "supervisor/slow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/credentials.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/worker.h"

enum {
	MOST_THREADS = 256,
	MOST_QUEUED = 4096,
	WATCH_MS = 5, /* how long a signal may go unnoticed */
};

/* One call that waits, in the queue or on a thread. */
struct slow_job {
	struct seccomp_notif request;
	struct slow_job *next;
	pthread_t thread;
	bool running;
	atomic_bool cancelled;
};

struct slow_pool {
	struct session *session;
	pthread_mutex_t lock;
	pthread_cond_t work;   /* something is queued */
	pthread_cond_t change; /* something runs, or a thread ended */
	struct slow_job *queue, **queue_end;
	struct slow_job *running;
	size_t queued, threads, idle;
	bool ending;
	pthread_t watcher;
};

/* Its only use is to end a blocking system call with EINTR. */
static void wake(int number)
{
	(void)number;
}

/* Could the thread take a signal now? As signal(7): not blocked, and neither
 * ignored nor without effect by default. */
bool slow_deliverable(pid_t tid)
{
	static const int quiet[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
	struct tracee_status status;

	if (tracee_status(tid, &status))
		return true; /* it is gone */
	uint64_t ready = status.pending & ~status.blocked & ~status.ignored;

	for (size_t i = 0; i < sizeof(quiet) / sizeof(*quiet); i++) {
		uint64_t bit = UINT64_C(1) << (quiet[i] - 1);

		if (!(status.caught & bit))
			ready &= ~bit;
	}
	return ready != 0;
}

static void *watch(void *context)
{
	struct slow_pool *pool = context;

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		if (!pool->running) {
			pthread_cond_wait(&pool->change, &pool->lock);
			continue;
		}
		for (struct slow_job *job = pool->running; job;
		     job = job->next) {
			if (!atomic_load(&job->cancelled) &&
			    slow_deliverable((pid_t)job->request.pid))
				atomic_store(&job->cancelled, true);
			/* Again each time: the first may have come just before
			 * the call began to block. */
			if (atomic_load(&job->cancelled))
				pthread_kill(job->thread, SIGUSR1);
		}
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WATCH_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&pool->change, &pool->lock, &until);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void serve(struct slow_pool *pool, struct call *call,
		  struct slow_job *job)
{
	memset(call, 0, sizeof(*call));
	call->session = pool->session;
	call->request = job->request;
	call->may_wait = true;
	call->job = job;
	call_serve(call);
}

static struct slow_job *take(struct slow_pool *pool)
{
	struct slow_job *job = pool->queue;

	pool->queue = job->next;
	if (!pool->queue)
		pool->queue_end = &pool->queue;
	pool->queued--;
	job->thread = pthread_self();
	job->next = pool->running;
	pool->running = job;
	pthread_cond_broadcast(&pool->change);
	return job;
}

static void drop(struct slow_pool *pool, struct slow_job *job)
{
	for (struct slow_job **at = &pool->running; *at; at = &(*at)->next) {
		if (*at == job) {
			*at = job->next;
			break;
		}
	}
	free(job);
}

static void *run(void *context)
{
	struct slow_pool *pool = context;
	struct call *call = malloc(sizeof(*call));
	bool ready = call && worker_prepare(pool->session) == 0;

	pthread_mutex_lock(&pool->lock);
	while (ready && !pool->ending) {
		if (!pool->queue) {
			/* One idle thread stays; the rest were for a burst. */
			if (pool->idle > 0)
				break;
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
			continue;
		}
		struct slow_job *job = take(pool);

		pthread_mutex_unlock(&pool->lock);
		serve(pool, call, job);
		pthread_mutex_lock(&pool->lock);
		drop(pool, job);
	}
	pool->threads--;
	pthread_cond_broadcast(&pool->change);
	pthread_mutex_unlock(&pool->lock);
	free(call);
	return NULL;
}

int slow_new(struct session *session, struct slow_pool **result)
{
	struct slow_pool *pool = calloc(1, sizeof(*pool));
	struct sigaction action = {.sa_handler = wake};
	pthread_condattr_t clock;

	if (!pool)
		return -ENOMEM;
	sigaction(SIGUSR1, &action, NULL);
	pool->session = session;
	pool->queue_end = &pool->queue;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->change, &clock);
	pthread_condattr_destroy(&clock);
	int error = worker_thread(&pool->watcher, watch, pool);

	if (error) {
		free(pool);
		return error;
	}
	*result = pool;
	return 0;
}

void slow_free(struct slow_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_cond_broadcast(&pool->change);
	while (pool->threads > 0) {
		struct timespec until;

		for (struct slow_job *job = pool->running; job;
		     job = job->next) {
			atomic_store(&job->cancelled, true);
			pthread_kill(job->thread, SIGUSR1);
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WATCH_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&pool->change, &pool->lock, &until);
	}
	pthread_mutex_unlock(&pool->lock);
	pthread_join(pool->watcher, NULL);
	while (pool->queue) {
		struct slow_job *job = pool->queue;

		pool->queue = job->next;
		free(job);
	}
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->change);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static int add(struct slow_pool *pool, const struct seccomp_notif *request,
	       bool cancelled, size_t most)
{
	struct slow_job *job = calloc(1, sizeof(*job));
	int error = 0;

	if (!job)
		return -ENOMEM;
	job->request = *request;
	atomic_init(&job->cancelled, cancelled);
	pthread_mutex_lock(&pool->lock);
	if (pool->ending || pool->queued >= most) {
		error = -EAGAIN;
	} else {
		*pool->queue_end = job;
		pool->queue_end = &job->next;
		pool->queued++;
		if (pool->idle >= pool->queued) {
			pthread_cond_signal(&pool->work);
		} else if (pool->threads < MOST_THREADS) {
			pthread_t thread;

			if (worker_thread(&thread, run, pool) == 0) {
				pthread_detach(thread);
				pool->threads++;
			} else if (pool->threads == 0) {
				error = -EAGAIN;
			}
		}
	}
	pthread_mutex_unlock(&pool->lock);
	if (error)
		free(job);
	return error;
}

int slow_add(struct slow_pool *pool, const struct call *call)
{
	return add(pool, &call->request, false, MOST_QUEUED);
}

int slow_resume(struct slow_pool *pool, const struct seccomp_notif *request,
		bool cancelled)
{
	return add(pool, request, cancelled, SIZE_MAX);
}

bool slow_cancelled(const struct call *call)
{
	return call->job && atomic_load(&call->job->cancelled);
}
