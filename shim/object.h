/*
 * A loaded ELF file, looked at through its own headers.
 */
#ifndef SHIM_OBJECT_H
#define SHIM_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/config.h"
#include "shim/sites.h"

/** Is this the name of a file that makes file calls: a libc, a loader? */
bool shim_object_named(const char *path);

/**
 * Look at the file whose address 0 is loaded at `base`, which must be readable.
 * Returns false where it is no ELF file that begins there, has no build ID of
 * SHIM_ID bytes (in `id`), no code, or no sorted unwind table.
 */
bool shim_object_look(const unsigned char *base, struct shim_code *code,
		      unsigned char id[SHIM_ID]);

#endif
