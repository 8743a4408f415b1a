#include "supervisor/layers.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/kept.h"
#include "supervisor/net/stores.h"
#include "supervisor/policy_files.h"
#include "supervisor/project.h"
#include "supervisor/trust.h"

/** What interpose itself needs to be left alone by every session. */
static const char guard_text[] =
	"final allow read "
	"${runtime}/interpose/*/{certificates,added-certificates}.pem\n"
	"final allow read "
	"${state}/interpose/run/*/{certificates,added-certificates}.pem\n"
	"final allow connect unix:${runtime}/interpose/*/ssh-agent.sock\n"
	"final allow connect unix:${state}/interpose/run/*/ssh-agent.sock\n"
	"never read,write ${state}/interpose/**    "
	"because \"interpose's own records\"\n"
	"never read,write ${runtime}/interpose/**  "
	"because \"interpose's own session\"\n"
	"never read,write ${config}/interpose/**   "
	"because \"the policies that this session runs under\"\n"
	"never write      /etc/interpose/**        "
	"because \"the policies that this session runs under\"\n";

enum variable_index {
	VARIABLE_PROJECT,
	VARIABLE_GITDIR,
	VARIABLE_HOME,
	VARIABLE_TMP,
	VARIABLE_USER,
	VARIABLE_UID,
	VARIABLE_RUNTIME,
	VARIABLE_CONFIG,
	VARIABLE_STATE,
	VARIABLE_COUNT,
};

static const char *const variable_names[] = {
	"project", "gitdir",  "home",	"tmp",	 "user",
	"uid",	   "runtime", "config", "state",
};

struct layers {
	struct policy_variable variables[VARIABLE_COUNT];
	char *values[VARIABLE_COUNT];
	const char *policy_dirs[4];
	char *dirs[3];
	struct policy_source *sources;
	size_t source_count;
	char **owned; /**< paths that sources name */
	size_t owned_count;
	char *project_policy; /**< NULL where there is none */
	char *guard;	      /**< rules for the files of its repository */
	char *kept;	      /**< the same of --session-dir and -p */
	char *included;	      /**< and of what policies include */
	bool keeps_read;
	void (*known)(void *context, const struct policy *policy);
	void *known_context;
	char *own; /**< rules for interpose's own program */
	struct policy_source certificates; /**< rules for the system's */
	struct policy_files files;
	struct policy_input input;
};

/* -------------------------------------------------------------- variables --
 */

static void set_value(struct layers *layers, enum variable_index index,
		      char *value)
{
	free(layers->values[index]);
	layers->values[index] = value;
}

/** A directory from the environment, if it is an absolute path. */
static char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value == '/' ? strdup(value) : NULL;
}

static char *below_home(const struct layers *layers, const char *rest)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", layers->values[VARIABLE_HOME], rest) < 0)
		return NULL;
	return path;
}

static int find_variables(struct layers *layers, FILE *messages)
{
	const struct passwd *user = getpwuid(getuid());
	char *home = from_environment("HOME"), *uid = NULL;

	if (!home && user && user->pw_dir && *user->pw_dir == '/')
		home = strdup(user->pw_dir);
	if (!home) {
		fprintf(messages, "interpose: HOME is not set\n");
		return -EINVAL;
	}
	set_value(layers, VARIABLE_HOME, home);
	if (asprintf(&uid, "%u", (unsigned)getuid()) < 0)
		return -ENOMEM;
	set_value(layers, VARIABLE_UID, uid);
	set_value(layers, VARIABLE_USER,
		  strdup(user && user->pw_name ? user->pw_name : uid));
	set_value(layers, VARIABLE_TMP,
		  from_environment("TMPDIR") ?: strdup("/tmp"));
	set_value(layers, VARIABLE_RUNTIME,
		  from_environment("XDG_RUNTIME_DIR"));
	set_value(layers, VARIABLE_CONFIG,
		  from_environment("XDG_CONFIG_HOME")
			  ?: below_home(layers, ".config"));
	set_value(layers, VARIABLE_STATE,
		  from_environment("XDG_STATE_HOME")
			  ?: below_home(layers, ".local/state"));
	if (!layers->values[VARIABLE_CONFIG] ||
	    !layers->values[VARIABLE_STATE] || !layers->values[VARIABLE_TMP] ||
	    !layers->values[VARIABLE_USER])
		return -ENOMEM;
	return 0;
}

static int find_project(struct layers *layers,
			const struct layers_options *options, FILE *messages)
{
	char *project = NULL, *gitdir = NULL;

	if (options->recorded && options->project &&
	    options->project[0] == '/' && access(options->project, F_OK) < 0 &&
	    errno == ENOENT) {
		set_value(layers, VARIABLE_PROJECT, strdup(options->project));
		return layers->values[VARIABLE_PROJECT] ? 0 : -ENOMEM;
	}
	int error =
		project_find(options->project, layers->values[VARIABLE_HOME],
			     messages, &project);

	if (error)
		return error;
	set_value(layers, VARIABLE_PROJECT, project);
	error = project_git_directory(project, messages, &gitdir);
	if (error && error != -ENOENT)
		return error;
	set_value(layers, VARIABLE_GITDIR, error ? NULL : gitdir);
	return project_guard(project, layers->values[VARIABLE_GITDIR],
			     &layers->guard);
}

/* ---------------------------------------------------------------- sources --
 */

static int add_source(struct layers *layers, enum policy_layer_kind kind,
		      const char *name, const char *text)
{
	struct policy_source *grown = reallocarray(
		layers->sources, layers->source_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	layers->sources = grown;
	layers->sources[layers->source_count++] =
		(struct policy_source){kind, name, text};
	return 0;
}

/** Add a file whose path was malloc()ed; it becomes the layers'. */
static int add_file(struct layers *layers, enum policy_layer_kind kind,
		    char *path)
{
	char **grown;

	if (!path)
		return -ENOMEM;
	grown = reallocarray(layers->owned, layers->owned_count + 1,
			     sizeof(*grown));
	if (!grown) {
		free(path);
		return -ENOMEM;
	}
	layers->owned = grown;
	layers->owned[layers->owned_count++] = path;
	return add_source(layers, kind, path, NULL);
}

/** Add a file that nobody named, if it is there and says something. */
static int add_if_there(struct layers *layers, enum policy_layer_kind kind,
			const char *directory, const char *name)
{
	auto_free char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* One that cannot be read is named, so that it is not overlooked. */
	if (stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (access(path, R_OK) == 0 && st.st_size == 0)
		return 0;
	return add_file(layers, kind, take_ptr(path));
}

static int add_named(struct layers *layers, enum policy_layer_kind kind,
		     const char *name, FILE *messages)
{
	char *path = NULL;
	int error;

	if (strchr(name, '/'))
		return add_file(layers, kind, strdup(name));
	error = layers->files.host.find_policy(layers->files.host.context, name,
					       &path);
	if (error == -ENOENT && messages)
		fprintf(messages,
			"interpose: there is no policy '%s'; a file is named "
			"by a path, such as ./%s\n",
			name, name);
	return error ? error : add_file(layers, kind, path);
}

static int add_profile(struct layers *layers, const char *program,
		       FILE *messages)
{
	const char *slash = program ? strrchr(program, '/') : NULL;
	const char *name = slash ? slash + 1 : program;
	int error = -ENOENT;

	if (name && *name && strcmp(name, "base") != 0)
		error = add_named(layers, POLICY_LAYER_PROFILE, name, NULL);
	if (error == -ENOENT)
		error = add_named(layers, POLICY_LAYER_PROFILE, "default",
				  messages);
	return error;
}

static int add_base(struct layers *layers, FILE *messages)
{
	auto_free char *path = NULL;

	if (asprintf(&path, "%s/base", layers->dirs[2]) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, R_OK) < 0) {
		fprintf(messages,
			"interpose: %s: the built-in policy cannot be read: "
			"%s\n",
			path, strerror(errno));
		return -ENOENT;
	}
	return add_file(layers, POLICY_LAYER_BASE, take_ptr(path));
}

static int add_project(struct layers *layers, FILE *messages)
{
	const char *project = layers->values[VARIABLE_PROJECT];
	char hash[65];
	int error;

	error = layers_project_hash(layers, NULL, hash);
	if (error == -ENOENT)
		return 0;
	if (error && error != -EINVAL)
		return error;
	if (error ||
	    !trust_has(layers->values[VARIABLE_CONFIG], project, hash)) {
		fprintf(messages,
			"interpose: %s is not trusted and does not count; "
			"read it, then: interpose policy trust %s\n",
			layers->project_policy, project);
		return 0;
	}
	return add_source(layers, POLICY_LAYER_PROJECT, layers->project_policy,
			  NULL);
}

static int add_defaults(struct layers *layers,
			const struct layers_options *options, FILE *messages)
{
	int error = add_base(layers, messages);

	if (!error && layers->guard && layers->guard[0])
		error = add_source(layers, POLICY_LAYER_BASE, "repository",
				   layers->guard);
	if (!error)
		error = add_profile(layers, options->program, messages);
	if (!error)
		error = add_if_there(layers, POLICY_LAYER_SYSTEM, SYSTEM_DIR,
				     "policy");
	if (!error)
		error = add_if_there(layers, POLICY_LAYER_USER,
				     layers->values[VARIABLE_CONFIG],
				     "interpose/policy");
	return error;
}

/* The rules of the guard that depend on where things are. */
static int add_kept(struct layers *layers, const struct layers_options *options)
{
	int error = kept_own(layers->dirs[2], &layers->own);

	if (!error && layers->own)
		error = add_source(layers, POLICY_LAYER_GUARD, "interpose",
				   layers->own);
	if (!error)
		error = kept_options(options, &layers->kept);
	if (!error && layers->kept)
		error = add_source(layers, POLICY_LAYER_GUARD, "interpose",
				   layers->kept);
	if (!error && options->included)
		error = add_source(layers, POLICY_LAYER_GUARD, "interpose",
				   options->included);
	return error;
}

static int find_sources(struct layers *layers,
			const struct layers_options *options, FILE *messages)
{
	int error =
		add_source(layers, POLICY_LAYER_GUARD, "interpose", guard_text);

	if (!error)
		error = add_kept(layers, options);
	if (!error && !options->only)
		error = add_defaults(layers, options, messages);
	for (size_t i = 0; i < options->policy_count && !error; i++)
		error = add_named(layers, POLICY_LAYER_FILE,
				  options->policies[i], messages);
	if (!error && !options->only)
		error = add_project(layers, messages);
	for (size_t i = 0; i < options->rule_count && !error; i++)
		error = add_source(layers, POLICY_LAYER_RULE, "-e",
				   options->rules[i]);
	return error;
}

/**
 * Where requests are looked into, the system's certificates are served with
 * the session's authority among them: inspect_start() puts the content there.
 * After all others, since nothing would work without it.
 */
static int add_certificates(struct layers *layers)
{
	char *rules;
	int error = stores_rules(&rules);

	if (error)
		return error;
	layers->certificates = (struct policy_source){
		POLICY_LAYER_RULE, LAYERS_CERTIFICATES, rules};
	/* An empty text would be a mistake. */
	if (*rules)
		layers->input.for_requests = &layers->certificates;
	return 0;
}

/* -------------------------------------------------------- the whole thing --
 */

static int find_directories(struct layers *layers)
{
	const char *path = getenv("PATH");

	if (asprintf(&layers->dirs[0], "%s/interpose/policies",
		     layers->values[VARIABLE_CONFIG]) < 0)
		layers->dirs[0] = NULL;
	layers->dirs[1] = strdup(SYSTEM_DIR "/policies");
	layers->dirs[2] = policy_files_installed();
	for (size_t i = 0; i < 3; i++) {
		if (!layers->dirs[i])
			return -ENOMEM;
		layers->policy_dirs[i] = layers->dirs[i];
	}
	policy_files_init(&layers->files,
			  path ?: "/usr/local/bin:/usr/bin:/bin",
			  layers->policy_dirs);
	return asprintf(&layers->project_policy, "%s/.interpose/policy",
			layers->values[VARIABLE_PROJECT]) < 0
		       ? -ENOMEM
		       : 0;
}

int layers_load(const struct layers_options *options, FILE *messages,
		struct layers **out)
{
	struct layers *layers = calloc(1, sizeof(*layers));
	int error;

	if (!layers)
		return -ENOMEM;
	error = find_variables(layers, messages);
	if (!error)
		error = find_project(layers, options, messages);
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		layers->variables[i] = (struct policy_variable){
			variable_names[i], layers->values[i]};
	layers->keeps_read = options->keeps_read;
	layers->known = options->known;
	layers->known_context = options->known_context;
	layers->input.variables = layers->variables;
	layers->input.variable_count = VARIABLE_COUNT;
	layers->input.host = &layers->files.host;
	if (!error)
		error = find_directories(layers);
	if (!error)
		error = find_sources(layers, options, messages);
	layers->input.sources = layers->sources;
	layers->input.source_count = layers->source_count;
	if (!error)
		error = add_certificates(layers);
	if (error == -ENOMEM)
		fprintf(messages, "interpose: out of memory\n");
	if (error) {
		layers_free(layers);
		return error;
	}
	*out = layers;
	return 0;
}

void layers_free(struct layers *layers)
{
	if (!layers)
		return;
	policy_files_clear(&layers->files);
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		free(layers->values[i]);
	for (size_t i = 0; i < 3; i++)
		free(layers->dirs[i]);
	for (size_t i = 0; i < layers->owned_count; i++)
		free(layers->owned[i]);
	free(layers->owned);
	free(layers->sources);
	free(layers->project_policy);
	free(layers->guard);
	free(layers->kept);
	free(layers->included);
	free(layers->own);
	free((char *)(uintptr_t)layers->certificates.text);
	free(layers);
}

const struct policy_input *layers_input(const struct layers *layers)
{
	return &layers->input;
}

const char *layers_variable(const struct layers *layers, const char *name)
{
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		if (strcmp(variable_names[i], name) == 0)
			return layers->values[i];
	return NULL;
}

static int load_and_print(const struct policy_input *input, FILE *messages,
			  struct policy **policy)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	int error;

	if (!list)
		return -ENOMEM;
	error = policy_load(input, list, policy);
	if (messages)
		policy_diagnostics_print(list, messages,
					 isatty(fileno(messages)) &&
						 !getenv("NO_COLOR"));
	policy_diagnostics_free(list);
	return error;
}

/* The guard begins with what was read elsewhere. 1 where that says something.
 */
static int add_included(struct layers *layers, const struct policy *policy)
{
	auto_free char *own = NULL;
	int error = asprintf(&own, "%s/interpose",
			     layers->values[VARIABLE_CONFIG]) < 0
			    ? -ENOMEM
			    : 0;

	if (error) {
		own = NULL;
		return error;
	}
	const char *const directories[] = {own, SYSTEM_DIR, layers->dirs[2],
					   NULL};

	error = kept_read(policy, &layers->input, directories,
			  &layers->included);

	if (error || !layers->included)
		return error;
	error = add_source(layers, POLICY_LAYER_GUARD, "interpose",
			   layers->included);
	if (error)
		return error;
	struct policy_source last = layers->sources[layers->source_count - 1];

	memmove(layers->sources + 1, layers->sources,
		(layers->source_count - 1) * sizeof(last));
	layers->sources[0] = last;
	layers->input.sources = layers->sources;
	layers->input.source_count = layers->source_count;
	return 1;
}

int layers_policy(struct layers *layers, bool check, FILE *messages,
		  struct policy **policy)
{
	struct policy_input input = layers->input;

	input.check = check;
	input.known = layers->known;
	input.known_context = layers->known_context;
	layers->known = NULL;
	int error = load_and_print(&input, messages, policy);

	if (error || !layers->keeps_read || layers->included)
		return error;
	error = add_included(layers, *policy);
	if (error == 0)
		return 0;
	policy_free(*policy);
	*policy = NULL;
	return error < 0 ? error
			 : load_and_print(&layers->input, messages, policy);
}

const char *layers_included(const struct layers *layers)
{
	return layers->included;
}

int layers_config_directory(FILE *messages, char **config)
{
	struct layers layers = {0};
	int error = find_variables(&layers, messages);

	if (!error)
		*config = take_ptr(layers.values[VARIABLE_CONFIG]);
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		free(layers.values[i]);
	return error;
}

int layers_project_hash(struct layers *layers, FILE *messages, char hash[65])
{
	struct policy_source source = {POLICY_LAYER_PROJECT,
				       layers->project_policy, NULL};
	struct policy_input input = layers->input;
	struct policy *policy = NULL;
	int error;

	if (access(layers->project_policy, F_OK) < 0)
		return -ENOENT;
	input.sources = &source;
	input.source_count = 1;
	/*
	 * It is loaded alone once: what that reads is what it consists of, and
	 * is kept, so that no other bytes can be used later than were hashed.
	 * A policy that only works after others could include what was never
	 * hashed, so it must be without mistakes by itself.
	 */
	layers->files.keeping = true;
	error = load_and_print(&input, messages, &policy);
	layers->files.keeping = false;
	policy_free(policy);
	if (!error)
		policy_files_hash(&layers->files, hash);
	return error;
}
