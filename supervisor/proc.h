/*
 * procfs as a session may see it: of its own processes all, of others only what
 * tools need to list them.
 */
#ifndef SUPERVISOR_PROC_H
#define SUPERVISOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct place;
struct session;

/** Learn which devices are procfs mounts. Called once, before the session. */
void proc_learn_mounts(void);

/** Is this the device of a procfs mount? */
bool proc_is_device(dev_t device);

/** The process id that a path on procfs is about (`/proc/123/...`), or 0. */
pid_t proc_path_pid(const char *path);

/**
 * May the caller name this place of procfs at all? Processes outside of the
 * session show their status, not their command line, memory, environment,
 * descriptors or directories. Returns 0 or -EACCES.
 */
int proc_guard(struct call *call, const struct place *place);

/**
 * Is this process of the session one that the thread `tid` may not look into:
 * it is granted what the other is not, or it is not known what it is?
 */
bool proc_closed(const struct session *session, pid_t pid, pid_t tid);

/** Nor is anything of a process outside opened for writing, what may be read of
 * it included. Returns 0, or -EACCES, noted. */
int proc_guard_write(struct call *call, const struct place *place);

/**
 * What a place of procfs leads to is settled when it is opened, and the process
 * may have become another program since it was looked at: its image's number,
 * asked before, is compared after, and the guard asked again. The number is 0
 * where no rule asks for programs; the check then costs nothing.
 */
uint64_t proc_image(struct call *call, const char *path);
int proc_still(struct call *call, const struct place *place, uint64_t image);
int proc_still_magic(struct call *call, const char *directory, uint64_t image);

/** May the caller follow a magic link in this directory of procfs? */
int proc_guard_magic(struct call *call, const char *directory);

#endif
