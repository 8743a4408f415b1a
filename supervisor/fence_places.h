/*
 * Places that the kernel's fence never covers, whatever the rules say: where
 * what is opened is not a file of the user's (/proc, /sys, /dev, /run, and
 * wherever else such file systems are mounted; some devices by themselves it has),
 * and the session's own.
 */
#ifndef SUPERVISOR_FENCE_PLACES_H
#define SUPERVISOR_FENCE_PLACES_H

#include <stdbool.h>
#include <stddef.h>

struct fence_places;

/** `kept`: further ones, NULL ends; or NULL. Returns NULL without memory, or
 * where the mounts cannot be read. */
struct fence_places *fence_places_new(const char *const *kept);
void fence_places_free(struct fence_places *places);

/** Is the path such a place, or in one? */
bool fence_places_kept(const struct fence_places *places, const char *path);

/** Is there one below the directory? */
bool fence_places_above_kept(const struct fence_places *places,
			     const char *directory);

/** Does the path belong to the system: to root and its packages, not the user's
 * to keep secrets in nor to link from? Returns the length of the tree's path, as
 * far as which it does; or 0. Of a project that lies there the answer is the
 * same: who asks must look. */
size_t fence_places_system(const char *path);

/**
 * Is the path in a place of the home directory where tools keep what they fetched
 * or built, the same on each machine: toolchains, packages and their caches?
 * Returns the length of that place's path; or 0. Of a project that lies there the
 * answer is the same. `home` may be NULL.
 */
size_t fence_places_store(const char *home, const char *path);

#endif
