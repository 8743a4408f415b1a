/*
 * The shim's copy for new images that load no library: what of its file is
 * mapped into them, right below the gate's page, and how they are made to map
 * it, at PTRACE_EVENT_EXEC.
 */
#ifndef SUPERVISOR_IMAGE_COPY_H
#define SUPERVISOR_IMAGE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/inject.h"

struct image_copy {
	uint32_t start, size; /**< addresses; with the gate's page, the last */
	unsigned char *bytes; /**< `size` of them, owned */
};

/** Make it of the shim's file, the session's table in it. Returns whether it
 * could be; image_copy_free() takes either. */
bool image_copy_new(struct image_copy *copy, const char *file, size_t size);
void image_copy_free(struct image_copy *copy);

/** What begins with this mark and has `size` bytes, or NULL; its address in
 * images is then in `address`. */
void *image_copy_marked(const struct image_copy *copy, const char *mark,
			size_t size, uint32_t *address);

/** Write it to where it is mapped; `memory` is the image's. */
bool image_copy_write(const struct image_copy *copy, int memory);

struct image_place {
	uint64_t at, size;
	uint64_t protection;
	bool mapped;
};

/** Have the image map the place, where nothing is mapped yet: `mapped` then
 * says whether it did; or take it out again. Both return as inject_call(). */
int image_place_map(struct injection *injection, struct image_place *place);
int image_place_unmap(struct injection *injection,
		      const struct image_place *place);

#endif
