/*
 * A made-up file system for the tests of the policy engine, so that they say
 * the same everywhere. Its links: ~/.aws is ~/dotfiles/aws, /bin is /usr/bin.
 */
#ifndef TESTS_UNIT_POLICY_WORLD_H
#define TESTS_UNIT_POLICY_WORLD_H

#include "policy/policy.h"

enum { WORLD_VARIABLES = 7 };
extern const struct policy_variable world_variables[WORLD_VARIABLES];
extern const struct policy_host world_host;

#endif
