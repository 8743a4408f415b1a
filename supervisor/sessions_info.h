/*
 * What the files of sessions_*.c share: ids, locks, and session.json.
 */
#ifndef SUPERVISOR_SESSIONS_INFO_H
#define SUPERVISOR_SESSIONS_INFO_H

#include "supervisor/sessions.h"

#include <stdbool.h>

/** Has a name the form of an id? */
bool session_is_id(const char *name);

/**
 * Lock a runtime directory. Returns the descriptor that holds the lock, or
 * -errno: -EWOULDBLOCK where another process has it, -ENOENT where there is
 * none (and it is not to be created), or the directory is gone.
 */
int session_lock(int runtime, bool create);

/** Nothing known. */
void session_info_init(struct session_info *info);
void session_info_clear(struct session_info *info);

/**
 * Read session.json in an open state directory. Returns 0, with `info` for
 * session_info_clear(), or -errno; then nothing is known.
 */
int session_info_read(int state, struct session_info *info);

#endif
