/*
 * What the shim knows of x86-64.
 */
#ifndef SHIM_MACHINE_H
#define SHIM_MACHINE_H

#include "shim/sites.h"

/** `syscall; ret`, as the gate's page holds it, as a number. */
#define MACHINE_GATE 0xc3050fU

#define machine_stub shim_stub_x86_64

static inline size_t machine_sites(const struct shim_code *code,
				   shim_wanted *wanted, struct shim_site *sites,
				   size_t most)
{
	return shim_sites_x86_64(code, wanted, true, sites, most);
}

/** Stores are seen by the processor that fetches code. */
static inline void machine_flush(const void *code, size_t length)
{
	(void)code;
	(void)length;
}

#endif
