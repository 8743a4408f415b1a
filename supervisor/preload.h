/*
 * The session's copy of the shim: made at its start, loaded by its programs.
 *
 * It lies in the runtime directory, which no program of the session may read or
 * write, with the session's table in it (shim/config.h). The loader's open of
 * it is answered with a descriptor for reading.
 */
#ifndef SUPERVISOR_PRELOAD_H
#define SUPERVISOR_PRELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct go_images;
struct loader_code;
struct preload;
struct shim_names;
struct static_images;

/** Can the library that was built be read? Returns 0 or -errno. */
int preload_built(void);

/**
 * Look for the calls in the code of this process's libc and loader: once, and
 * the same under every policy. preload_new() does it where it was not done, but
 * it takes a millisecond that may be another thread's, which has ended then.
 */
void preload_look(void);

/**
 * Make the copy in `directory`, whose path is `path`. `apart`: as the filter
 * has it (filter.h). Returns 0 and an object for preload_free(), or -errno with
 * the cause in `why` (static): programs are then left trapped.
 */
int preload_new(const struct shim_names *names, bool apart, int directory,
		const char *path, struct preload **preload, const char **why);
void preload_free(struct preload *preload);

/** The path by which programs load it. */
const char *preload_path(const struct preload *preload);

/** The same library for programs in Go, owned by the object; for the tracer
 * alone. NULL: there is none. */
struct go_images *preload_go(const struct preload *preload);

/** Likewise for other programs without a loader. */
struct static_images *preload_statics(const struct preload *preload);

/** What becomes of the loader in new images, owned by the object, or NULL. */
const struct loader_code *preload_loader(const struct preload *preload);

/** Is this the loader's open of it? `flags` are open(2)'s. */
bool preload_opens(const struct preload *preload, const char *path,
		   uint64_t flags);

/** Open it for reading: a descriptor or -errno. */
int preload_open(const struct preload *preload);

#endif
