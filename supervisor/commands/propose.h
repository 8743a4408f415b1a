/*
 * interpose propose, replay, policy diff: what recorded sessions say of a
 * policy.
 */
#ifndef SUPERVISOR_COMMANDS_PROPOSE_H
#define SUPERVISOR_COMMANDS_PROPOSE_H

/** The commands; argv[0] is the command's name. Return the exit status. */
int command_propose(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_policy_diff(int argc, char **argv);

#endif
