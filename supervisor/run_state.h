/*
 * A session that is run, between those who make it (setup.c), wait for its end
 * (supervisor.c) and take it down (finish.c). Theirs alone.
 */
#ifndef SUPERVISOR_RUN_STATE_H
#define SUPERVISOR_RUN_STATE_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/guardian.h"
#include "supervisor/session.h"
#include "supervisor/sessions.h"
#include "supervisor/supervisor.h"

struct audit_head;
struct ca_making;
struct fence_search;
struct worker_pool;

/** Exit statuses that are not the program's own. */
enum {
	FAILED = 125,
	REFUSED = 126,
	NOT_FOUND = 127,
};

struct run {
	const struct supervision *given;
	struct session session;
	struct session_files files;
	struct worker_pool *workers;
	struct sock_fprog filter;
	char **environment;
	int notes;
	struct fence_search *search; /* while the fence is looked for; or NULL
				      */
	int ruleset;		     /* the fence's; -1: none */
	bool placed;	   /* the program is in the session's cgroup */
	int terminal;	   /* the socket for questions; -1: none */
	atomic_int status; /* of the program, from waitpid(2) */
	atomic_bool ended;
};

/** Tell the guardian, over `notes`. */
void run_tell(const struct run *run, enum guardian_note_kind kind, int value);

/** Make the session. Returns 0 or -errno; `step` is set to what was last tried,
 * a static text. */
int run_make(struct run *run, const char **step);

/** The steps of run_make() that are about the fence (setup_fence.c): look for
 * what is protected, by a thread of its own; for the fence, once the session has
 * its directories; and take what was found. Where there is none, all is trapped.
 * The last two return 0 or -errno. */
void run_begin_search(struct run *run);
int run_begin_fence(struct run *run);
int run_make_fence(struct run *run);

/** Start the program, whose calls are served from then on. Returns 0 or -errno,
 * with `step` as above; `exec_error` is 0 or the -errno of the program's exec.
 */
int run_start(struct run *run, const char **step, int *exec_error);

/**
 * Describe the session for who lists sessions, who see it with
 * sessions_describe_end(). `status` is the program's, -1 while it runs; `head`
 * is how far the log has come, at the end; else NULL. Returns 0 or -errno.
 */
int run_describe(const struct run *run, int64_t status,
		 const struct audit_head *head);

/** End what the program left running, and give back all but `run` itself.
 * Returns the exit status: `status`, or FAILED where the end went wrong. */
int run_finish(struct run *run, int status);

#endif
