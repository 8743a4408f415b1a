/*
 * The one thread that uses ptrace and waits for processes.
 *
 * Workers hand jobs over and go on; the tracer answers the call. It verifies
 * each exec at PTRACE_EVENT_EXEC, before the new image's first instruction;
 * has threads make calls that only they can make; and reaps the session's
 * processes, of which the orphans come to us (we are their subreaper). Nothing
 * stays traced.
 */
#ifndef SUPERVISOR_TRACER_H
#define SUPERVISOR_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "policy/policy.h"

struct call;
struct look;
struct seccomp_notif;
struct session;
struct sock_fprog;
struct tracer;

/** What was decided about an exec, to be compared with what runs. */
struct exec_plan {
	dev_t device; /**< the file that will run: the interpreter's */
	ino_t inode;
	struct timespec changed; /**< its ctime */
	char *argv; /**< malloc()ed, NUL-separated, as the new image will have
		     */
	size_t argv_length;
	char *subject; /**< malloc()ed: the canonical path decided on */
	/** Where a rule asks for programs: what will run, its strings
	 * malloc()ed, and the starter's. */
	struct policy_program program;
	const struct policy_program *starter;
	struct policy_decision decision;
	/** Where the fence keeps the kernel from opening it: a descriptor of
	 * what shall run, owned by the plan, and how many words of `argv` are
	 * not the caller's own. Else -1. */
	int program_fd;
	size_t new_words;
	char *exe;     /**< malloc()ed: what runs, by its name; NULL: ask */
	bool preloads; /**< its loader is glibc's, and heeds LD_PRELOAD */
};

/** Free what the plan holds. */
void exec_plan_free(struct exec_plan *plan);

/** How the program ended, or stopped; from waitpid(2). */
typedef void tracer_program_changed(void *context, int status);

/**
 * Start the tracer's thread. `changed` is called on it for each change of
 * state of the session's program. Returns 0 and an object for tracer_stop(),
 * or -errno.
 */
int tracer_start(struct session *session, tracer_program_changed *changed,
		 void *context, struct tracer **tracer);
void tracer_stop(struct tracer *tracer);

/**
 * Let the exec go on under verification. Takes over the plan's strings. The
 * call is answered by the tracer. Returns 0, or -errno: refuse the call.
 */
int tracer_exec(struct call *call, struct exec_plan *plan);

/** Give the program an O_PATH descriptor as the call's result. Duplicates
 * `fd`. Returns 0 or -errno. */
int tracer_give_path(struct call *call, int fd, bool close_on_exec);

/** The same at this number, whatever is there; or, where it is -1, at the first
 * free one that is not below `least`. */
int tracer_duplicate_path(struct call *call, int fd, int number, int least,
			  bool close_on_exec);

/** Make the directory that `fd` (O_PATH) is on the caller's current one. */
int tracer_chdir(struct call *call, int fd, bool plain);

/**
 * Give the program the open terminal `fd`, and make it the caller's controlling
 * terminal if it takes one: as open(2) without O_NOCTTY does.
 */
int tracer_give_terminal(struct call *call, int fd, bool close_on_exec);

/**
 * Take the caller out of its call, so that the kernel makes of the signal that
 * is pending what it would have made of it: EINTR, or a restart of the call.
 * Safe where that signal is gone meanwhile: the call is then made again.
 */
int tracer_restart(struct call *call);

/**
 * Have the caller hand over what it has open as `fd`, keep it in the session's
 * takings, and make the caller make its call again. Returns 0 or -errno.
 */
int tracer_take_fd(struct call *call, int fd);

/**
 * Have the thread of `look`, which is in the call of `request`, stopped, and
 * its registers read. Takes the look over; see supervisor/stack/stack.h.
 * Returns 0, or -errno: nothing has happened.
 */
int tracer_look(struct tracer *tracer, const struct seccomp_notif *request,
		struct look *look);

/** Is this call one that the tracer makes a thread make, and that must go on as
 * it is? */
bool tracer_own_call(const struct call *call);

/**
 * Have the thread make its call, which looks into the process `target`, while
 * no exec is settled: what was decided about the target still holds when the
 * kernel looks. It is decided once more before. Takes the call over; returns
 * -ENOMEM.
 */
int tracer_guarded(struct call *call, pid_t target);

/**
 * Have the thread install this filter in place of the one that its call names
 * (own_filter.h). Takes the call over, and the filter's code; returns -ENOMEM,
 * and has taken nothing.
 */
int tracer_filter(struct call *call, const struct sock_fprog *filter);

#endif
