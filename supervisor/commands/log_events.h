/*
 * interpose log: printing a session's events, and checking them.
 */
#ifndef SUPERVISOR_COMMANDS_LOG_EVENTS_H
#define SUPERVISOR_COMMANDS_LOG_EVENTS_H

#include "supervisor/commands/log_walk.h"

struct log_options {
	struct log_filter filter;
	bool json; /**< lines as they are in the file */
	bool each; /**< the same thing again is a line again */
	bool colour;
	bool several; /**< of more than one session: say which */
};

/**
 * Print a session's events. Where only some kinds are asked for, what was
 * decided in the same way about the same thing is one line, with how often.
 * Returns the exit status.
 */
int log_events(const struct session_entry *session,
	       const struct log_options *options);

/**
 * Check a session's log against its hash chain and session.json, and say what
 * was found. Returns the exit status: 1 where it is broken or incomplete.
 */
int log_verify(const struct session_entry *session);

#endif
