/*
 * `interpose demo`: what a program sees with a policy and without.
 */
#ifndef SUPERVISOR_COMMANDS_DEMO_H
#define SUPERVISOR_COMMANDS_DEMO_H

/**
 * Run the tour: make a throw-away home with made-up secrets, run a few shell
 * commands in it bare and under interpose (this very binary), print both and
 * what makes the difference, and remove it all.
 *
 * `argv[0]` is "demo". Returns the exit status: 0, 1 where something was seen
 * that should not have been or could not be shown, 2 for an argument.
 */
int command_demo(int argc, char **argv);

#endif
