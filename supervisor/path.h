/*
 * Path resolution: from what a program names to the object itself.
 *
 * The walk is made with the kernel's own look-ups, each step on a pinned
 * directory, so what is decided on is what is acted on: nothing is ever looked
 * up again by name after the decision. A place holds O_PATH descriptors on the
 * object and its directory, the canonical path (as the program sees it), and
 * the other names that the walk passed through.
 *
 * Theory of operation. The short way is one openat2(2) that refuses symbolic
 * links: with none in the way, the canonical path is the base's path and the
 * given one joined (path_short.c). Whatever needs more (a link, `..`, procfs, a
 * stand-in) is walked one component at a time. On the way, each name is put to the policy's
 * `read` rules: a hidden name ends the walk with ENOENT, a faked one leads
 * into the mirror of stand-ins. /proc/self and the magic links of procfs mean
 * the calling thread's, never the supervisor's.
 */
#ifndef SUPERVISOR_PATH_H
#define SUPERVISOR_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "policy/policy.h"

struct call;

enum {
	PLACE_PATH = PATH_MAX + NAME_MAX + 2,
	PLACE_VIA = 96, /* other names that are kept: two for each link */
	PLACE_VIA_TEXT = 8 * PLACE_PATH, /* and what they take together */
};

/** What the walk is for. */
enum path_flags {
	/** Follow a link in the last component. */
	PATH_FOLLOW = 1 << 0,
	/** The directory and the name count; the object may be absent. A link
	 * in the last component is not followed unless PATH_FOLLOW is given, in
	 * which case the place is where the link leads (open with O_CREAT). */
	PATH_ENTRY = 1 << 1,
	/** An empty path is the base itself (AT_EMPTY_PATH). */
	PATH_EMPTY = 1 << 2,
	/** With PATH_ENTRY: a trailing slash is no mistake (mkdir). */
	PATH_SLASH = 1 << 3,
	/** The walk is for openat2's RESOLVE_ flags in place->resolve. */
	PATH_RESOLVE = 1 << 4,
	/** A file that may be read shall be opened at once with
	 * place->open_flags, which ask for reading only: see place->opened. */
	PATH_OPEN = 1 << 5,
	/** With PATH_OPEN: but where the fence lets the kernel open it, it shall
	 * only be pinned: see place->fenced. */
	PATH_FENCED = 1 << 6,
};

struct place {
	int fd;  /**< O_PATH on the object; -1: it does not exist */
	int dir; /**< PATH_ENTRY: O_PATH on the directory; else -1 */
	char leaf[NAME_MAX + 1]; /**< PATH_ENTRY: the name in it */
	char path[PLACE_PATH];   /**< canonical, as the program sees it */
	size_t length;
	bool standin;  /**< the object lies in the mirror of stand-ins */
	bool nameless; /**< a pipe, socket, memfd or deleted file */
	bool magic;    /**< reached by a magic link of procfs */
	bool proc;     /**< lies on procfs */
	bool slash;    /**< the given path ended in a slash */
	uint64_t resolve; /**< in: openat2's flags, with PATH_RESOLVE */
	uint64_t open_flags; /**< in: those of open(2), with PATH_OPEN */
	/** fd is not O_PATH but open as asked, a file or a directory, and with
	 * O_NONBLOCK: it must be clear whether it may be given away. */
	bool opened;
	/** In the read fence by its path, with PATH_FENCED: the call may go on.
	 */
	bool fenced;
	struct stat stat; /**< of fd, where fd >= 0 */
	/** What `read` says of the place: governs hide and fake. */
	struct policy_decision read;
	char via_text[PLACE_VIA_TEXT];
	size_t via_used;
	const char *via[PLACE_VIA];
	size_t via_count;
};

/** Learn which links lead from the root into /usr. Called once, before the
 * session. */
void path_learn_root_links(void);

/** Make a place empty; to be done before the first use, and place_close()
 * after the last. */
void place_init(struct place *place);
void place_close(struct place *place);

/**
 * Resolve a path argument relative to a descriptor of the program (or
 * AT_FDCWD). `place` must be initialised.
 *
 * Returns 0, or the -errno for the program: the kernel's own, or -ENOENT for
 * what is hidden, or -EACCES where what is hidden would be created
 * (PATH_ENTRY). With PATH_ENTRY an absent object is no error: place->fd is -1.
 * After 0 the call has been found valid, unless it is opened or a file that is
 * fenced, and its decision on `read` is in place->read.
 */
int path_resolve(struct call *call, int dirfd, const char *path,
		 unsigned flags, struct place *place);

/** As path_resolve() for what the program has open as `fd`. */
int path_of_fd(struct call *call, int fd, struct place *place);

/**
 * Add the protected name by which the object is known beside its path, as a
 * hard link or a second mount is, and decide anew. For a place that did not come
 * of a walk: `path`, `length` and `stat` must be set. Returns 0 or -ELOOP.
 */
int path_other_name(struct call *call, struct place *place);

/**
 * The canonical path of an open descriptor of the supervisor's, as the program
 * sees it. Returns its length; -ENAMETOOLONG; or -ENOENT for what has no name
 * (the text is then what /proc shows, such as `pipe:[123]`).
 */
ssize_t path_of_own_fd(const struct call *call, int fd, char *path,
		       size_t capacity, bool *standin);

#endif
