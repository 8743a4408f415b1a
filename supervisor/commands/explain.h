/*
 * interpose explain: why would something be decided as it would?
 */
#ifndef SUPERVISOR_COMMANDS_EXPLAIN_H
#define SUPERVISOR_COMMANDS_EXPLAIN_H

/**
 * `explain [OPTION…] ACTION SUBJECT [by PROGRAM]`; argv[0] is "explain".
 * Returns the exit status: 0, 1 where the policy has a mistake, 2 for wrong
 * use.
 */
int command_explain(int argc, char **argv);

#endif
