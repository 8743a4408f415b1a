/*
 * Where nothing other than `allow` can come out: what the kernel may let
 * through by itself. Pure, like the rest of the engine; what is there on the
 * disk is looked at by supervisor/fence.h.
 *
 * A rule other than a plain `allow` counts (deny, ask, hide, fake, and whatever
 * has `log`), and an `allow` with `by`, `under` or `until` grants nothing here.
 */
#ifndef POLICY_FENCE_H
#define POLICY_FENCE_H

#include "policy/policy.h"

/** What can come out in a tree. Ordered; the zero value is the safe one. */
enum policy_fence {
	FENCE_OTHER = 0, /**< who knows: not all of it is allowed */
	FENCE_PARTS, /**< allowed, but for what rules name in a certain place */
	FENCE_FLOATS, /**< allowed, but for names that may be at any depth */
	FENCE_WHOLE,  /**< nothing other than allow, whatever is in it */
};

/** The last of loading a policy: gather the rules that all of this asks about,
 * hundreds of times. Returns 0 or -ENOMEM. */
int policy_find_otherwise(struct policy *policy);

/**
 * What can come out for the directory and all below it, whatever that is.
 * `action` is read or write. FENCE_WHOLE and FENCE_FLOATS say that the
 * directory itself is allowed, too.
 *
 * @param directory  canonical, absolute
 * @param why        the rule for which it is not whole; NULL: no rule allows
 *                   all of it
 */
enum policy_fence policy_fence(const struct policy *policy, enum action action,
			       const char *directory,
			       const struct policy_rule **why);

/** Does a pattern that floats in the directory begin at its first `place`
 * bytes, themselves a directory, or below: is it about names there, not
 * anywhere? */
bool policy_fence_floats_from(const struct policy *policy, enum action action,
			      const char *directory, size_t place);

/** Is this one path allowed, by whomever it is asked for, and not logged? */
bool policy_fence_exact(const struct policy *policy, enum action action,
			const char *path);

/** Might a rule hide this very path, for whomever and whenever? Then what is
 * below it is absent as well, whatever a rule says of that. */
bool policy_fence_hides(const struct policy *policy, const char *path);

/**
 * May any name be made in the tree, as far as rules for `write` go? Names that
 * `read` hides or fakes are not looked at: making one gains nothing. Nor may a
 * directory be moved to where a rule opens unix sockets: it could bring some.
 */
bool policy_fence_makes(const struct policy *policy, const char *directory);

/** Does a rule grant something to some programs only (`by`, `under`), whose
 * pipes and memory files are then to be kept from the others? */
bool policy_fence_apart(const struct policy *policy);

/** The paths that plain `allow` rules name without wildcards; `tree`: and all
 * below. `visit` returns false to end. */
void policy_fence_roots(const struct policy *policy, enum action action,
			bool (*visit)(void *context, const char *path,
				      bool tree),
			void *context);

/**
 * Components that tell a path of which reading may be decided otherwise than
 * the fence, or metadata hidden or faked: as a pattern of text, `*` and `?`
 * that matches at least those. `floats`: at any depth; the others are in no
 * directory of which policy_fence() says FENCE_FLOATS or FENCE_WHOLE. `visit`
 * returns false to end.
 */
void policy_fence_components(const struct policy *policy,
			     bool (*visit)(void *context, const char *pattern,
					   bool floats),
			     void *context);

/**
 * The names that floating patterns begin with, as far as they can match in the
 * directory. The caller frees the object with free(); NULL without memory. It
 * lives no longer than the policy.
 */
struct policy_fence_names;
struct policy_fence_names *policy_fence_names(const struct policy *policy,
					      enum action action,
					      const char *directory);

/** Is a name like one of those? Below a tree that is FENCE_FLOATS, all is
 * allowed whose names are none of them. */
bool policy_fence_name(const struct policy_fence_names *names,
		       const char *name);

#endif
