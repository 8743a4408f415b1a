/*
 * The steps that both ways of path resolution share: path_walk.c is the long way,
 * path_short.c the short one, path.c tries one after the other. Nobody else
 * includes this.
 */
#ifndef SUPERVISOR_PATH_STEPS_H
#define SUPERVISOR_PATH_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/path.h"

/** Not errors: the long way must be walked; and, of a name that the policy has
 * no objection to, there is a link in it, perhaps the last component. */
enum { PATH_LONG_WAY = 1, PATH_LINK = 2 };

/** openat2(2), always with O_CLOEXEC: a descriptor or -errno. */
int path_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve);

/** Open what stands in for the canonical path, made if it is not there yet:
 * O_PATH, links not followed. A descriptor or -errno. */
int path_open_standin(struct call *call, const struct policy_fake *fake,
		      const char *path);

/** What `read` says of a name, given the other names noted so far. */
void path_decide(struct call *call, struct place *place, const char *path,
		 size_t length, struct policy_decision *decision);

/**
 * Is none of the directories above the path hidden or faked by itself? What is
 * below an absent directory is absent, whatever a rule says of it. A directory
 * that was found clear stays so while decisions depend on paths alone. The path
 * stays as it was.
 */
bool path_all_clear(struct call *call, struct place *place, char *path,
		    size_t length);

/**
 * Is a directory above the path hidden by itself? A walk that comes by there
 * finds it; what is reached otherwise, by a descriptor, a working directory or a
 * magic link, is asked about so: a program can have those of what is hidden
 * (admit_named()). Returns 0, or -ENOENT with `read` of the place decided and
 * noted. The path stays as it was.
 */
int path_below_hidden(struct call *call, struct place *place, char *path,
		      size_t length);

/** Join a directory's path and a name or relative path: the length, or
 * -ENAMETOOLONG. `to` may be `directory`. */
ssize_t path_join(char *to, size_t capacity, const char *directory,
		  size_t directory_length, const char *name,
		  size_t name_length);

/** The length of a relative path without its trailing slashes, which are told;
 * -1 where it has empty, `.` or `..` components. */
ssize_t path_clean_length(const char *path, bool *slash);

/** Keep another name of the place: 0, or -ELOOP when there is no more room. */
int path_add_via(struct place *place, const char *path, size_t length);

/**
 * The short way for an absolute path, or for one relative to a descriptor of
 * the program, by the name that this has now.
 *
 * Returns 0 with the place opened (or its `read` decided to be hide), -errno,
 * PATH_LONG_WAY or PATH_LINK. place_close() is the caller's.
 */
int path_short(struct call *call, int dirfd, const char *path, unsigned flags,
	       struct place *place);

/**
 * After PATH_LINK: open the directory of the last component, so that only that
 * must be walked. Returns the descriptor, with the directory's canonical path
 * in `parent` and the component behind it as `rest`; -1: start from the
 * beginning.
 */
int path_short_parent(const struct place *place, char parent[PLACE_PATH],
		      size_t *parent_length, const char **rest);

/**
 * The long way: walk `path` from the pinned directory `base` (kept by the
 * caller), whose canonical path is `base_path` and which lies in the mirror
 * where `base_standin`. Returns 0 with the place filled, or -errno; place_close()
 * is the caller's.
 */
int path_walk(struct call *call, int base, const char *base_path,
	      size_t base_length, bool base_standin, const char *path,
	      unsigned flags, struct place *place);

/** The short way of PATH_ENTRY, from a pinned base. */
int path_short_entry(struct call *call, int base, const char *base_path,
		     size_t base_length, const char *path, unsigned flags,
		     struct place *place);

#endif
