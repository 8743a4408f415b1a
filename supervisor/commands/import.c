#include "supervisor/commands/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/import/import.h"
#include "supervisor/say.h"

static const struct format {
	const char *name, *what;
	int (*take)(struct import *import, const char *const *files,
		    size_t count);
} formats[] = {
	{"claude", "settings of Claude Code", import_claude},
	{"srt", "settings of srt", import_srt},
	{"devcontainer", "a devcontainer's firewall", import_devcontainer},
	{"codex", "rules of Codex", import_codex},
};

static const struct format *format_of(const char *name)
{
	for (size_t i = 0; name && i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

/* Mistakes of the importer itself must not become a policy: what is printed
 * was read by the engine. */
static int check(const struct policy_input *input, const char *text)
{
	const struct policy_source source = {POLICY_LAYER_FILE, "the import",
					     text};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy_input alone = *input;
	struct policy *policy = NULL;
	int error = list ? 0 : -ENOMEM;

	alone.sources = &source;
	alone.source_count = 1;
	alone.for_requests = NULL;
	alone.check = false;
	if (!error)
		error = policy_load(&alone, list, &policy);
	if (error && list)
		policy_diagnostics_print(list, stderr, false);
	policy_diagnostics_free(list);
	policy_free(policy);
	return error;
}

static int import(const struct format *format, struct layers *layers,
		  const char *const *files, size_t count)
{
	struct import import = {
		.home = layers_variable(layers, "home"),
		.project = layers_variable(layers, "project"),
	};
	auto_free char *string = NULL;
	struct text text = {0};
	char heading[64];
	int error;

	if (!import.home || !import.project) {
		say("there is no home directory here");
		return -ENOENT;
	}
	error = format->take(&import, files, count);
	snprintf(heading, sizeof(heading), "Imported from %s.", format->what);
	if (!error && import.failed)
		error = -EINVAL;
	if (!error) {
		import_finish(&import, heading, &text);
		error = text_finish(&text, &string);
	}
	if (!error)
		error = check(layers_input(layers), string);
	if (!error) {
		fputs(string, stdout);
		error = fflush(stdout) ? -errno : 0;
	}
	if (error == -ENOMEM)
		say("%s", strerror(ENOMEM));
	if (!error && import.left_out)
		say("%u rules; %u things are comments, with the reason",
		    import.rules, import.left_out);
	import_clear(&import);
	return error;
}

int command_policy_import(int argc, char **argv)
{
	static const char usage[] =
		"policy import claude|codex|srt|devcontainer [-C DIR] "
		"[FILE...]";
	struct layered layered;
	struct layers *layers = NULL;
	int status = recorded_parse(&layered, argc, argv, usage), error;
	const struct format *format = status || !layered.word_count
					      ? NULL
					      : format_of(layered.words[0]);

	if (status)
		return status;
	if (!format) {
		say("usage: interpose %s", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	layered.layers.only = true;
	error = layers_load(&layered.layers, stderr, &layers);
	if (!error)
		error = import(format, layers, layered.words + 1,
			       layered.word_count - 1);
	layers_free(layers);
	layered_free(&layered);
	return error ? 1 : 0;
}
