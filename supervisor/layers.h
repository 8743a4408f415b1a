/*
 * The layers of policy that a session has, in order, as a policy_input: from
 * the options of the command line, the environment and the file system.
 */
#ifndef SUPERVISOR_LAYERS_H
#define SUPERVISOR_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "policy/policy.h"

/** The file's name of the rules for the system's certificates. No file that a
 * policy is read from is called so: those have a directory. */
#define LAYERS_CERTIFICATES "certificates"

/** What the command line says. The strings must outlive the layers. */
struct layers_options {
	const char *program; /**< names the profile; NULL: the default one */
	const char *const *policies; /**< of -p, in order */
	size_t policy_count;
	const char *const *rules; /**< of -e, in order */
	size_t rule_count;
	bool only;		 /**< nothing but the above and the guard */
	const char *project;	 /**< of -C, or NULL */
	const char *session_dir; /**< of --session-dir, or NULL */
	const char *const *kept; /**< of -p: files a session may not change */
	size_t kept_count;
	bool keeps_read; /**< nor others that its policies were read from */
	const char *included; /**< layers_included() of other layers, or NULL */
	/** As that of policy_input, when layers_policy() is called first. */
	void (*known)(void *context, const struct policy *policy);
	void *known_context;
	bool recorded; /**< `project` is a session's, and may be gone */
};

struct layers;

/**
 * Find the project and all that applies to it. Nothing is parsed yet but a
 * project's own policy, to know whether it is trusted; if it is there and is
 * not, a line on `messages` says so and how to trust it.
 *
 * Returns 0 and layers for layers_free(), or -errno with a line written.
 */
int layers_load(const struct layers_options *options, FILE *messages,
		struct layers **layers);
void layers_free(struct layers *layers);

/**
 * Load the policy of the layers. Mistakes (and, with `check`, warnings) are
 * printed on `messages` in full. Returns 0 and a policy for policy_free(), or
 * -EINVAL, -ENOMEM.
 */
int layers_policy(struct layers *layers, bool check, FILE *messages,
		  struct policy **policy);

/** With `keeps_read`: the guard's rules about files that layers_policy() read,
 * included ones above all; NULL: there are none. */
const char *layers_included(const struct layers *layers);

/** What policy_load() takes; it stays the layers'. */
const struct policy_input *layers_input(const struct layers *layers);

/**
 * The value of a variable, such as `project`, `home`, `state`; NULL where it is
 * not set here.
 */
const char *layers_variable(const struct layers *layers, const char *name);

/**
 * The user's configuration directory, as `${config}` has it, without a project.
 * Returns 0 and a malloc()ed path, or -errno with a line written.
 */
int layers_config_directory(FILE *messages, char **config);

/**
 * The SHA-256 of a project's policy and of what it includes from the project,
 * as 64 hex digits, of the bytes that layers_policy() would use. Returns 0,
 * -ENOENT where there is no such policy, or -EINVAL where it has a mistake
 * (printed on `messages` if that is not NULL).
 */
int layers_project_hash(struct layers *layers, FILE *messages, char hash[65]);

#endif
