/*
 * Fuzz target: the policy language.
 *
 * The input is a policy. Whatever it is, it loads or has mistakes that can be
 * printed; a policy that loads decides, explains and formats, and what it is
 * formatted to loads, too.
 */
#include "policy/policy.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_file(void *context, const char *path, char **text, size_t *length)
{
	(void)context, (void)path, (void)text, (void)length;
	return -ENOENT;
}

static int no_policy(void *context, const char *name, char **path)
{
	(void)context, (void)name, (void)path;
	return -ENOENT;
}

static int same(void *context, const char *path, char **canonical)
{
	(void)context;
	*canonical = strdup(path);
	return *canonical ? 0 : -ENOMEM;
}

static int in_bin(void *context, const char *name, char **path)
{
	(void)context;
	return asprintf(path, "/usr/bin/%s", name) < 0 ? -ENOMEM : 0;
}

static const struct policy_host host = {
	.read_file = no_file,
	.find_policy = no_policy,
	.canonical = same,
	.find_program = in_bin,
};

static int load(const char *text, struct policy **policy)
{
	static const struct policy_variable variables[] = {
		{"project", "/home/u/p"}, {"home", "/home/u"},
		{"gitdir", NULL},	  {"tmp", "/tmp"},
		{"uid", "1000"},
	};
	const struct policy_source source = {
		.kind = POLICY_LAYER_FILE,
		.name = "fuzz",
		.text = text,
	};
	const struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.variables = variables,
		.variable_count = sizeof(variables) / sizeof(*variables),
		.host = &host,
		.check = true,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	FILE *out = fopen("/dev/null", "w");

	if (!list || !out)
		abort();
	int error = policy_load(&input, list, policy);

	if ((error == -EINVAL) != (policy_diagnostics_errors(list) > 0))
		abort();
	policy_diagnostics_print(list, out, false);
	fclose(out);
	policy_diagnostics_free(list);
	return error;
}

static bool visit(void *context, const struct policy_match *match)
{
	size_t *deciding = context;

	*deciding += match->decides;
	return true;
}

static void ask(const struct policy *policy, enum action action,
		const char *text)
{
	static const char *const argv[] = {"git", "-C", ".", "push"};
	const struct policy_endpoint endpoint = {
		.kind = ENDPOINT_TCP,
		.family = AF_INET,
		.address = {127, 0, 0, 1},
		.port = 443,
	};
	const struct policy_query query = {
		.action = action,
		.text = text,
		.length = strlen(text),
		.argv = argv,
		.argc = 4,
		.endpoint = &endpoint,
		.method = "GET",
	};
	struct policy_decision decision;
	size_t deciding = 0;

	policy_decide(policy, &query, &decision);
	policy_explain(policy, &query, visit, &deciding);
	if (deciding > 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const subjects[] = {
		"/home/u/p/.env", "/home/u/.aws/credentials", "/", "/usr/bin/git",
	};
	auto_free char *text = malloc(size + 1);
	auto_free char *formatted = NULL;
	struct policy *policy = NULL;

	if (!text || size > 16384)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (load(text, &policy))
		return 0;
	for (int action = 0; action < ACTION_COUNT; action++)
		for (size_t i = 0; i < 4; i++)
			ask(policy, (enum action)action, subjects[i]);
	ask(policy, ACTION_ENV, "HOME");
	(void)policy_hides_children(policy, "/home/u");
	(void)policy_varies_below(policy, ACTION_READ, "/home/u/p");
	(void)policy_same_below(policy, "/home/u/p/a", "/home/u/p/b");
	policy_free(policy);
	policy = NULL;

	struct policy_diagnostics *list = policy_diagnostics_new();

	if (policy_format("fuzz", text, list, &formatted) ||
	    load(formatted, &policy))
		abort();
	policy_free(policy);
	policy_diagnostics_free(list);
	return 0;
}
