/*
 * Where a program that was linked with its libc makes calls: `syscall` in code
 * that nothing else is known of, as musl is built without unwind tables. What
 * is changed are whole instructions, the last of which makes the call, and none
 * but the first of which anything leads to.
 *
 * Pure functions; what they are given may be a hostile program's.
 */
#ifndef SUPERVISOR_STATIC_SITE_H
#define SUPERVISOR_STATIC_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STATIC_SITES = 128,
	STATIC_LONGEST = 13, /**< of a site: what fits into a stub */
	STATIC_STUB = 32,
	STATIC_JUMP = 5,
	STATIC_ENTRY = 20, /**< bytes of a beginning that are looked at */
};

struct static_site {
	uint32_t at; /**< from the start of the code */
	uint32_t size;
	unsigned char code[STATIC_LONGEST]; /**< what stands there */
};

/** Does a program that begins so have musl or glibc in it, and no other idea of
 * what a stack is? The bytes are STATIC_ENTRY. */
bool static_entry_is(const unsigned char *code);

/** Find the sites, in order. Returns how many, of which no more than
 * STATIC_SITES are kept. */
size_t static_sites_find(const unsigned char *code, size_t size,
			 struct static_site sites[STATIC_SITES]);

/**
 * Write the stub of a site, which stands at `address` itself, and the jump that
 * replaces the site's first bytes. `enter` is shim_static_enter's address.
 * Returns false where it is too far.
 */
bool static_stub_write(const struct static_site *site, uint64_t address,
		       uint64_t stub_address, uint32_t enter,
		       unsigned char stub[STATIC_STUB],
		       unsigned char jump[STATIC_JUMP]);

#endif
