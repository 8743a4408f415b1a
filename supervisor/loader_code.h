/*
 * What becomes of the loader (ld.so(8) of glibc) in new images, so that it
 * opens libraries at the gate: shim/loader.h.
 *
 * A pure function over the loader that this process itself has.
 */
#ifndef SUPERVISOR_LOADER_CODE_H
#define SUPERVISOR_LOADER_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/config.h"
#include "shim/names.h"
#include "shim/sites.h"

enum {
	LOADER_PAGE = 4096,
	LOADER_HEAD = 1024, /* its headers, and its build ID behind them */
};

/** All addresses are counted from where the loader is loaded. */
struct loader_code {
	uint32_t entry; /**< where the kernel starts an image */
	uint32_t begin; /**< where it is to start */
	uint32_t ready; /**< a byte, then not 0 where it has a gate */
	/** What it begins with, by which it is known. */
	unsigned char head[LOADER_HEAD];
	/** The stretch with the calls, as it is and as it is to be. */
	uint32_t calls_at, calls_size;
	unsigned char before[LOADER_PAGE], after[LOADER_PAGE];
	/** What is to stand behind the loader's code, where all is 0. */
	uint32_t room_at, room_size;
	unsigned char room[LOADER_PAGE];
};

/**
 * Make it for the loader that is loaded, with the calls that were found in it
 * (preload.c). What one of `names` may be about is left trapped, but for
 * `library`, which is loaded first. `apart`: at the gate nothing is opened by a
 * link that is last in its path. Returns false where nothing can be changed.
 */
bool loader_code_make(const struct shim_code *loaded,
		      const struct shim_object *calls,
		      const struct shim_names *names, const char *library,
		      bool apart, struct loader_code *made);

#endif
