/*
 * The kernel's fence: the trees whose files a session's programs may reach by
 * themselves, enforced by Landlock, while every other path goes by the
 * supervisor.
 *
 * The policy says where nothing other than `allow` can come out
 * (policy/fence.h); what is there on the disk says which trees those are:
 * beside an exception, each directory and file by itself. It is found once,
 * before the program starts, and stays as it is: what is made later outside of
 * a fenced tree goes by the supervisor.
 */
#ifndef SUPERVISOR_FENCE_H
#define SUPERVISOR_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policy/policy.h"

struct identities;
struct listings;

/** The oldest Landlock that tells all apart that passes (O_TRUNC; Linux 6.2).
 */
enum { FENCE_ABI = 3 };

enum fence_mode {
	FENCE_OFF = 0,
	FENCE_AUTO,   /**< floating patterns: what is there is left out */
	FENCE_STRICT, /**< and every tree that one of them can reach */
};

/** What a tree's files and names may be used for. */
enum fence_right {
	FENCE_READ = 1,	 /**< open files for reading, list directories */
	FENCE_WRITE = 2, /**< open what is there for writing, remove files */
	FENCE_NAMES = 4, /**< create, link, rename, remove directories */
};

struct fence_tree {
	char *path;	 /**< canonical */
	size_t length;	 /**< of it; of "/" 0 */
	unsigned rights; /**< enum fence_right */
	bool directory;	 /**< else this file alone */
	bool stays;	 /**< no program of the session is to replace it */
	dev_t device;
	ino_t inode;
};

/** What might have been fenced, and was not. */
struct fence_gap {
	char *path;
	enum action action;
	const char *why;		/**< a static text */
	const struct policy_rule *rule; /**< the policy's; or NULL */
};

struct fence {
	struct fence_tree *trees;
	size_t count, capacity;
	struct fence_gap *gaps;
	size_t gap_count, gap_capacity;
	size_t looked_at; /**< entries of directories */
	/** Those that may be read, ascending by inode. */
	struct fence_place {
		ino_t inode;
		dev_t device;
	} * readable;
	size_t readable_count;
	/** The same, ascending by path. */
	const struct fence_tree **by_path;
};

struct fence_input {
	const struct policy *policy;
	const char *project;
	/** The user's home directory, by any name; or NULL. */
	const char *home;
	/** Git's directory of the project, which may be outside of it; or
	 * NULL. */
	const char *repository;
	/** The file that the session starts, to be in the fence by itself if it
	 * may be: it would be copied for each exec. Or NULL. */
	const char *program;
	bool strict;
	/** Protected files by device and inode; NULL: none are known. */
	struct identities *identities;
	/** What was read of directories lately, and is; NULL: all is read. */
	struct listings *listings;
	/** The session's own directories, which stay out; NULL ends. */
	const char *const *kept;
};

/** Why a fence that was found cannot be used: a static text, or NULL. */
const char *fence_useless(const struct fence *fence);

/** Find the fence. Returns 0, with an object for fence_free(), or -errno. */
int fence_find(const struct fence_input *input, struct fence **fence);

/** Fill in `readable` and `by_path`: the last of fence_find(). Returns 0 or
 * -ENOMEM. */
int fence_sort_readable(struct fence *fence);
void fence_free(struct fence *fence);

/**
 * Make a Landlock ruleset of it, with signals and abstract sockets kept inside
 * where the kernel (`abi`, at least FENCE_ABI) can. A tree that is no longer
 * what was found is left out. Returns a descriptor, or -errno.
 */
int fence_ruleset(const struct fence *fence, int abi);

/** Let one file more be read, which an O_PATH descriptor or one for reading
 * names. Returns 0 or -errno. */
int fence_ruleset_add(int ruleset, int file);

/**
 * The components of paths that the policy may treat otherwise than its fence:
 * for the shim, which is no boundary. Returns 0, or -E2BIG where they have no
 * room.
 */
struct shim_names;
int fence_names(const struct policy *policy, struct shim_names *names);

/** May programs read this file by themselves, as the kernel sees it now? */
bool fence_reads(const struct fence *fence, const char *path);

/**
 * The same for a file of which it is known that it is there, and sooner: by its
 * path alone, and whether the tree is still what was found. It says no of a tree
 * that is reached by another name, and of what the session's programs could
 * replace before use is made of the answer: what may be written to, but for the
 * project. By any thread, without a lock.
 */
bool fence_covers(const struct fence *fence, const char *path, size_t length);

#endif
