/*
 * What the shim knows of aarch64.
 */
#ifndef SHIM_MACHINE_H
#define SHIM_MACHINE_H

#include "shim/sites.h"

/** `svc #0; ret`, as the gate's page holds it, as a number. */
#define MACHINE_GATE 0xd65f03c0d4000001UL

/** Time, and how much of it is a fifth of a second or somewhat more. No call of
 * the kernel, which a filter of the program's own may not know. */
#define MACHINE_SOON (machine_frequency() / 4)
static inline uint64_t machine_ticks(void)
{
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}

static inline uint64_t machine_frequency(void)
{
	uint64_t hertz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
	return hertz;
}

extern unsigned char shim_enter[];

/** The site's instruction: no loader is changed here (loader.h). */
enum { MACHINE_SITE = 4 };
static inline const unsigned char *machine_original(uintptr_t site,
						    unsigned char *room)
{
	(void)room;
	return (const unsigned char *)site;
}

/** Where the stubs of sites of a kind lead. */
static inline const unsigned char *machine_entry(unsigned kind)
{
	(void)kind;
	return shim_enter;
}

static inline bool machine_stub(const struct shim_stub *how,
				const unsigned char *now, unsigned char *stub,
				unsigned char *jump)
{
	(void)now;
	return shim_stub_aarch64(how, stub, jump);
}

static inline size_t machine_sites(const struct shim_code *code,
				   shim_wanted *wanted, struct shim_site *sites,
				   size_t most)
{
	return shim_sites_aarch64(code, wanted, sites, most);
}

/** Stores are seen by the processor that fetches code. */
static inline void machine_flush(const void *code, size_t length)
{
	const char *at = code;

	/* Lines are no shorter than 16 bytes; Arm ARM B2.4.4. */
	for (size_t i = 0; i < length; i += 16)
		__asm__ volatile("dc cvau, %0" : : "r"(at + i) : "memory");
	__asm__ volatile("dsb ish" : : : "memory");
	for (size_t i = 0; i < length; i += 16)
		__asm__ volatile("ic ivau, %0" : : "r"(at + i) : "memory");
	__asm__ volatile("dsb ish; isb" : : : "memory");
}

#endif
