/*
 * A session: one program and all that it starts, under one policy.
 *
 * The object is filled in by setup.c before the first notification is
 * received and is only read after that, but for the members marked atomic.
 */
#ifndef SUPERVISOR_SESSION_H
#define SUPERVISOR_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ask;
struct audit;
struct cgroup;
struct exits;
struct fence;
struct grants;
struct identities;
struct images;
struct agent;
struct authority;
struct inspect;
struct limits;
struct listeners;
struct loading;
struct net;
struct policy;
struct sealed;
struct preload;
struct slow_pool;
struct stacks;
struct standins;
struct takings;
struct terminals;
struct tracer;
struct program_env;
struct worth;

/** Who answers an `ask`. */
enum ask_mode {
	ASK_DENY = 0, /**< nobody: it is a refusal */
	ASK_TTY,
	ASK_LINES, /**< at the terminal, in plain lines */
	ASK_SOCKET,
};

/** What the kernel offers beyond the oldest one supported (5.19). */
struct kernel_features {
	int landlock_abi;	 /**< 0: none */
	bool sync_wake_up;	 /**< seccomp notifications, 6.6 */
	bool pidfd_thread;	 /**< PIDFD_THREAD, 6.9 */
	bool pidfd_getfd;	 /**< not refused by an outer filter */
	bool unshare_fs;	 /**< not refused by an outer filter */
	bool protected_symlinks; /**< the sysctl of that name */
};

struct session {
	const struct policy *policy;
	/** A dry run: the policy that is only asked what it would have said,
	 * while `policy` allows all but what guards interpose. Else NULL. */
	const struct policy *judged;
	struct audit *audit;
	struct standins *standins;
	struct identities *identities;
	struct sealed *sealed; /**< copies of programs; NULL without a fence */
	struct fence *fence;   /**< what the kernel lets pass; NULL: nothing */
	struct limits *limits; /**< NULL: none that is watched */
	struct cgroup *cgroup; /**< the session's own; NULL: none */
	struct images *images; /**< who runs what */
	struct program_env *program_env; /**< variables of some programs only */
	struct preload *preload; /**< the shim; NULL: programs are trapped */
	struct worth *worth; /**< who is to load it; NULL: all */
	struct loading *loading; /**< where loaders lie */
	struct listeners *listeners; /**< ports of the session's own */
	struct net *net;	     /**< NULL: no rule names a host */
	struct agent *agent;	 /**< NULL: no key of the ssh agent is used */
	struct inspect *inspect; /**< NULL: no request is looked into */
	struct authority *authority; /**< as inspect */
	struct terminals *terminals;
	struct tracer *tracer;
	struct exits *exits; /**< when programs end */
	struct slow_pool *slow;
	struct stacks *stacks;
	struct ask *questions;	 /**< NULL: nobody is asked */
	struct grants *grants;	 /**< of persons; NULL: none */
	struct takings *takings; /**< descriptors fetched: take_fd.h */
	struct kernel_features kernel;

	int listener;
	pid_t supervisor; /**< this process */
	pid_t program; /**< the process the user asked for */
	enum ask_mode ask;
	bool veils; /**< directories may be veiled: calls/veiled.h */
	bool apart; /**< some programs are granted what others are not */
	bool limits_files; /**< `limit files`: an event tells of the last */
	bool log_all;
	bool tracing;	 /**< `allow ptrace` */
	bool log_stacks; /**< events of refused calls have their stack */
	/** A decision may depend on more than the path: on the program (`by`,
	 * `under`) or the time (`until`). */
	bool conditional;

	/** The files that standard input, output and error were at the start:
	 * what the program was given, it may open again (/dev/stdout). */
	struct given_file {
		dev_t device;
		ino_t inode;
		int mode; /**< O_RDONLY, O_WRONLY, O_RDWR; -1: no file */
	} given[3];

	/** The ids and capabilities every session process starts with. */
	uid_t uid;
	gid_t gid;
	bool privileged; /**< has capabilities, so that they may change */
	uint64_t capabilities;
	gid_t groups[64];
	size_t group_count;
	mode_t umask;

	/** A process changed its ids or capabilities: look each time. */
	atomic_bool credentials_vary;
	/** A process changed its umask: look each time. */
	atomic_bool umask_varies;
	/** Some program has installed a seccomp filter of its own. */
	atomic_bool filters_vary;
	/** The workers shall end. */
	atomic_bool ending;
	/** Something broke: see session_fail(). */
	atomic_bool failed;
	int wake; /**< eventfd that the main thread waits on */

	atomic_ulong calls, refused, faked, hidden, asked, alerts, limited;
	atomic_ulong answered;	   /**< decisions of a person */
	atomic_bool files_limited, size_limited; /**< an event says so */
};

/**
 * End the session because something broke that it relies on: the cause goes to
 * the audit log and the user, and every process is killed. Returns at once; the
 * end itself is made by the supervisor's main thread.
 */
void session_fail(struct session *session, const char *cause, ...)
	__attribute__((format(printf, 2, 3)));

#endif
