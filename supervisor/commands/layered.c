#include "supervisor/commands/layered.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

enum { OPTION_ONLY = 256, OPTION_JSON, OPTION_PROFILE, OPTION_FENCE };

static const struct option options[] = {
	{"policy", required_argument, NULL, 'p'},
	{"rule", required_argument, NULL, 'e'},
	{"only", no_argument, NULL, OPTION_ONLY},
	{"project", required_argument, NULL, 'C'},
	{"profile", required_argument, NULL, OPTION_PROFILE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"fence", no_argument, NULL, OPTION_FENCE},
	{"write", no_argument, NULL, 'w'},
	{0},
};

static int add(const char ***items, size_t *count, const char *item)
{
	const char **grown = reallocarray(*items, *count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[(*count)++] = item;
	*items = grown;
	return 0;
}

int layered_add_policy(struct layered *layered, const char *name)
{
	int error =
		add(&layered->policies, &layered->layers.policy_count, name);

	layered->layers.policies = layered->policies;
	return error;
}

/** Take one option; returns 0, -EINVAL or -ENOMEM. */
static int take(struct layered *layered, int option)
{
	int error;

	switch (option) {
	case 'p':
		return layered_add_policy(layered, optarg);
	case 'e':
		error = add(&layered->rules, &layered->layers.rule_count,
			    optarg);
		layered->layers.rules = layered->rules;
		return error;
	case 'C':
		layered->layers.project = optarg;
		return 0;
	case 'w':
		layered->write = true;
		return 0;
	case OPTION_ONLY:
		layered->layers.only = true;
		return 0;
	case OPTION_PROFILE:
		layered->layers.program = optarg;
		return 0;
	case OPTION_JSON:
		layered->json = true;
		return 0;
	case OPTION_FENCE:
		layered->fence = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int layered_parse(struct layered *layered, int argc, char **argv,
		  const char *usage)
{
	int option, error = 0;

	*layered = (struct layered){0};
	optind = 0;
	while (!error && (option = getopt_long(argc, argv, "+p:e:C:w", options,
					       NULL)) != -1)
		error = take(layered, option);
	if (error) {
		fprintf(stderr, "interpose: usage: interpose %s\n", usage);
		layered_free(layered);
		return EXIT_USAGE;
	}
	layered->words = (const char *const *)argv + optind;
	layered->word_count = (size_t)(argc - optind);
	return 0;
}

void layered_free(struct layered *layered)
{
	free(layered->policies);
	free(layered->rules);
	*layered = (struct layered){0};
}
