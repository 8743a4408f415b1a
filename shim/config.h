/*
 * What a session's copy of the shim knows of it: written into the copy's own
 * `.interpose` section by the supervisor, read by the shim where it is loaded.
 */
#ifndef SHIM_CONFIG_H
#define SHIM_CONFIG_H

#include <stdint.h>

#include "shim/names.h"
#include "shim/sites.h"

#define SHIM_MAGIC "interpose shim 3 configuration\n"

enum { SHIM_OBJECTS = 3, SHIM_ID = 20, SHIM_PATH = 512 };

/** A loaded file that makes file calls, known by its build ID. */
struct shim_object {
	unsigned char id[SHIM_ID];
	uint32_t count;
	struct shim_site sites[SHIM_SITES];
};

struct shim_config {
	char magic[32];
	uint32_t ready; /**< 0: as it was built */
	/** At the gate nothing is opened by a link that is last in its path. */
	uint32_t apart;
	uint32_t object_count;
	/** The path by which it was preloaded. */
	char path[SHIM_PATH];
	struct shim_names names;
	struct shim_object objects[SHIM_OBJECTS];
};

#endif
