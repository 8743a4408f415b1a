#include "supervisor/commands/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/ask/grants.h"
#include "supervisor/commands/import.h"
#include "supervisor/commands/layered.h"
#include "supervisor/commands/policy_fence.h"
#include "supervisor/commands/policy_test.h"
#include "supervisor/commands/propose.h"
#include "supervisor/trust.h"
#include "supervisor/visible.h"

static int wrong_use(const char *usage)
{
	fprintf(stderr, "interpose: usage: interpose %s\n", usage);
	return EXIT_USAGE;
}

static bool colour(void)
{
	return isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

/* ----------------------------------------------------------------- check -- */

/** Is the file one of the layers already? Then it is not to count twice. */
static bool is_layer(const struct layers *layers, const char *path)
{
	const struct policy_input *input = layers_input(layers);
	auto_free char *real = realpath(path, NULL);

	for (size_t i = 0; real && i < input->source_count; i++) {
		auto_free char *other = NULL;

		if (input->sources[i].text)
			continue;
		other = realpath(input->sources[i].name, NULL);
		if (other && strcmp(real, other) == 0)
			return true;
	}
	return false;
}

/** Add the files that are named as if by -p. Returns 0 or -errno. */
static int add_files(struct layered *layered)
{
	struct layers *layers = NULL;
	int error = layers_load(&layered->layers, stderr, &layers);

	for (size_t i = 0; i < layered->word_count && !error; i++) {
		const char *file = layered->words[i];

		if (is_layer(layers, file))
			continue;
		/* A name with a slash is a file, whatever its name. */
		if (!strchr(file, '/')) {
			char *path = NULL;

			error = asprintf(&path, "./%s", file) < 0 ? -ENOMEM : 0;
			file = path;
		}
		if (!error)
			error = layered_add_policy(layered, file);
	}
	layers_free(layers);
	return error;
}

static int command_check(int argc, char **argv)
{
	struct layered layered;
	struct layers *layers = NULL;
	struct policy *policy = NULL;
	int status = layered_parse(&layered, argc, argv,
				   "policy check [OPTION...] [FILE...]");
	int error;

	if (status)
		return status;
	error = add_files(&layered);
	if (!error)
		error = layers_load(&layered.layers, stderr, &layers);
	if (!error)
		error = layers_policy(layers, true, stderr, &policy);
	policy_free(policy);
	layers_free(layers);
	layered_free(&layered);
	return error ? 1 : 0;
}

/* ------------------------------------------------------------------ show -- */

static int command_show(int argc, char **argv)
{
	static const char usage[] = "policy show [--fence] [OPTION...]";
	struct layered layered;
	struct layers *layers = NULL;
	struct policy *policy = NULL;
	int status = layered_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count) {
		layered_free(&layered);
		return wrong_use(usage);
	}
	/* As for a session. */
	layered.layers.kept = layered.layers.policies;
	layered.layers.kept_count = layered.layers.policy_count;
	layered.layers.keeps_read = true;
	error = layers_load(&layered.layers, stderr, &layers);
	if (!error)
		error = layers_policy(layers, false, stderr, &policy);
	if (!error && layered.fence)
		error = policy_fence_show(policy,
					  layers_variable(layers, "project"),
					  layers_variable(layers, "home"),
					  layers_variable(layers, "gitdir"),
					  layered.json);
	else if (!error)
		policy_show(policy, stdout, layered.json);
	policy_free(policy);
	layers_free(layers);
	layered_free(&layered);
	return error ? 1 : 0;
}

/* ------------------------------------------------------------------- fmt -- */

/** Put the text in the file's place, with its mode; links stay links. */
static int write_file(const char *path, const char *text)
{
	auto_free char *real = realpath(path, NULL), *made = NULL;
	size_t length = strlen(text), done = 0;
	auto_fd fd = -1;
	struct stat st;
	int error = 0;

	if (!real || stat(real, &st) < 0)
		return -errno;
	if (asprintf(&made, "%s.XXXXXX", real) < 0) {
		made = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(made, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (!error && done < length) {
		ssize_t n = write(fd, text + done, length - done);

		if (n < 0 && errno != EINTR)
			error = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (!error && (fchmod(fd, st.st_mode & 07777) < 0 || fsync(fd) < 0 ||
		       rename(made, real) < 0))
		error = -errno;
	if (error)
		unlink(made);
	return error;
}

/** Format a file. Returns 0 or -errno, with what is wrong printed. */
static int format_file(const char *path, bool write)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	auto_free char *text = NULL, *formatted = NULL;
	struct policy_system_host system = {0};
	struct policy_host host;
	size_t length = 0;
	int error;

	if (!list)
		return -ENOMEM;
	policy_system_host_init(&host, &system);
	error = host.read_file(host.context, path, &text, &length);
	if (!error)
		error = policy_format(path, text, list, &formatted);
	policy_diagnostics_print(list, stderr, colour());
	if (!error && !write)
		fputs(formatted, stdout);
	else if (!error && strcmp(text, formatted) != 0)
		error = write_file(path, formatted);
	if (error && !policy_diagnostics_count(list))
		fprintf(stderr, "interpose: %s: %s\n", path, strerror(-error));
	policy_diagnostics_free(list);
	return error;
}

static int command_fmt(int argc, char **argv)
{
	static const char usage[] = "policy fmt [-w] FILE...";
	struct layered layered;
	int status = layered_parse(&layered, argc, argv, usage);

	if (status)
		return status;
	if (layered.word_count == 0)
		status = wrong_use(usage);
	for (size_t i = 0; i < layered.word_count && status != EXIT_USAGE; i++)
		if (format_file(layered.words[i], layered.write) < 0)
			status = 1;
	layered_free(&layered);
	return status;
}

/* ----------------------------------------------------------------- trust -- */

/** The layers of the project that a trust command names, or is in. */
static int layers_of_project(struct layered *layered, const char *usage,
			     struct layers **layers)
{
	if (layered->word_count > 1)
		return wrong_use(usage);
	if (layered->word_count == 1)
		layered->layers.project = layered->words[0];
	/* Only the project's own policy matters here. */
	layered->layers.only = true;
	return layers_load(&layered->layers, stderr, layers) ? 1 : 0;
}

/* What was trusted last, beside the project's grants; for a first time,
 * nothing.
 */
static int trusted_before(struct layers *layers, char **file)
{
	const char *project = layers_variable(layers, "project");
	auto_free char *grants =
		grants_file(layers_variable(layers, "config"), project);
	char *slash = grants ? strrchr(grants, '/') : NULL;

	if (!slash)
		return -ENOMEM;
	*slash = '\0';
	if (asprintf(file, "%s/trusted", grants) < 0)
		return -ENOMEM;
	return access(*file, F_OK) == 0
		       ? 0
		       : grants_store(*file, "policy 1\n# Nothing yet.\n");
}

/* What it changes, in rules and in decisions; at a terminal, shall it count? */
static bool wants_trust(const char *before, const char *project)
{
	auto_free char *now = NULL;
	char answer[16] = "";

	if (asprintf(&now, "%s/.interpose/policy", project) < 0) {
		now = NULL;
		return false;
	}
	char *words[] = {(char[]){"diff"},
			 (char[]){"--only"},
			 (char[]){"-C"},
			 (char *)project,
			 (char *)before,
			 now,
			 NULL};

	printf("What it changes, against what was trusted before:\n");
	if (command_policy_diff(6, words))
		printf("(it cannot be compared; read it)\n");
	fflush(stdout);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return true;
	printf("Trust it? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) &&
	       (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

/* Is it still what was shown? Its text is kept for the next comparison. */
static int trust_shown(struct layers *shown, const char *hash,
		       const char *before)
{
	const char *project = layers_variable(shown, "project");
	struct layers_options options = {.only = true, .project = project};
	struct layers *layers = NULL;
	auto_free char *path = NULL;
	auto_free char *text = NULL;
	size_t length;
	char now[65] = "";
	int error = layers_load(&options, stderr, &layers);

	if (asprintf(&path, "%s/.interpose/policy", project) < 0) {
		path = NULL;
		error = -ENOMEM;
	}
	if (!error)
		error = layers_project_hash(layers, stderr, now);
	if (!error && strcmp(now, hash) != 0)
		error = -ESTALE;
	if (!error) {
		const struct policy_host *host = layers_input(layers)->host;

		error = host->read_file(host->context, path, &text, &length);
	}
	if (!error)
		error = trust_set(layers_variable(shown, "config"), project,
				  hash);
	if (!error)
		error = grants_store(before, text);
	layers_free(layers);
	return error;
}

static int trust_project(struct layers *layers)
{
	const char *project = layers_variable(layers, "project");
	auto_free char *before = NULL;
	char hash[65];
	int error = layers_project_hash(layers, stderr, hash);

	if (error == -ENOENT) {
		fprintf(stderr, "interpose: there is no %s/.interpose/policy\n",
			project);
		return error;
	}
	if (!error)
		error = trusted_before(layers, &before);
	if (!error && !wants_trust(before, project)) {
		fprintf(stderr, "interpose: nothing was changed\n");
		return -ECANCELED;
	}
	if (!error)
		error = trust_shown(layers, hash, before);
	if (error)
		fprintf(stderr, "interpose: %s is not trusted: %s\n", project,
			error == -EINVAL ? "its policy must be without "
					   "mistakes by itself"
			: error == -ESTALE
				? "its policy was changed while it was shown"
				: strerror(-error));
	else
		fprintf(stderr, "interpose: trusted %s/.interpose/policy\n",
			project);
	return error;
}

static int untrust_project(struct layers *layers)
{
	const char *project = layers_variable(layers, "project");
	int error = trust_set(layers_variable(layers, "config"), project, NULL);

	if (error)
		fprintf(stderr, "interpose: %s: %s\n", project,
			error == -ENOENT ? "was not trusted"
					 : strerror(-error));
	else
		fprintf(stderr, "interpose: %s is no longer trusted\n",
			project);
	return error;
}

static int command_trust(int argc, char **argv)
{
	static const char usage[] = "policy trust|untrust [DIR]";
	bool trust = strcmp(argv[0], "trust") == 0;
	struct layered layered;
	struct layers *layers = NULL;
	int status = layered_parse(&layered, argc, argv, usage);

	if (status)
		return status;
	status = layers_of_project(&layered, usage, &layers);
	if (!status)
		status = (trust ? trust_project(layers)
				: untrust_project(layers))
				 ? 1
				 : 0;
	layers_free(layers);
	layered_free(&layered);
	return status;
}

static void print_trusted(void *context, const char *hash, const char *project)
{
	struct layers_options options = {.only = true, .project = project};
	bool *json = context;
	struct layers *layers = NULL;
	auto_free char *string = NULL;
	const char *state = "gone";
	struct text text = {0};
	char now[65];
	FILE *quiet = fopen("/dev/null", "we");

	if (quiet && layers_load(&options, quiet, &layers) == 0) {
		int error = layers_project_hash(layers, NULL, now);

		if (error != -ENOENT)
			state = !error && strcmp(now, hash) == 0 ? "trusted"
								 : "changed";
	}
	layers_free(layers);
	if (quiet)
		fclose(quiet);
	if (*json) {
		text_format(&text,
			    "{\"state\":\"%s\",\"hash\":\"%s\",\"project\":",
			    state, hash);
		text_add_json(&text, project, strlen(project));
		text_add_byte(&text, '}');
	} else {
		text_format(&text, "%-8s %.12s  ", state, hash);
		text_add_shown(&text, project, strlen(project));
	}
	if (text_finish(&text, &string) == 0)
		puts(string);
}

static int command_trusted(int argc, char **argv)
{
	static const char usage[] = "policy trusted [--json]";
	struct layered layered;
	auto_free char *config = NULL;
	int status = layered_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	error = layers_config_directory(stderr, &config);
	if (!error)
		error = trust_list(config, print_trusted, &layered.json);
	if (error)
		fprintf(stderr, "interpose: the list of trusted projects: %s\n",
			strerror(-error));
	layered_free(&layered);
	return error ? 1 : 0;
}

/** What persons granted for a project: the file, which is theirs to edit. */
static int command_grants(int argc, char **argv)
{
	static const char usage[] = "policy grants [DIR]";
	struct layered layered;
	struct layers *layers = NULL;
	int status = layered_parse(&layered, argc, argv, usage);

	if (status)
		return status;
	status = layers_of_project(&layered, usage, &layers);
	if (!status) {
		auto_free char *file =
			grants_file(layers_variable(layers, "config"),
				    layers_variable(layers, "project"));
		FILE *in = file ? fopen(file, "re") : NULL;
		auto_free char *line = NULL;
		size_t size = 0;

		if (in) {
			visible_puts(stdout, file);
			puts("");
		} else {
			fprintf(stderr, "interpose: nothing was granted for "
					"this project\n");
		}
		while (in && getline(&line, &size, in) > 0) {
			line[strcspn(line, "\n")] = '\0';
			if (*line == '#')
				continue;
			fputs("  ", stdout);
			visible_puts(stdout, line);
			puts("");
		}
		if (in)
			fclose(in);
	}
	layers_free(layers);
	layered_free(&layered);
	return status;
}

/* -------------------------------------------------------------- all of it --
 */

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"check", command_check},      {"show", command_show},
	{"fmt", command_fmt},	       {"test", command_policy_test},
	{"trust", command_trust},      {"untrust", command_trust},
	{"trusted", command_trusted},  {"grants", command_grants},
	{"diff", command_policy_diff}, {"import", command_policy_import},
};

int command_policy(int argc, char **argv)
{
	for (size_t i = 0;
	     argc > 1 && i < sizeof(subcommands) / sizeof(*subcommands); i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	return wrong_use(
		"policy check|show|fmt|test|diff|import|trust|untrust|trusted|"
		"grants");
}
