/*
 * interpose log: what a session did.
 */
#ifndef SUPERVISOR_COMMANDS_LOG_H
#define SUPERVISOR_COMMANDS_LOG_H

/**
 * The command; argv[0] is "log". Returns the exit status: 0, 1 where the log is
 * broken (or was changed) or cannot be read, 2 for wrong use or no such
 * session.
 */
int command_log(int argc, char **argv);

#endif
