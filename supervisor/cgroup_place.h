/*
 * Where a cgroup of a session's own can be made: the hierarchy of version 2,
 * our own group in it, and the groups above that are ours to divide.
 */
#ifndef SUPERVISOR_CGROUP_PLACE_H
#define SUPERVISOR_CGROUP_PLACE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/** Controllers, as bits. */
enum {
	CGROUP_MEMORY = 1 << 0,
	CGROUP_PIDS = 1 << 1,
};

struct cgroup_tree {
	char mount[PATH_MAX]; /**< where it is mounted */
	char own[PATH_MAX];   /**< our group's directory: mount, or below it */
};

/**
 * Find the hierarchy and our group. `proc` is the directory with the files
 * `cgroup` and `mountinfo`, /proc/self but in tests. Returns 0, -ENOENT where
 * there is none (or not one in which we are seen), or another -errno.
 */
int cgroup_learn(const char *proc, struct cgroup_tree *tree);

/** A directory in which a group can be made; starts as CGROUP_PLACE_START. */
struct cgroup_place {
	char path[PATH_MAX];
	/** What the groups that are left for it allow: bytes, tasks; -1: any
	 * number. What is made there must not allow more. */
	int64_t memory, pids;
	/** The controllers that its subtree_control still needs. */
	unsigned missing;
};

#define CGROUP_PLACE_START                                                     \
	(struct cgroup_place)                                                  \
	{                                                                      \
		.path = "", .memory = -1, .pids = -1                           \
	}

/**
 * Go on to the next place for a group with the controllers `needs`: first from
 * our own group, then further up. What a place must be:
 *
 *   - we may make directories in it and write its cgroup.procs: a process may
 *     be moved by who may write that file of the common ancestor (cgroup
 *     namespaces and delegation: cgroups(7), cgroup-v2 of the kernel)
 *   - its children have the controllers, or can be given them: it has them and
 *     no process of its own, of which only the root is free
 *   - the groups that are left for it have no limit that would be lost: those
 *     on memory and tasks are told, others end the search
 *
 * Nothing is changed. Returns 0, -ENOENT where there is no other, or -errno.
 */
int cgroup_next(const struct cgroup_tree *tree, unsigned needs,
		struct cgroup_place *place);

/** Read a short file of a group: its text without the line's end. Returns its
 * length, or -errno. */
long cgroup_read(const char *directory, const char *name, char *text,
		 size_t size);

#endif
