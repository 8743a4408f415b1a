#include "supervisor/commands/propose.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/proposal.h"
#include "supervisor/say.h"

/* The sessions that a proposal is made from: all of one project. */
struct sessions_read {
	struct history *history;
	struct text text; /* the head of the proposal */
	char *project, *program;
};

/* A session that is named twice is one. */
static bool is_taken(const struct sessions_read *reading, const char *id)
{
	auto_free char *line = NULL;

	if (asprintf(&line, " %s.\n", id) < 0) {
		line = NULL;
		return false;
	}
	return reading->text.data && strstr(reading->text.data, line);
}

static int take_session(struct sessions_read *reading, const char *name)
{
	struct session_entry session;
	int error = sessions_find(name, &session);

	if (error) {
		recorded_not_found(name, error);
		return error;
	}
	if (!reading->project && session.info.project)
		reading->project = strdup(session.info.project);
	if (!reading->program && session.info.program)
		reading->program = strdup(session.info.program);
	if (session.info.project && reading->project &&
	    strcmp(session.info.project, reading->project) != 0) {
		say("%s: it is of another project (%s); propose for one at a "
		    "time",
		    session.id, session.info.project);
		error = -EINVAL;
	}
	bool again = is_taken(reading, session.id);

	if (!error && !again)
		error = recorded_read(reading->history, &session);
	if (!error && !again)
		text_format(&reading->text, "# Proposed from session %s.\n",
			    session.id);
	session_entry_clear(&session);
	return error;
}

static int print_proposal(struct sessions_read *reading,
			  const struct layers_options *options)
{
	auto_free char *string = NULL;
	struct proposal proposal;
	int error;

	text_add_string(&reading->text, "policy 1\n");
	error = proposal_make(options, reading->history, &reading->text,
			      &proposal);
	if (error)
		return error;
	error = text_finish(&reading->text, &string);
	if (!error) {
		fputs(string, stdout);
		error = fflush(stdout) ? -errno : 0;
	}
	if (error)
		say("%s", strerror(-error));
	if (proposal.unsaid)
		say("%u things cannot be said as a rule (no name, or not "
		    "readable)",
		    proposal.unsaid);
	if (history_malformed(reading->history))
		say("%llu lines could not be read: interpose log verify",
		    (unsigned long long)history_malformed(reading->history));
	proposal_clear(&proposal);
	return error;
}

int command_propose(int argc, char **argv)
{
	static const char usage[] = "propose [OPTION...] [SESSION...]";
	struct sessions_read reading = {.history = history_new()};
	struct layered layered;
	int status = recorded_parse(&layered, argc, argv, usage), error = 0;

	if (status) {
		history_free(reading.history);
		return status;
	}
	if (!reading.history)
		error = -ENOMEM;
	if (!error && !layered.word_count)
		error = take_session(&reading, NULL);
	for (size_t i = 0; i < layered.word_count && !error; i++)
		error = take_session(&reading, layered.words[i]);
	if (!layered.layers.project) {
		layered.layers.project = reading.project;
		layered.layers.recorded = true;
	}
	if (!layered.layers.program)
		layered.layers.program = reading.program;
	if (!error)
		error = print_proposal(&reading, &layered.layers);
	layered_free(&layered);
	history_free(reading.history);
	text_free(&reading.text);
	free(reading.project);
	free(reading.program);
	return error ? 1 : 0;
}
