/*
 * The subcommands.
 */
#ifndef SUPERVISOR_COMMANDS_COMMANDS_H
#define SUPERVISOR_COMMANDS_COMMANDS_H

struct command {
	const char *name;
	/** argv[0] is the command's name. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

/**
 * Run it. Returns its exit status; 1 where its output could not be written,
 * which is said.
 */
int command_run(const struct command *command, int argc, char **argv);

/** The subcommand of a name, or NULL: a program is meant. */
const struct command *command_find(const char *name);

#endif
