/*
 * Sessions on the disk: their names, their two directories, and what a session
 * that is dead left behind.
 *
 * The state directory (~/.local/state/interpose/sessions/ID) is kept: what was
 * done. The runtime directory ($XDG_RUNTIME_DIR/interpose/ID) is there while
 * the session lives: sockets, stand-ins. Its supervisor holds a flock(2) on the
 * file `lock` in it, which the kernel gives up with the last process that has
 * it open, so the next start can tell which sessions are dead, whatever killed
 * them.
 *
 * All directories are made and opened without following links, belong to the
 * user, and have mode 0700; files in them have 0600.
 */
#ifndef SUPERVISOR_SESSIONS_H
#define SUPERVISOR_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/** YYYYMMDD-HHMMSS-PROGRAM-xxxx and NUL. */
enum { SESSION_PROGRAM_MAX = 32, SESSION_ID_SIZE = 16 + 32 + 5 + 1 };

/** A session of this process. */
struct session_files {
	char id[SESSION_ID_SIZE];
	struct timespec started;
	int state_fd;			 /**< the state directory */
	int runtime_fd;			 /**< the runtime directory */
	int lock_fd;			 /**< its file `lock`; see above */
	char *state_path, *runtime_path; /**< absolute */
};

/**
 * Make a new session's directories and lock the second. The id has the
 * time (UTC), the last component of `program` (what is not a letter, a digit or
 * one of `+-.` becomes `_`), and random digits.
 *
 * `session_dir`: the directory in which the state directory is made (it must
 * exist), or NULL for the default place.
 *
 * A child that is forked and does not exec keeps the session alive: it must
 * close lock_fd, unless that is meant.
 *
 * Returns 0, with `files` for sessions_release(), or -errno; -EPERM where a
 * directory on the way belongs to someone else, or anyone can write to it.
 */
int sessions_create(const char *program, const char *session_dir,
		    struct session_files *files);

/** Close and free; the directories stay. */
void sessions_release(struct session_files *files);

/** What session.json says. Absent are NULL, "", and numbers below 0. */
struct session_info {
	char *program;
	char *project;
	char *runtime;		     /**< path of the runtime directory */
	char started[40], ended[40]; /**< RFC 3339 */
	int64_t pid;		     /**< of the supervisor */
	int64_t status;		     /**< exit status */
	int64_t events; /**< lines of the log, once it is complete */
	char hash[65];	/**< of the last one */
};

/**
 * Write session.json, in one step (a reader sees the old or the new one), at
 * the start of a session and at its end. `runtime` and `started` are taken
 * from `files`; `ended` is now, if there is a status. Returns 0 or -errno.
 */
int sessions_describe(const struct session_files *files,
		      const struct session_info *info);

/**
 * The same in two steps: the first writes it, and forces it to the disk where
 * the session has ended; readers see it with the second. The first may be
 * repeated. Each returns 0 or -errno.
 */
int sessions_describe_begin(const struct session_files *files,
			    const struct session_info *info);
int sessions_describe_end(const struct session_files *files);

/**
 * Delete the runtime directory and all that is in it, and give up the lock; to
 * be called when no program of the session is left. Returns 0 or -errno.
 */
int sessions_remove_runtime(struct session_files *files);

/**
 * Delete the runtime directories of sessions that are dead. Takes some
 * microseconds where there is none. Returns 0 or the first -errno; what can be
 * deleted is.
 */
int sessions_clear_dead(void);

/** A session of any process. */
struct session_entry {
	char id[SESSION_ID_SIZE];
	char *path; /**< of the state directory */
	bool live;  /**< its supervisor runs */
	struct session_info info;
};

/**
 * Find a session by its id or a unique start of it; NULL: the newest. A name
 * with a slash is the path of a state directory.
 *
 * Returns 0, with `entry` for session_entry_clear(); -ENOENT where there is
 * none, -ENOTUNIQ where several start so, or another -errno.
 */
int sessions_find(const char *name, struct session_entry *entry);

/**
 * All sessions in the default place, newest first. Returns 0, with `entries`
 * for sessions_free(), or -errno. No sessions are no error.
 */
int sessions_list(struct session_entry **entries, size_t *count);

void session_entry_clear(struct session_entry *entry);
void sessions_free(struct session_entry *entries, size_t count);

/**
 * Delete what is kept of a session that is in the default place. Returns 0,
 * -EBUSY where it runs, or -errno.
 */
int sessions_remove(const struct session_entry *entry);

/** Does a session's supervisor run (now, not when it was found)? */
bool session_live(const struct session_entry *entry);

/**
 * Open a file of a session's state directory for reading, no link followed.
 * Returns a descriptor or -errno.
 */
int session_open(const struct session_entry *entry, const char *name);

#endif
