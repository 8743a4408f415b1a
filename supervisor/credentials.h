/*
 * Acting with the ids of the calling thread.
 *
 * As an ordinary user, all processes of a session have the ids it started
 * with: no_new_privs and the lack of capabilities keep them. A session that
 * started with capabilities may change them: from the first call that could,
 * each served call looks the thread up and borrows its file-system ids, groups
 * and capabilities for the time of the call.
 */
#ifndef SUPERVISOR_CREDENTIALS_H
#define SUPERVISOR_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct session;

/** The capabilities a session never has, as a mask (bit N is capability N). */
uint64_t credentials_withheld(void);

/** Learn the supervisor's own ids and capabilities, for the session. */
int credentials_learn(struct session *session);

/**
 * Prepare a thread that serves calls: of the supervisor's capabilities it
 * keeps in effect only the session's, and those needed to look at tracees.
 * Returns 0 or -errno.
 */
int credentials_worker(const struct session *session);

/** Take on the calling thread's ids. Returns 0, or -errno: refuse the call. */
int credentials_assume(struct call *call);

/** Take back the worker's own. A failure ends the session. */
void credentials_restore(struct call *call);

/**
 * Take on the calling thread's umask, for a call that creates; to be followed
 * by credentials_umask_done() right after that call. Where an outer filter
 * keeps workers from having a umask each (Docker's default refuses unshare),
 * only one of them creates at a time. Returns 0 or -errno.
 */
int credentials_umask(struct call *call);
void credentials_umask_done(struct call *call);

#endif
