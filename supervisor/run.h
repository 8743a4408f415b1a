/*
 * A run: from the command line to a supervised program.
 */
#ifndef SUPERVISOR_RUN_H
#define SUPERVISOR_RUN_H

/**
 * `interpose [OPTION…] PROGRAM [ARG…]`, argv[0] being interpose itself (or the
 * subcommand `run`). Returns the exit status for the user.
 */
int run_program(int argc, char **argv);

#endif
