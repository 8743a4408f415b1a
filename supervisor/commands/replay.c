#include "supervisor/commands/propose.h"

#include <errno.h>
#include <stdlib.h>

#include "supervisor/commands/changes.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/say.h"

static int replay(struct layered *layered, struct session_entry *session)
{
	struct history *history = history_new();
	struct layers *layers = NULL;
	struct policy *policy = NULL;
	struct changes changes = {0};
	int error = history ? recorded_read(history, session) : -ENOMEM;

	if (!layered->layers.project) {
		layered->layers.project = session->info.project;
		layered->layers.recorded = true;
	}
	if (!layered->layers.program)
		layered->layers.program = session->info.program;
	if (!error)
		error = layers_load(&layered->layers, stderr, &layers);
	if (!error)
		error = layers_policy(layers, false, stderr, &policy);
	if (!error) {
		changes.input = layers_input(layers);
		error = changes_decide(&changes, history, NULL, policy);
	}
	if (!error)
		error = changes_print(&changes, layered->json);
	if (!error && history_malformed(history))
		say("%llu lines could not be read: interpose log verify %s",
		    (unsigned long long)history_malformed(history),
		    session->id);
	free(changes.items);
	policy_free(policy);
	layers_free(layers);
	history_free(history);
	return error ? 1 : 0;
}

int command_replay(int argc, char **argv)
{
	static const char usage[] = "replay [SESSION] [-p POLICY] [OPTION...]";
	struct session_entry session;
	struct layered layered;
	int status = recorded_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count > 1) {
		say("usage: interpose %s", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	const char *name = layered.word_count ? layered.words[0] : NULL;

	error = sessions_find(name, &session);
	if (error) {
		recorded_not_found(name, error);
		layered_free(&layered);
		return 1;
	}
	status = replay(&layered, &session);
	session_entry_clear(&session);
	layered_free(&layered);
	return status;
}
