/*
 * Keeps the stand-ins of a session that has ended, for `interpose apply`.
 */
#ifndef SUPERVISOR_VIRTUAL_KEEP_H
#define SUPERVISOR_VIRTUAL_KEEP_H

/**
 * Move `standins` from one open directory to another, also to another file
 * system. What stands there already is replaced; on failure nothing is.
 * Returns 0 or -errno.
 */
int keep_standins(int session_directory, int state_directory);

#endif
