/*
 * interpose policy: the policy that applies here, and its files.
 */
#ifndef SUPERVISOR_COMMANDS_POLICY_H
#define SUPERVISOR_COMMANDS_POLICY_H

/**
 * `policy check|show|fmt|test|trust|untrust|trusted`; argv[0] is "policy".
 * Returns the exit status: 0, 1 where something was found wrong, 2 for wrong
 * use.
 */
int command_policy(int argc, char **argv);

#endif
