/*
 * interpose log prune: what is kept of old sessions.
 */
#ifndef SUPERVISOR_COMMANDS_LOG_PRUNE_H
#define SUPERVISOR_COMMANDS_LOG_PRUNE_H

/** The command; argv[0] is "prune". Returns the exit status: 0, 1 where
 * something could not be deleted, 2 for wrong use. */
int command_log_prune(int argc, char **argv);

#endif
