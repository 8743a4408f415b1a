/*
 * What the commands that read recorded sessions have in common.
 */
#ifndef SUPERVISOR_COMMANDS_RECORDED_H
#define SUPERVISOR_COMMANDS_RECORDED_H

#include "supervisor/commands/layered.h"
#include "supervisor/history.h"
#include "supervisor/sessions.h"

/**
 * As layered_parse(), but words may stand before options, too: `replay SESSION
 * -p POLICY`. argv is reordered.
 */
int recorded_parse(struct layered *layered, int argc, char **argv,
		   const char *usage);

/** Say that a session cannot be had; `name` NULL: the newest. */
void recorded_not_found(const char *name, int error);

/** Add the events of a session. Returns 0 or -errno with a line written. */
int recorded_read(struct history *history, const struct session_entry *session);

#endif
