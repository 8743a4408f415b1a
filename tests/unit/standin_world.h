/*
 * Real files below a temporary directory, a policy of a few rules, and the
 * stand-ins of a session: what the tests of stand-ins begin with.
 */
#ifndef TESTS_UNIT_STANDIN_WORLD_H
#define TESTS_UNIT_STANDIN_WORLD_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "supervisor/virtual/standin.h"

struct world {
	char base[64];
	char real[PATH_MAX]; /**< canonical; the real files are below it */
	struct standins *standins;
	int session;
	atomic_uint reads; /**< how often a real file was opened */
};

extern struct world world;
extern const struct standin_host world_host;

/** Before and after each test. */
void world_make(void);
void world_remove(void);

/** The path of a real file, or of its stand-in; good for a few calls. */
const char *world_at(const char *name);
const char *world_mirrored(const char *name);

/** Write and read a whole file; NULL where there is none. */
void world_put(const char *path, const char *text);
const char *world_get(const char *path);
bool world_there(const char *path);

/** The policy: all at and below a path is faked so; the last one counts. */
void world_rule(unsigned index, const char *path,
		const struct policy_fake *fake);

/** standins_prepare() by that policy. */
int world_prepare(const char *path);

#endif
