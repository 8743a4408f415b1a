/*
 * interpose policy test: what a policy should decide, line by line.
 */
#ifndef SUPERVISOR_COMMANDS_POLICY_TEST_H
#define SUPERVISOR_COMMANDS_POLICY_TEST_H

/**
 * `policy test [OPTION…] FILE`: lines `expect VERDICT ACTION SUBJECT
 * [by PROGRAM]`. Prints those that fail and `N passed, N failed`. Returns the
 * exit status: 1 where one failed or is no such line.
 */
int command_policy_test(int argc, char **argv);

#endif
