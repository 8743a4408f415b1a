/*
 * What the commands that speak of the effective policy have in common: the
 * options that choose its layers.
 */
#ifndef SUPERVISOR_COMMANDS_LAYERED_H
#define SUPERVISOR_COMMANDS_LAYERED_H

#include "supervisor/layers.h"

enum { EXIT_USAGE = 2 };

/** The options and the words of a command. */
struct layered {
	struct layers_options layers;
	bool json, write, fence;
	const char *const *words; /**< what is no option */
	size_t word_count;
	const char **policies, **rules; /**< what `layers` points to */
};

/**
 * Read `-p`, `-e`, `--only`, `-C`, `--profile PROGRAM`, `--json`, `--fence` and `-w`, up
 * to the first word or `--`. argv[0] is the command. Returns 0 or EXIT_USAGE
 * with a line written.
 */
int layered_parse(struct layered *layered, int argc, char **argv,
		  const char *usage);
void layered_free(struct layered *layered);

/** Add a policy to those of -p. Returns 0 or -ENOMEM. */
int layered_add_policy(struct layered *layered, const char *name);

#endif
