/*
 * The threads that receive notifications and serve them.
 */
#ifndef SUPERVISOR_WORKER_H
#define SUPERVISOR_WORKER_H

#include <pthread.h>

struct session;
struct worker_pool;

/**
 * Start the workers: two, and one more for every four processors beyond the
 * first four. Returns 0 and a pool for workers_stop(), or -errno.
 */
int workers_start(struct session *session, struct worker_pool **pool);

/** End and free them. The session's processes must be gone. */
void workers_stop(struct worker_pool *pool);

/** Make the calling thread fit to serve: umask and directory of its own, and
 * of the capabilities only what serving needs. Returns 0 or -errno. */
int worker_prepare(const struct session *session);

/** Start a thread with a small stack and all signals blocked but SIGUSR1.
 * Returns 0 or -errno. */
int worker_thread(pthread_t *thread, void *(*run)(void *), void *context);

#endif
