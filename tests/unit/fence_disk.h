/*
 * For tests of the fence: a tree on the disk, a policy about it, and what is
 * found. Each fails the test where something cannot be done.
 */
#ifndef TESTS_UNIT_FENCE_DISK_H
#define TESTS_UNIT_FENCE_DISK_H

#include "policy/policy.h"
#include "supervisor/fence.h"

enum { ROOM = 512 }; /* for a path in the tree */

enum {
	ALL = FENCE_READ | FENCE_WRITE | FENCE_NAMES,
	USE = FENCE_READ | FENCE_WRITE
};

/** The tree's canonical path. */
extern char top[64];

/** Make an empty one; remove it with all that is in it. */
void make_top(void);
void drop_top(void);

/** Remove another directory so. */
void drop(const char *directory);

/** Make an empty file of this name in it, and the directories above. */
void put(const char *name);

/** Rules, in which `@` stands for the tree: for policy_free(). */
struct policy *load(const char *rules);

/** The fence, with the other names of what is protected known: for
 * fence_free().
 */
struct fence *found_with(struct fence_input *input);

/** What Landlock would grant at the path: the rights of all above it. */
unsigned rights_at(const struct fence *fence, const char *path);

/** These, and no others, at the name in the tree. */
void expect(const struct fence *fence, const char *name, unsigned rights);

#endif
