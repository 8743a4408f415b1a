/*
 * Variables of the environment that not every program gets alike.
 *
 * The session starts with what a program of which nothing is known may have.
 * The values that a rule with `by` or `under` decides about are kept here, and
 * put in, taken out or replaced in each new image before its first instruction.
 */
#ifndef SUPERVISOR_PROGRAM_ENV_H
#define SUPERVISOR_PROGRAM_ENV_H

#include <stdbool.h>
#include <stddef.h>

struct program_env;
struct policy;
struct policy_program;
struct standins;

/**
 * Look at the variables that interpose was started with. Returns 0 and an
 * object for program_env_free(), or -ENOMEM.
 */
int program_env_new(const struct policy *policy, struct standins *standins,
		    char *const *environment, struct program_env **variables);

/** Wipes the values. NULL is fine. */
void program_env_free(struct program_env *variables);

/** Is there any variable that programs do not get alike? */
bool program_env_any(const struct program_env *variables);

/** The most variables that an image may get beside its own. */
size_t program_env_count(const struct program_env *variables);

/** What is asked about one new image. */
struct program_env_image {
	const struct policy_program *program, *starter; /* NULL: not known */
	/** It is granted what its starter is not: what could steer it from
	 * there (LD_PRELOAD and its kind) is left out. */
	bool steered;
};

/** What becomes of a variable. */
enum program_env_change {
	PROGRAM_ENV_KEEP = 0,
	PROGRAM_ENV_DROP,
	PROGRAM_ENV_REPLACE,
};

/** A change to be made. `text` is NAME=VALUE, the object's. */
struct program_env_verdict {
	enum program_env_change change;
	const char *text;
	bool steering; /**< dropped for what it could do, not for its value */
};

/** What becomes of this variable (NAME=VALUE) of the new image. All of one
 * image are asked for before the next; by one thread. */
struct program_env_verdict
program_env_decide(struct program_env *variables,
		   const struct program_env_image *image, const char *variable);

/**
 * The variables that the image shall have beside those that it has: calls
 * `add` with NAME=VALUE for each, unless `has` says that the name is there.
 */
void program_env_missing(const struct program_env *variables,
			 const struct program_env_image *image,
			 bool (*has)(void *context, const char *name,
				     size_t length),
			 void (*add)(void *context, const char *text),
			 void *context);

#endif
