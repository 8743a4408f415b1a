/*
 * Calls made at the gate, and what tries to look into another program with
 * them.
 */
#ifndef TESTS_ESCAPE_GATE_CALL_H
#define TESTS_ESCAPE_GATE_CALL_H

/** A call with up to six arguments, made by the gate's instruction. */
long gate(long number, ...);

/** Map the gate's page, unless it is there. Returns 0, or -1 with errno. */
int gate_map(void);

/** openat(2) there. */
long open_at_gate(const char *path, int flags);

/** DIRECTORY/NAME; eight of them stay as they are. */
const char *in(const char *directory, const char *name);

/** Open with O_PATH, or go to, so often, a path that is turned between what is
 * plain and what is hidden, whose inode is given, and make use of what was won:
 * where it takes a name, in `directory`. Both paths are as long. Prints how often it was
 * won. Returns 0, or 1: it was of use. */
int gate_turned(const char *hidden, const char *inode, const char *plain,
		const char *directory, int tries);

/** Have a secret in a pipe, a memory file and a file without a name, print the
 * process's number, and wait for the end of the input. Returns the status. */
int gate_hold(const char *directory);

/** Look for it in the process. Returns the status. */
int gate_pry(const char *pid);

#endif
