/*
 * A cgroup of the session's own, of version 2, where one can be made: in it the
 * kernel keeps `limit memory`, counts the processor time, and bounds what a
 * `limit processes` can be exceeded by.
 *
 * Theory of operation. It is made before the guardian and the supervisor part,
 * so that both know it, beside or below the group that interpose itself is in
 * (cgroup_place.h). Only the session's first program is put there, at its
 * birth, and with it all that it starts; interpose's own processes never are.
 * The session cannot get out: whatever the policy says, it may write nothing
 * on this file system (cgroup_guards()). At the end the supervisor removes it,
 * and the guardian once more, for a supervisor that was killed. Both hold a
 * flock(2) on its directory, so that the next start can tell which of its
 * neighbours are of the dead, and removes those.
 *
 * Nothing depends on it: where it cannot be had, limits.h has another way.
 */
#ifndef SUPERVISOR_CGROUP_H
#define SUPERVISOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup;

/** What is to be kept; -1: nothing of the kind. */
struct cgroup_limits {
	int64_t memory; /**< bytes */
	int64_t pids;	/**< processes and threads */
};

/**
 * Make a group with these limits, or with what lower ones the groups have that
 * are left for it. Returns 0 with an object for cgroup_free(), -ENOENT where
 * there is no place for one, or -errno. Nothing is left behind then, but
 * controllers that a group above was given for its children.
 */
int cgroup_new(const struct cgroup_limits *limits, struct cgroup **cgroup);

/**
 * Is there a place for a group with both limits? Returns 0 with its path in
 * `path`, or -errno as cgroup_new(). Changes nothing.
 */
int cgroup_possible(char *path, size_t size);

/** Is this the name of a group that cgroup_new() made? */
bool cgroup_is_named(const char *name);

/** Its directory, open, for CLONE_INTO_CGROUP. The object's. */
int cgroup_directory(const struct cgroup *cgroup);

/** The bytes of memory that it was given, -1: any number. */
int64_t cgroup_memory(const struct cgroup *cgroup);

/** The number of its processes, or -errno. */
long cgroup_processes(const struct cgroup *cgroup);

/** A file that is one number, -1 where it cannot be read. */
int64_t cgroup_number(const struct cgroup *cgroup, const char *file);

/** Change how many processes and threads it may have, within what was left.
 * Returns 0 or -errno. */
int cgroup_set_pids(const struct cgroup *cgroup, int64_t most);

/** Open one of its files for reading. Returns a descriptor, or -errno. */
int cgroup_open(const struct cgroup *cgroup, const char *file);

/** In the text of an open file of lines `KEY NUMBER`: the number; 0 where there
 * is none. Has poll(2) wait for the next change (POLLPRI). */
uint64_t cgroup_keyed(int fd, const char *key);

/** Kill whoever is in it, at once. NULL is fine. */
void cgroup_kill(const struct cgroup *cgroup);

/** Remove it, after whoever is left in it was killed. Does nothing where that
 * was done, or for NULL. Returns 0 or -errno. */
int cgroup_remove(const struct cgroup *cgroup);

/** Give back the object; the group stays. NULL is fine. */
void cgroup_free(struct cgroup *cgroup);

/** Does this object, given by a descriptor (O_PATH will do), lie on a file
 * system of cgroups of version 2? */
bool cgroup_guards(int fd);

#endif
