#include "supervisor/program_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/virtual/standin.h"

struct variable {
	char *real;	   /* NAME=VALUE */
	char *placeholder; /* the same with one, or NULL */
	char *literal; /* with the text that stood in at the start, or NULL */
	char *other;   /* with one that a rule gave a program since */
	size_t name_length;
	bool varies; /* programs do not get it alike */
};

struct program_env {
	const struct policy *policy;
	struct variable *list;
	size_t count;
	bool any;
};

/* ---------------------------------------------------------- what steers -- */

/*
 * Variables by which whoever starts a program makes it load or run code of his,
 * sorted by what reads them; `*` at the end is any rest.
 */
static const char *const steering[] = {
	/* the loader and libc */
	"LD_*",
	"GCONV_PATH",
	"GLIBC_TUNABLES",
	"LOCPATH",
	"NLSPATH",
	"HOSTALIASES",
	"RESOLV_HOST_CONF",
	"RES_OPTIONS",
	"LOCALDOMAIN",
	"NIS_PATH",
	"GETCONF_DIR",
	"MALLOC_*",
	/* shells */
	"BASH_ENV",
	"BASH_FUNC_*",
	"ENV",
	"SHELLOPTS",
	"BASHOPTS",
	"PS4",
	"PROMPT_COMMAND",
	"ZDOTDIR",
	"FPATH",
	"IFS",
	/* interpreters */
	"PYTHON*",
	"PERL5*",
	"PERLLIB",
	"PERL_*",
	"RUBYLIB",
	"RUBYOPT",
	"GEM_*",
	"BUNDLE_*",
	"NODE_OPTIONS",
	"NODE_PATH",
	"NODE_REPL_EXTERNAL_MODULE",
	"BUN_*",
	"DENO_*",
	"PHPRC",
	"PHP_INI_SCAN_DIR",
	"LUA_*",
	"CLASSPATH",
	"JAVA_TOOL_OPTIONS",
	"_JAVA_OPTIONS",
	"JDK_JAVA_OPTIONS",
	"DOTNET_*",
	"CORECLR_*",
	"COR_*",
	"GUILE_*",
	"TCLLIBPATH",
	"AWKPATH",
	"AWKLIBPATH",
	"JULIA_*",
	"ERL_*",
	"ELIXIR_*",
	"R_PROFILE*",
	"R_ENVIRON*",
	"R_LIBS*",
	/* libraries that load modules */
	"OPENSSL_*",
	"GIO_*",
	"GTK_*",
	"GST_*",
	"QT_*",
	"LIBGL_*",
	"VK_*",
	"OCL_*",
	"ASAN_OPTIONS",
	"LSAN_OPTIONS",
	"UBSAN_OPTIONS",
	"TSAN_OPTIONS",
	"LLVM_PROFILE_FILE",
	"GCOV_*",
	/* git */
	"GIT_SSH",
	"GIT_SSH_*",
	"GIT_EXEC_PATH",
	"GIT_CONFIG*",
	"GIT_EDITOR",
	"GIT_SEQUENCE_EDITOR",
	"GIT_PAGER",
	"GIT_ASKPASS",
	"SSH_ASKPASS",
	"GIT_EXTERNAL_DIFF",
	"GIT_PROXY_*",
	"GIT_TEMPLATE_DIR",
	"GIT_TRACE*",
	"GIT_SSL_*",
	"GIT_CURL_*",
	"LESSOPEN",
	"LESSCLOSE",
};

/*
 * Variables that say where a program finds its configuration, by which way it
 * goes to a server, and whom it believes: as they were when interpose was
 * started, for a program that is granted something.
 */
static const char *const restored[] = {
	"HOME",
	"XDG_CONFIG_HOME",
	"XDG_CONFIG_DIRS",
	"XDG_DATA_HOME",
	"XDG_DATA_DIRS",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"CURL_CA_BUNDLE",
	"CURL_HOME",
	"REQUESTS_CA_BUNDLE",
	"AWS_CA_BUNDLE",
	"SSLKEYLOGFILE",
	"NODE_EXTRA_CA_CERTS",
	"NODE_TLS_REJECT_UNAUTHORIZED",
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"ALL_PROXY",
	"FTP_PROXY",
	"NO_PROXY",
	"RSYNC_PROXY",
	"GH_CONFIG_DIR",
	"GH_HOST",
	"AWS_CONFIG_FILE",
	"AWS_ENDPOINT_URL*",
	"AWS_SHARED_CREDENTIALS_FILE",
	"DOCKER_CONFIG",
	"KUBECONFIG",
	"npm_config_*",
	"NPM_CONFIG_*",
	"PIP_*",
	"CARGO_*",
	"ANTHROPIC_BASE_URL",
	"OPENAI_BASE_URL",
	"CLAUDE_CONFIG_DIR",
	"CODEX_HOME",
};

static bool listed(const char *const *list, size_t count, const char *name,
		   size_t length, bool any_case)
{
	for (size_t i = 0; i < count; i++) {
		size_t fixed = strlen(list[i]);
		bool open = list[i][fixed - 1] == '*';

		fixed -= open;
		if (open ? length < fixed : length != fixed)
			continue;
		if ((any_case ? strncasecmp(name, list[i], fixed)
			      : strncmp(name, list[i], fixed)) == 0)
			return true;
	}
	return false;
}

#define LISTED(list, name, length, any_case)                                   \
	listed(list, sizeof(list) / sizeof(*(list)), name, length, any_case)

/* ------------------------------------------------------------ the object -- */

static char *make(const char *name, size_t length, const char *value)
{
	char *text;

	return asprintf(&text, "%.*s=%s", (int)length, name, value) < 0 ? NULL
									: text;
}

static void query_of(struct policy_query *query, const char *name,
		     size_t length)
{
	*query = (struct policy_query){
		.action = ACTION_ENV,
		.text = name,
		.length = length,
		.now = time(NULL),
	};
}

static bool is_wanted(void *context, const struct policy_rule *rule)
{
	struct policy_rule_info info;
	bool *found = context;

	policy_rule_info(rule, &info);
	*found = *found || ((info.has_by || info.has_under) &&
			    (info.actions & 1U << ACTION_ENV));
	return !*found;
}

static bool is_text(const struct policy_decision *decision)
{
	return decision->verdict == VERDICT_FAKE && decision->fake &&
	       decision->fake->kind == FAKE_TEXT;
}

static int learn(struct program_env *variables, struct standins *standins,
		 bool wanted, const char *given, struct variable *variable)
{
	struct policy_query query;
	const char *equals = strchr(given, '=');

	variable->name_length = (size_t)(equals - given);
	variable->real = strdup(given);
	if (!variable->real)
		return -ENOMEM;
	query_of(&query, given, variable->name_length);
	variable->varies =
		wanted && policy_depends_on_program(variables->policy, &query);
	if (!variable->varies)
		return 0;
	variables->any = true;
	auto_free char *name = strndup(given, variable->name_length);
	auto_free char *placeholder =
		name ? standins_placeholder(standins, name, equals + 1) : NULL;

	if (placeholder)
		variable->placeholder =
			make(given, variable->name_length, placeholder);
	if (!variable->placeholder)
		return -ENOMEM;
	struct policy_decision decision;

	policy_decide(variables->policy, &query, &decision);
	if (is_text(&decision))
		variable->literal =
			make(given, variable->name_length, decision.fake->text);
	return is_text(&decision) && !variable->literal ? -ENOMEM : 0;
}

int program_env_new(const struct policy *policy, struct standins *standins,
		    char *const *environment, struct program_env **result)
{
	struct program_env *variables = calloc(1, sizeof(*variables));
	bool wanted = false;
	size_t count = 0;

	if (!variables)
		return -ENOMEM;
	variables->policy = policy;
	policy_rules(policy, is_wanted, &wanted);
	while (environment[count])
		count++;
	variables->list = calloc(count + 1, sizeof(*variables->list));
	if (!variables->list) {
		program_env_free(variables);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(environment[i], '=');

		if (!equals || equals == environment[i])
			continue;
		int error = learn(variables, standins, wanted, environment[i],
				  &variables->list[variables->count++]);

		if (error) {
			program_env_free(variables);
			return error;
		}
	}
	*result = variables;
	return 0;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void program_env_free(struct program_env *variables)
{
	if (!variables)
		return;
	for (size_t i = 0; i < variables->count; i++) {
		wipe(variables->list[i].real);
		free(variables->list[i].placeholder);
		free(variables->list[i].literal);
		free(variables->list[i].other);
	}
	free(variables->list);
	free(variables);
}

bool program_env_any(const struct program_env *variables)
{
	return variables->any;
}

size_t program_env_count(const struct program_env *variables)
{
	return variables->count;
}

/* -------------------------------------------------------------- deciding -- */

static const struct policy_program *asked(void *context)
{
	return context;
}

static void decide(const struct program_env *variables, const char *name,
		   size_t length, const struct policy_program *program,
		   struct policy_decision *decision)
{
	struct policy_query query;

	query_of(&query, name, length);
	if (program) {
		query.program = asked;
		query.program_context = (void *)(uintptr_t)program;
	}
	policy_decide(variables->policy, &query, decision);
}

static struct variable *find(const struct program_env *variables,
			     const char *name, size_t length)
{
	for (size_t i = 0; i < variables->count; i++)
		if (variables->list[i].name_length == length &&
		    memcmp(variables->list[i].real, name, length) == 0)
			return &variables->list[i];
	return NULL;
}

/* Is the value one that we gave, and not the starter's own? */
static bool is_ours(const struct variable *variable, const char *text)
{
	return strcmp(text, variable->real) == 0 ||
	       strcmp(text, variable->placeholder) == 0 ||
	       (variable->literal && strcmp(text, variable->literal) == 0) ||
	       (variable->other && strcmp(text, variable->other) == 0);
}

static struct program_env_verdict change_to(const char *now, const char *text)
{
	struct program_env_verdict verdict = {.change = PROGRAM_ENV_REPLACE,
					      .text = text};

	if (strcmp(now, text) == 0)
		verdict = (struct program_env_verdict){0};
	return verdict;
}

static struct program_env_verdict
change_to_literal(struct variable *variable, const char *now, const char *value)
{
	char *text = make(now, variable->name_length, value);

	if (!text)
		return (struct program_env_verdict){.change = PROGRAM_ENV_DROP};
	/* What `now` points at is the image's, not this. */
	free(variable->other);
	variable->other = text;
	return change_to(now, text);
}

static struct program_env_verdict restore(const struct variable *variable,
					  const char *text)
{
	if (!variable)
		return (struct program_env_verdict){.change = PROGRAM_ENV_DROP,
						    .steering = true};
	struct program_env_verdict verdict = change_to(text, variable->real);

	verdict.steering = verdict.change != PROGRAM_ENV_KEEP;
	return verdict;
}

struct program_env_verdict
program_env_decide(struct program_env *variables,
		   const struct program_env_image *image, const char *text)
{
	const struct program_env_verdict keep = {0},
					 drop = {.change = PROGRAM_ENV_DROP};
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	struct variable *variable = find(variables, text, length);

	if (image->steered && LISTED(steering, text, length, false))
		return (struct program_env_verdict){.change = PROGRAM_ENV_DROP,
						    .steering = true};
	if (variable && variable->varies && is_ours(variable, text)) {
		struct policy_decision decision;

		decide(variables, text, length, image->program, &decision);
		if (decision.verdict == VERDICT_ALLOW)
			return change_to(text, variable->real);
		if (is_text(&decision))
			return change_to_literal(variable, text,
						 decision.fake->text);
		if (decision.verdict == VERDICT_FAKE)
			return change_to(text, variable->placeholder);
		return drop;
	}
	if (image->steered && LISTED(restored, text, length, true)) {
		struct policy_decision decision;

		decide(variables, text, length, image->program, &decision);
		/* What it would not be given is not put back either. */
		return restore(decision.verdict == VERDICT_ALLOW ? variable
								 : NULL,
			       text);
	}
	return keep;
}

void program_env_missing(const struct program_env *variables,
			 const struct program_env_image *image,
			 bool (*has)(void *context, const char *name,
				     size_t length),
			 void (*add)(void *context, const char *text),
			 void *context)
{
	for (size_t i = 0; i < variables->count; i++) {
		const struct variable *variable = &variables->list[i];
		struct policy_decision decision;

		if (!variable->varies ||
		    has(context, variable->real, variable->name_length))
			continue;
		decide(variables, variable->real, variable->name_length,
		       image->program, &decision);
		if (decision.verdict != VERDICT_ALLOW)
			continue;
		/* A starter that has it and left it out meant to. */
		decide(variables, variable->real, variable->name_length,
		       image->starter, &decision);
		if (decision.verdict != VERDICT_ALLOW)
			add(context, variable->real);
	}
}
