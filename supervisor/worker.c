/*
 * Theory of operation. The kernel wakes all who wait for a notification, and
 * all but one in vain. So one worker waits there, as a rule, and the others are
 * parked. Who has received a call looks whether another one waits by now, and
 * has a parked worker take that. Calls that come while it serves find nobody:
 * they wait for as long as serving takes, some microseconds.
 *
 * Where that happens, programs run at the same time: a call is received that
 * was there already, or another worker is at one, and it is not the same
 * thread's as the last, which may call again before a worker is back. Then a
 * second worker waits for calls too, until a number of them has come one by
 * one; and who waits is no more woken on the processor of who wakes it, which is
 * short where one program runs, and gathers several on one processor.
 *
 * A call that takes longer than expected is noticed by one of the parked, which
 * looks at every tick whether a worker has been at one call since the last; it
 * then receives the next ones. While no calls come it sleeps, and is woken by
 * the first.
 */
#include "supervisor/worker.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/credentials.h"
#include "supervisor/kernel.h"
#include "supervisor/session.h"

enum {
	STACK_SIZE = 512 * 1024, /* several paths deep; touched as needed */
	MOST_WORKERS = 16,
	TICK_MS = 5,
	AGAIN_MS = 1,	   /* at the end: until workers are woken again */
	QUIET_TICKS = 10,  /* without a call: then the watch sleeps */
	AT_ONCE_NS = 4000, /* to receive a call that was there already */
	TOGETHER = 64,	   /* calls one by one: then one worker will do */
};

struct worker_pool {
	struct session *session;
	size_t count;
	pthread_t threads[MOST_WORKERS];
	size_t running;	       /* under the lock */
	atomic_uint received;  /* calls, ever; it may wrap around */
	atomic_uint receiving; /* workers that wait for a call */
	atomic_uint parked;    /* changed under the lock */
	atomic_uint together;  /* calls left until one worker will do */
	atomic_bool elsewhere; /* SYNC_WAKE_UP is off */
	atomic_uint serving;   /* workers that are at a call */
	atomic_int last;       /* the thread whose call came last */
	atomic_bool asleep;    /* the one that watches */
	pthread_mutex_t lock;
	pthread_cond_t help, watch; /* for the parked; for who watches */
	pthread_cond_t gone;	    /* a worker has ended */
	bool watched;
	unsigned wanted; /* parked workers that are to receive */
};

int worker_thread(pthread_t *thread, void *(*run)(void *), void *context)
{
	pthread_attr_t attributes;
	sigset_t all, old;

	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	/* A thread starts with its maker's mask. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(thread, &attributes, run, context);

	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

int worker_prepare(const struct session *session)
{
	if (session->kernel.unshare_fs && unshare(CLONE_FS))
		return -errno;
	return credentials_worker(session);
}

/* Receive one notification. Returns 0, or -errno; a target that died between
 * its call and our receiving it (ENOENT) and a signal (EINTR) are ordinary. */
static int receive(struct session *session, struct seccomp_notif *request)
{
	memset(request, 0, sizeof(*request)); /* the kernel insists, 5.5 */
	if (ioctl(session->listener, SECCOMP_IOCTL_NOTIF_RECV, request))
		return -errno;
	return 0;
}

/* Has the last process under the filter gone? From 6.11 on RECV then says
 * ENOENT at once, each time. */
static bool abandoned(int listener)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLHUP);
}

static int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool is_ending(const struct worker_pool *pool)
{
	return atomic_load_explicit(&pool->session->ending,
				    memory_order_relaxed);
}

/* Does a notification wait to be received? */
static bool is_pending(int listener)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

/* For a change, but no longer; with the lock. */
static void wait_ms(struct worker_pool *pool, pthread_cond_t *change, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(change, &pool->lock, &until);
}

/* Until the next call is received; with the lock. In this order: who receives
 * stops to be receiving before it looks whether the watch is asleep. */
static void sleep_until_woken(struct worker_pool *pool)
{
	atomic_store(&pool->asleep, true);
	while (atomic_load(&pool->asleep) && atomic_load(&pool->receiving) &&
	       !pool->wanted && !is_ending(pool))
		pthread_cond_wait(&pool->watch, &pool->lock);
	atomic_store(&pool->asleep, false);
}

/* Watch, with the lock, until calls find nobody to receive them. */
static void watch(struct worker_pool *pool)
{
	unsigned seen = atomic_load(&pool->received), quiet = 0;

	while (!pool->wanted && !is_ending(pool)) {
		if (quiet == QUIET_TICKS) {
			sleep_until_woken(pool);
			quiet = 0;
		}
		wait_ms(pool, &pool->watch, TICK_MS);
		unsigned now = atomic_load(&pool->received);

		if (now != seen)
			quiet = 0;
		else if (atomic_load(&pool->receiving))
			quiet++;
		else
			return;
		seen = now;
	}
}

/* Wait until another worker is needed to receive calls. */
static void park(struct worker_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_add(&pool->parked, 1);
	while (pool->watched && !pool->wanted && !is_ending(pool))
		pthread_cond_wait(&pool->help, &pool->lock);
	if (!pool->watched && !pool->wanted) {
		pool->watched = true;
		watch(pool);
		pool->watched = false;
		/* Another one's turn. */
		pthread_cond_signal(&pool->help);
	}
	if (pool->wanted)
		pool->wanted--;
	atomic_fetch_sub(&pool->parked, 1);
	pthread_mutex_unlock(&pool->lock);
}

/* Is who waits to be woken on the processor of who wakes it? */
static void wake_here(struct worker_pool *pool, bool here)
{
	struct session *session = pool->session;

	if (!session->kernel.sync_wake_up ||
	    atomic_load(&pool->elsewhere) == !here ||
	    atomic_exchange(&pool->elsewhere, !here) == !here)
		return;
	(void)ioctl(session->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		    here ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0UL);
}

/* A call was received, of this thread, after so long a wait. Returns whether
 * another worker is to wait for the next, besides those that do. */
static bool note_call(struct worker_pool *pool, pid_t tid, int64_t waited)
{
	unsigned left = atomic_load(&pool->together);
	pid_t before = atomic_exchange(&pool->last, tid);
	bool busy = atomic_fetch_add(&pool->serving, 1);

	atomic_fetch_add(&pool->received, 1);
	if (before != tid && (busy || waited < AT_ONCE_NS))
		atomic_store(&pool->together, TOGETHER);
	else if (left)
		atomic_store(&pool->together, left - 1);
	unsigned now = atomic_load(&pool->together);

	wake_here(pool, now == 0);
	return !left && now;
}

/* Do as many wait for calls as should? */
static bool is_enough(struct worker_pool *pool)
{
	return atomic_load(&pool->receiving) >=
	       (atomic_load(&pool->together) ? 2 : 1);
}

/* A call was received: have others woken that are needed by now. */
static void wake_others(struct worker_pool *pool, bool another)
{
	bool pending = atomic_load(&pool->parked) &&
		       (another || is_pending(pool->session->listener));

	if (!pending && !atomic_load(&pool->asleep))
		return;
	pthread_mutex_lock(&pool->lock);
	if (atomic_exchange(&pool->asleep, false))
		pthread_cond_signal(&pool->watch);
	if (pending && atomic_load(&pool->parked) > pool->wanted) {
		pool->wanted++;
		pthread_cond_signal(&pool->help);
		pthread_cond_signal(&pool->watch);
	}
	pthread_mutex_unlock(&pool->lock);
}

/* As receive(), when it is this worker's turn. */
static int receive_next(struct worker_pool *pool, struct seccomp_notif *request)
{
	struct session *session = pool->session;

	while (is_enough(pool) && !is_ending(pool) &&
	       !is_pending(session->listener))
		park(pool);
	if (is_ending(pool))
		return -EINTR;
	int64_t start = clock_ns();

	atomic_fetch_add(&pool->receiving, 1);
	int error = receive(session, request);

	atomic_fetch_sub(&pool->receiving, 1);
	if (!error)
		wake_others(pool, note_call(pool, (pid_t)request->pid,
					    clock_ns() - start));
	return error;
}

static void *work(void *context)
{
	struct worker_pool *pool = context;
	struct session *session = pool->session;
	struct call *call = malloc(sizeof(*call));

	if (!call || worker_prepare(session))
		session_fail(session, "a worker could not start");
	while (call && !is_ending(pool)) {
		struct seccomp_notif request;
		int error = receive_next(pool, &request);

		if (error == -ENOENT && abandoned(session->listener))
			break;
		if (error == -ENOENT || error == -EINTR)
			continue;
		if (error) {
			session_fail(session, "notifications: %s",
				     strerror(-error));
			break;
		}
		call->session = session;
		call->request = request;
		call->answered = call->may_wait = false;
		call->event_count = call->text_used = 0;
		call->served_fake = NULL;
		call->served_address[0] = '\0';
		call->process = 0;
		call->error = 0;
		call->facts = false;
		call->job = NULL;
		call_serve(call);
		atomic_fetch_sub(&pool->serving, 1);
	}
	free(call);
	pthread_mutex_lock(&pool->lock);
	pool->running--;
	pthread_cond_signal(&pool->gone);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int workers_start(struct session *session, struct worker_pool **result)
{
	struct worker_pool *pool = calloc(1, sizeof(*pool));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = 2 + (processors > 4 ? (size_t)(processors - 4) / 4 : 0);

	pthread_condattr_t clock;

	if (!pool)
		return -ENOMEM;
	pool->session = session;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->help, NULL);
	pthread_cond_init(&pool->watch, &clock);
	pthread_cond_init(&pool->gone, &clock);
	pthread_condattr_destroy(&clock);
	if (count > MOST_WORKERS)
		count = MOST_WORKERS;
	atomic_store(&pool->elsewhere, true);
	wake_here(pool, true);
	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&pool->lock);
		int error = worker_thread(&pool->threads[i], work, pool);

		pool->running += error == 0;
		pthread_mutex_unlock(&pool->lock);
		if (error && i == 0) {
			free(pool);
			return error;
		}
		if (error)
			break;
		pool->count++;
	}
	*result = pool;
	return 0;
}

void workers_stop(struct worker_pool *pool)
{
	if (!pool)
		return;
	/* A worker may sit in RECV for ever once the last target is gone
	 * (before 6.11): a signal wakes it, again until it has seen the end. */
	pthread_mutex_lock(&pool->lock);
	while (pool->running > 0) {
		for (size_t i = 0; i < pool->count; i++)
			pthread_kill(pool->threads[i], SIGUSR1);
		pthread_cond_broadcast(&pool->help);
		pthread_cond_broadcast(&pool->watch);
		wait_ms(pool, &pool->gone, AGAIN_MS);
	}
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->help);
	pthread_cond_destroy(&pool->watch);
	pthread_cond_destroy(&pool->gone);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
