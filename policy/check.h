/*
 * What `check` finds in rules that are no mistakes. Internal to the engine.
 */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

#include "policy/rules.h"

/**
 * Warn of rules that can never decide, and of grants of one's own that did not
 * lift what they overlap with. Returns 0 or -ENOMEM.
 */
int policy_check(const struct policy *policy, struct policy_diagnostics *list);

#endif
