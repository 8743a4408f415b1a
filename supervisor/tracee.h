/*
 * What the supervisor learns of a thread that waits in a notification: its
 * memory, its descriptors, its directories. The only module that reads and
 * writes the memory of a tracee.
 *
 * A thread id may be reused as soon as the thread is killed, so nothing read
 * here may be acted on before call_valid() has said that the notification
 * still stands.
 */
#ifndef SUPERVISOR_TRACEE_H
#define SUPERVISOR_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct prctl_mm_map;

/** Read exactly `length` bytes. Returns 0 or -EFAULT; -EPERM where the thread
 * cannot be read at all. */
int tracee_read(pid_t tid, uint64_t address, void *buffer, size_t length);

/** Read as much of `length` bytes as there is from the address on. Returns how
 * many, -EFAULT for none, or -EPERM. */
ssize_t tracee_read_some(pid_t tid, uint64_t address, void *buffer,
			 size_t length);

/**
 * Read a string with its NUL into a buffer of `capacity` bytes.
 * Returns its length without the NUL, -EFAULT, or -ENAMETOOLONG.
 */
ssize_t tracee_read_string(pid_t tid, uint64_t address, char *buffer,
			   size_t capacity);

/** Write exactly `length` bytes, never into a read-only mapping.
 * Returns 0 or -EFAULT. */
int tracee_write(pid_t tid, uint64_t address, const void *buffer,
		 size_t length);

/** The process of a thread: its id, or -ESRCH. */
pid_t tracee_process(pid_t tid);

/**
 * The process of a thread, and that one's parent. Returns a descriptor of the
 * process (pidfd) where the thread leads it, else -1; or -ESRCH.
 */
int tracee_lead(pid_t tid, pid_t *process, pid_t *parent);

/** How many seccomp filters a thread has, or -ESRCH. */
int tracee_filters(pid_t tid);

/** Where code, data, heap, arguments and environment of a process lie, as far
 * as /proc tells: not the end of the heap, nor the auxiliary vector. Returns 0
 * or -errno. */
int tracee_layout(pid_t pid, struct prctl_mm_map *map);

/** The parent process of a thread's process: its id, or -ESRCH. */
pid_t tracee_parent(pid_t tid);

/** O_PATH on the thread's current directory: a descriptor or -errno. */
int tracee_cwd(pid_t tid);

/**
 * O_PATH on what the thread has open as `fd`: a descriptor, or -EBADF.
 * Works for whatever has an inode that /proc can reopen by path: files,
 * directories, pipes, not sockets; tracee_take_fd() takes those.
 */
int tracee_pin_fd(pid_t tid, int fd);

/**
 * A duplicate of the thread's descriptor (same open file description):
 * a descriptor, -EBADF, or -EPERM where the kernel does not let us.
 */
int tracee_take_fd(pid_t tid, int fd, bool pidfd_thread);

/** The thread that traces this one; 0: none, or it is gone. */
pid_t tracee_tracer(pid_t tid);

/** Does its first thread stand still: for job control, or for its tracer? */
bool tracee_stopped(pid_t pid);

/** A file below /proc/TID opened: a descriptor or -errno. */
int tracee_proc_open(pid_t tid, const char *name, int flags);

/** Facts from /proc/TID/status. */
struct tracee_status {
	pid_t process, parent;
	mode_t umask;
	uid_t uid, euid, fsuid;
	gid_t gid, egid, fsgid;
	uint64_t effective, permitted; /**< capabilities */
	gid_t groups[64];
	size_t group_count;
	bool groups_cut;			    /**< more groups than fit */
	uint64_t pending, blocked, ignored, caught; /**< signals, bit N-1 */
	unsigned filters; /**< of seccomp; Linux 5.9, else 0 */
};

/** Returns 0, or -ESRCH, -EIO. */
int tracee_status(pid_t tid, struct tracee_status *status);

/** Session leader and controlling terminal, from /proc/TID/stat. */
struct tracee_terminal {
	pid_t process, session;
	dev_t terminal; /**< 0: none */
};
int tracee_terminal(pid_t tid, struct tracee_terminal *terminal);

/**
 * Is the process (or thread) one of the session that `supervisor` serves?
 * It is where the supervisor is an ancestor: every process of the session is
 * its descendant, orphans too, since it is their subreaper.
 */
bool tracee_in_session(pid_t pid, pid_t supervisor);

#endif
