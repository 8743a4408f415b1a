/*
 * The options of a run: interpose [OPTION…] PROGRAM [ARG…].
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/fence.h"
#include "supervisor/session.h"

enum {
	OPTIONS_MOST = 64, /* of -p and of -e */
};

struct options {
	const char *policies[OPTIONS_MOST];
	size_t policy_count;
	const char *rules[OPTIONS_MOST];
	size_t rule_count;
	bool only;
	const char *project;
	enum ask_mode ask;
	bool ask_chosen;      /**< by --ask; else it depends on the terminal */
	unsigned ask_timeout; /**< seconds; 0: none */
	bool log_all, log_stacks;
	enum fence_mode fence;
	const char *session_dir;
	bool dry_run;
	const char *proposal; /* of --dry-run=FILE, or NULL */
	int proposal_fd;      /* of that, once proposal_open() was called */
	bool quiet, verbose;
	char **program; /* argv of the program, NULL ends */
};

/**
 * Parse the arguments of a run. Returns -1 to go on, or the status to exit
 * with: 0 after --help or --version, 125 after a mistake that was reported.
 */
int options_parse(int argc, char **argv, struct options *options);

#endif
