/*
 * What the shim knows of x86-64.
 */
#ifndef SHIM_MACHINE_H
#define SHIM_MACHINE_H

#include "shim/loader.h"
#include "shim/sites.h"

/** `syscall; ret`, as the gate's page holds it, as a number. */
#define MACHINE_GATE 0xc3050fU

/** Time, and how much of it is a fifth of a second or somewhat more: processors
 * have 1 to 5 GHz. No call of the kernel, which a filter of the program's own
 * may not know. */
#define MACHINE_SOON (1UL << 30)
static inline uint64_t machine_ticks(void)
{
	return __builtin_ia32_rdtsc();
}

#define machine_stub shim_stub_x86_64

/** The site's instructions, before the loader's were changed (loader.h): where
 * they are, or in `room`. */
enum { MACHINE_SITE = LOADER_SITE };
static inline const unsigned char *machine_original(uintptr_t site,
						    unsigned char *room)
{
	const unsigned char *at = (const unsigned char *)site;
	uint32_t distance = (uint32_t)at[1] | (uint32_t)at[2] << 8 |
			    (uint32_t)at[3] << 16 | (uint32_t)at[4] << 24;
	const unsigned char *stub =
		at + LOADER_JUMP + (int64_t)(int32_t)distance;

	if (at[0] != 0xe9 || at[LOADER_JUMP] != 0x0f ||
	    at[LOADER_JUMP + 1] != 0x05)
		return at;
	for (int i = 0; i < LOADER_SITE; i++)
		room[i] = i < LOADER_JUMP ? stub[i] : at[i];
	return room;
}

extern unsigned char shim_enter[], shim_enter_cancels[];

/** Where the stubs of sites of a kind lead. */
static inline const unsigned char *machine_entry(unsigned kind)
{
	return kind == SHIM_CANCELS ? shim_enter_cancels : shim_enter;
}

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
