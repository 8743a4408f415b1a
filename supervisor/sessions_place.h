/*
 * Where sessions are kept: the directories above them.
 */
#ifndef SUPERVISOR_SESSIONS_PLACE_H
#define SUPERVISOR_SESSIONS_PLACE_H

#include <stdbool.h>

/** The places. The two for runtime directories are looked at in this order. */
enum place {
	PLACE_SESSIONS = 0, /**< state directories */
	PLACE_RUNTIME,	    /**< below $XDG_RUNTIME_DIR */
	PLACE_RUN,	    /**< where that is not there or not safe */
};

/**
 * Open a place, with `create` making what is missing (in XDG_RUNTIME_DIR's
 * case: below it). Returns a descriptor or -errno: -ENOENT where it is not
 * there, -EPERM where it is not safe (see place_open_own()).
 */
int place_open(enum place place, bool create);

/**
 * Open (with `create`: or make) a directory of the user's own, one component,
 * no link. It must belong to the effective user; other people's permissions
 * are taken away. Returns a descriptor or -errno.
 */
int place_open_own(int parent, const char *name, bool create);

/**
 * Is it safe to keep a directory in this one? It must belong to the user or to
 * root, and nobody else may replace what is in it (the group may, where it is
 * the user's own). Returns 0, or -EPERM or -errno.
 */
int place_check_parent(int directory);

/** The absolute path, without links, of an open directory; or NULL. */
char *place_path(int directory);

#endif
