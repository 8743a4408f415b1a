/*
 * interpose: run a program under a policy. This file only reads like a table
 * of contents; each step is a function of the file named after it.
 */
#include <stddef.h>
#include <string.h>

#include "supervisor/commands/commands.h"
#include "supervisor/net/broker.h"
#include "supervisor/run.h"
#include "supervisor/stack/helper.h"

int main(int argc, char **argv)
{
	const struct command *command = NULL;

	if (argc > 0 && strcmp(argv[0], HELPER_NAME) == 0)
		return helper_main();
	if (argc == 1 && strcmp(argv[0], NET_BROKER_NAME) == 0)
		return broker_main();
	if (argc > 1)
		command = command_find(argv[1]);
	if (command)
		return command_run(command, argc - 1, argv + 1);
	return run_program(argc, argv);
}
