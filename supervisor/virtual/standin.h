/*
 * Stand-ins: what a program gets where the policy says `fake`.
 *
 * They are real files in the session's directory (0700), in a tree that
 * mirrors the absolute paths they stand for: the stand-in of
 * /home/u/.aws/credentials is ROOT/home/u/.aws/credentials, ROOT being open as
 * standin_root(). So read, mmap, fstat and locks on them are native, and the
 * name that a stand-in stands for is its path below ROOT. They are made when
 * they are first touched. The real file is read, never changed.
 *
 * `aws`, `dotenv` and `keys` stand in for what is there: where the real file or
 * directory is absent, so is the stand-in, until the program creates it.
 * `empty`, `text`, `file` and `dir` are there whatever is behind them.
 *
 * Once made they are the programs' own: a stand-in that was written to, or
 * removed, is not made again. Where a real file is absent when its stand-in is
 * asked for, it is looked for anew the next time.
 *
 * A second tree holds each stand-in as it was made, and a manifest says which
 * real file it was made from, so that `interpose apply` can show what was
 * written and turn placeholders back. No secret is written to either: real
 * bytes are only ever in memory, and a stand-in has its name only once it is
 * complete.
 *
 * Bounds: STANDIN_FILE_MAX bytes of a file; in one preparation
 * STANDIN_ENTRIES_MAX entries, STANDIN_BYTES_MAX bytes and STANDIN_DEPTH_MAX
 * directories in each other. Of a directory, what is not a file, a directory
 * or a symbolic link that stays inside the faked tree is left out; so is a file
 * that is too big or cannot be read, and asking for that one by name says why.
 *
 * All functions may be called from any thread.
 */
#ifndef SUPERVISOR_VIRTUAL_STANDIN_H
#define SUPERVISOR_VIRTUAL_STANDIN_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

struct standins;

#define STANDIN_FILE_MAX    ((size_t)1 << 20)
#define STANDIN_BYTES_MAX   ((size_t)64 << 20)
#define STANDIN_ENTRIES_MAX 10000
#define STANDIN_DEPTH_MAX   32

/** What making a stand-in may ask of the outside. */
struct standin_host {
	/**
	 * Open a real file or directory for reading by the caller's own
	 * credentials: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
	 * O_CLOEXEC, and no symbolic link anywhere on the way. Returns a
	 * descriptor, which becomes the asker's, or -errno: -ENOENT or
	 * -ENOTDIR where there is nothing.
	 */
	int (*read)(void *context, const char *path);
	/**
	 * The stand-in that the policy provides for a path, or NULL where it
	 * provides none. Asked for the directories above (to find where a
	 * faked tree begins) and the entries below. NULL: everything below the
	 * path that was asked for is faked likewise, nothing above is.
	 */
	const struct policy_fake *(*fake)(void *context, const char *path);
	void *context;
};

/**
 * Make the trees below an open directory (the session's, 0700).
 * Returns 0 and an object for standins_close(), or -errno.
 */
int standins_open(int session_directory, struct standins **standins);
void standins_close(struct standins *standins);

/** The root of the mirror: an O_PATH descriptor; stays the object's. */
int standins_root(const struct standins *standins);

/** The absolute path of the mirror's root, without a trailing slash. */
const char *standins_root_path(const struct standins *standins);

/**
 * See to it that the stand-in for the canonical path `path` is there as far
 * as `fake` provides one, with everything below it when it is a directory,
 * and its parents (of those only directories that really exist, for the kinds
 * that stand in for what is there). Where several rules fake one path for
 * several programs, the first that is prepared is it.
 *
 * Entries of a directory for which the host's policy provides no stand-in are
 * there as empty files or directories, for their names.
 *
 * Returns 0 also where there is nothing to stand in for (the caller's walk
 * then finds nothing: ENOENT), or -errno where the stand-in could not be made:
 * the caller refuses. -EFBIG: beyond the bounds; -EINVAL: no canonical path.
 */
int standins_prepare(struct standins *standins, const struct policy_fake *fake,
		     const char *path, const struct standin_host *host);

/**
 * What is in the stand-in of a path where interpose, and not the policy, knows
 * it (the policy then says `empty`). Returns 0 with malloc()ed bytes, -ENOENT
 * where it is the policy's, or -errno. For one path at a time.
 */
typedef int standin_content(void *context, const char *path, char **bytes,
			    size_t *length);

/**
 * Ask for it before a stand-in is made. Mode, owner and times are those of the
 * real file, where there is one, else readable by all. Before there is a
 * program; `context` outlives all preparing.
 */
void standins_give(struct standins *standins, standin_content *content,
		   void *context);

/**
 * A placeholder for a value: same length, alphabet and well-known prefix,
 * unique to the session, the same for the same value wherever it comes up; or
 * what standins_renewed() said.
 * `name` is kept for standins_find_placeholder(). malloc()ed; NULL without
 * memory.
 */
char *standins_placeholder(struct standins *standins, const char *name,
			   const char *value);

/**
 * A secret has another value: its placeholder stands for that one, too, in all
 * that is made from now on. Returns 0 or -ENOMEM.
 */
int standins_renewed(struct standins *standins, const char *placeholder,
		     const char *value, size_t length);

/**
 * Is this text a placeholder of the session (of at least eight characters)?
 * Returns the name or path it was first made for, which stays the object's, or
 * NULL.
 */
const char *standins_find_placeholder(struct standins *standins,
				      const char *text, size_t length);

/**
 * What programs wrote: calls `visit` with each path (as the program sees it)
 * whose stand-in differs from how it was made, in order. Returns their number.
 */
size_t standins_changed(struct standins *standins,
			void (*visit)(void *context, const char *path),
			void *context);

/**
 * Keep what was changed for `interpose apply`: the trees and the manifest go
 * to `standins` in the open directory `state_directory`, where they appear at
 * once or not at all. To be called when no program runs any more; the object
 * can then only be closed. Returns 0 (also where nothing was changed: then
 * nothing is kept) or -errno.
 */
int standins_keep(struct standins *standins, int state_directory);

#endif
