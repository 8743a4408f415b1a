#include "supervisor/commands/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/commands/apply.h"
#include "supervisor/commands/approve.h"
#include "supervisor/commands/demo.h"
#include "supervisor/commands/doctor.h"
#include "supervisor/commands/explain.h"
#include "supervisor/commands/log.h"
#include "supervisor/commands/policy.h"
#include "supervisor/commands/propose.h"
#include "supervisor/commands/report.h"
#include "policy/scope.h"
#include "supervisor/run.h"
#include "supervisor/say.h"
#include "supervisor/sessions.h"

static int find_session(const char *name, int *state_directory)
{
	struct session_entry entry;
	int error = sessions_find(name, &entry);

	if (error)
		return error;
	*state_directory = open(entry.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	error = *state_directory < 0 ? -errno : 0;
	session_entry_clear(&entry);
	return error;
}

static int command_apply(int argc, char **argv)
{
	return apply_command(argc, argv, find_session);
}

static const struct command commands[] = {
	{"apply", command_apply},
	{"approve", command_approve},
	{"demo", command_demo},
	{"doctor", command_doctor},
	{"explain", command_explain},
	{"log", command_log},
	{"policy", command_policy},
	{"propose", command_propose},
	{"ps", command_ps},
	{"replay", command_replay},
	{"report", command_report},
	{"run", run_program},
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int command_run(const struct command *command, int argc, char **argv)
{
	int status = command->run(argc, argv);
	bool failed = ferror(stdout) != 0;

	/* A report that a full disk cut short is no report. */
	if (fflush(stdout) == 0 && !failed)
		return status;
	say("the output could not be written: %s", strerror(errno));
	return status ? status : 1;
}
