#include "supervisor/commands/recorded.h"

#include <errno.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/say.h"

static bool takes_value(const char *option)
{
	static const char *const options[] = {
		"-p", "--policy",  "-e",       "--rule",
		"-C", "--project", "--profile"};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (strcmp(option, options[i]) == 0)
			return true;
	return false;
}

int recorded_parse(struct layered *layered, int argc, char **argv,
		   const char *usage)
{
	auto_free char **words = calloc((size_t)argc + 1, sizeof(*words));
	int options = 1, count = 0;

	if (!words)
		return EXIT_USAGE;
	for (int i = 1; i < argc; i++) {
		bool value;

		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			words[count++] = argv[i];
			continue;
		}
		value = takes_value(argv[i]) && i + 1 < argc;
		argv[options++] = argv[i];
		if (value)
			argv[options++] = argv[++i];
	}
	memcpy(argv + options, words, (size_t)count * sizeof(*words));
	return layered_parse(layered, options + count, argv, usage);
}

void recorded_not_found(const char *name, int error)
{
	if (!name && error == -ENOENT)
		say("there is no session yet");
	else if (error == -ENOENT)
		say("%s: no such session; `interpose log --list` lists them",
		    name);
	else if (error == -ENOTUNIQ)
		say("%s: several sessions start so", name);
	else
		say("%s: %s", name ?: "the newest session", strerror(-error));
}

int recorded_read(struct history *history, const struct session_entry *session)
{
	auto_fd fd = session_open(session, "events.jsonl");
	int error = fd < 0 ? fd : history_read(history, fd);

	if (error)
		say("%s: cannot read the log: %s", session->id,
		    strerror(-error));
	return error;
}
