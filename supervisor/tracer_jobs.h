/*
 * Between the files of the tracer: the jobs that workers hand over, and who
 * runs them. All of it, but the queue, belongs to the tracer's thread.
 */
#ifndef SUPERVISOR_TRACER_JOBS_H
#define SUPERVISOR_TRACER_JOBS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/inject.h"
#include "supervisor/tracer.h"
#include "supervisor/tracer_hold.h"

enum { MOST_OWN_EXECS = 1024 };

enum job_kind {
	JOB_NONE = 0,
	JOB_EXEC,
	JOB_GIVE_PATH,
	JOB_CHDIR,
	JOB_GIVE_TERMINAL,
	JOB_RESTART,
	JOB_TAKE_FD,
	JOB_LOOK,
	JOB_GUARDED,
	JOB_FILTER,
};

struct job {
	enum job_kind kind;
	struct job *next;
	struct seccomp_notif request;
	pid_t tid, process;
	pid_t parent; /* JOB_EXEC: when it was decided */
	int fd;	      /* ours; JOB_EXEC: of the process (pidfd), or -1 */
	/* JOB_TAKE_FD: the program's; JOB_GUARDED: the target; JOB_GIVE_PATH:
	 * the one to be had, or -1: the first free one from `least` on. */
	int number, least;
	bool plain;   /* JOB_CHDIR: to a directory that is what it seems */
	bool close_on_exec;
	struct look *look; /* JOB_LOOK */
	struct sock_fprog filter; /* JOB_FILTER: its code is the job's */
	struct exec_plan plan;
	struct injection injection; /* of an exec that the thread is made to */
};

struct tracer {
	struct session *session;
	tracer_program_changed *changed;
	void *context;
	pthread_t thread;
	int events, signals; /* eventfd, signalfd */
	pthread_mutex_t lock;
	struct job *queue, **queue_end; /* handed over; under the lock */
	bool ending;
	int cpu; /* the processor it is to keep to, or -1; likewise */
	atomic_bool resting; /* it waits, and for nothing that is under way */
	atomic_int helper;   /* a thread that sends a descriptor; or 0 */
	/** Threads that are made to execute what the fence covers; or 0. */
	atomic_int own_execs[MOST_OWN_EXECS];
	atomic_int guarded; /* a thread that makes its own call for us; or 0 */
	/* The tracer's own: execs under way, and what waits until one of the
	 * same process is settled. */
	struct job *active, *deferred;
	struct holds holds;
};

/** Have the tracer look at what is queued for it. Any thread may. */
void tracer_wake(struct tracer *tracer);

/** Free a job with what it holds; NULL is fine. */
void job_free(struct job *job);

/** Answer the call that the job stands for: a result or -errno. */
void job_answer(struct tracer *tracer, const struct job *job, int64_t result,
		uint32_t flags);

/** Does its notification still stand? */
bool job_valid(const struct tracer *tracer, const struct job *job);

/** Kill a process that did what it could not have done by itself, and say so
 * in the log: it is not to be trusted any more. */
void tracer_attack(struct tracer *tracer, pid_t pid, const char *what);

/** Begin the job, or defer it until an exec of its process is settled. Takes
 * it. Returns whether it is an exec that is under way now. */
bool job_start(struct tracer *tracer, struct job *job);

/** Have the thread make the calls that the job is about (tracer_inject.c). */
void inject_job(struct tracer *tracer, struct job *job);

/** Let an exec go on under verification (tracer_exec.c). Takes the job.
 * Returns whether it is under way; else it is answered or gone. Never two of
 * one process: see job_start(). */
bool exec_start(struct tracer *tracer, struct job *job);

/** Is an exec of this process under way? */
bool exec_under_way(struct tracer *tracer, pid_t process);

/** The exec that this thread is in, or NULL. */
struct job **exec_of_thread(struct tracer *tracer, pid_t tid);

/** A traced thread stopped, with this status of waitpid(2). */
void exec_stopped(struct tracer *tracer, pid_t tid, int status);

/** The same for what the thread must be made to execute (tracer_sealed.c): then
 * the new image stands ready, or the call failed, which lets the thread go; and
 * the thread is gone. */
bool sealed_start(struct tracer *tracer, struct job *job);
void sealed_ready(struct tracer *tracer, const struct job *job, pid_t pid,
		  pid_t former);
void sealed_failed(struct tracer *tracer, struct job *job);
void sealed_forget(struct tracer *tracer, pid_t tid);

/** The exec is settled: forget it, and start what waited for it. */
void exec_settle(struct tracer *tracer, struct job **at);

#endif
