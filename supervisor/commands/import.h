/*
 * interpose policy import: other tools' rules in this language.
 */
#ifndef SUPERVISOR_COMMANDS_IMPORT_H
#define SUPERVISOR_COMMANDS_IMPORT_H

/** The command; argv[0] is "import". Returns the exit status: 0, 1 where a file
 * is malformed or missing (then nothing is printed), 2 for wrong use. */
int command_policy_import(int argc, char **argv);

#endif
