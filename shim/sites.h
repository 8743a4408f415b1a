/*
 * Where a libc makes its file calls: found in its code, as it is loaded, and
 * only where every byte that would be changed is understood.
 *
 * Pure functions over bytes; both architectures' are built everywhere.
 */
#ifndef SHIM_SITES_H
#define SHIM_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_SITES = 128 };

enum shim_kind {
	SHIM_ONE = 0, /**< a call of one number */
	SHIM_ANY,     /**< calls of whatever number */
	/** No call of the kernel, but of the function of glibc (2.41 and newer)
	 * that makes those of programs with several threads which may be
	 * cancelled: what it returns may come from elsewhere instead. */
	SHIM_CANCELS,
};

/** Bytes of whole instructions, the last of which makes a call. */
struct shim_site {
	uint32_t at;   /**< the first byte, from where the file is loaded */
	uint16_t size; /**< of all of them */
	uint8_t kind;  /**< enum shim_kind */
};

struct shim_code {
	const unsigned char *base; /**< where its address 0 is loaded */
	uint32_t start, end;	   /**< its executable segment */
	uint32_t frames;	   /**< .eh_frame_hdr's address */
	uint32_t frames_size;
	uint32_t limit; /**< the end of the segment that holds them */
};

/** Is it the number of a call that is made at the gate? */
typedef bool shim_wanted(uint32_t number);

/**
 * Find the calls `mov $number, %eax; syscall` of code for x86-64. Each lies in
 * a function that is known from the unwind tables, is reached by decoding it
 * from its first byte, and no branch leads between its two instructions. With
 * `unnumbered`, also calls whose number comes in a register or from the stack,
 * where one whole instruction of three to five bytes stands before the call and
 * can be moved, and the one call of the function that SHIM_CANCELS is about. Sorted.
 * Returns how many; no more than `most` are looked for.
 */
size_t shim_sites_x86_64(const struct shim_code *code, shim_wanted *wanted,
			 bool unnumbered, struct shim_site *sites, size_t most);

/** Of sorted sites of x86-64, one or more, keep those into whose middle nothing
 * leads that looks like a branch of 32 bits. Returns how many are kept. */
size_t shim_sites_unentered(const struct shim_code *code,
			    struct shim_site *sites, size_t count);

/**
 * The calls of code for aarch64: the `svc #0` whose number is set by a `mov w8, #number`
 * (or x8) of the same stretch of straight code. `size` is 4.
 */
size_t shim_sites_aarch64(const struct shim_code *code, shim_wanted *wanted,
			  struct shim_site *sites, size_t most);

/**
 * Of sorted sites, keep those that lie close together, where that leaves out no
 * more than one in four: code far from the others costs every program that
 * starts more than its calls are worth. Where calls of whatever number are made,
 * every open of a libc may be made (glibc from 2.41 on): such a site is kept.
 * Returns how many are.
 */
size_t shim_sites_near(struct shim_site *sites, size_t count);

/** How many of sorted sites, at least one from `first` on, lie in the same
 * stretch of code: between it and the next one lies more than is near. */
size_t shim_sites_stretch(const struct shim_site *sites, size_t count,
			  size_t first);

/*
 * A stub stands in for the instructions of a site: it makes the call by way of
 * the shim's entry, and goes back behind the site. Each has its place among
 * `shim_stubs`, where the unwind information holds (entry_*.S).
 */
enum { SHIM_STUB = 32 };

/** What it takes to write one. All addresses are the process's own. */
struct shim_stub {
	uint64_t stub, site, entry;
	uint32_t size; /**< of the site */
	uint8_t kind;  /**< of the site */
};

/**
 * Write the stub, and the `size` bytes that are to replace those of the site
 * (`now`). False where a distance is too long for a branch: neither is to be
 * used.
 */
bool shim_stub_x86_64(const struct shim_stub *how, const unsigned char *now,
		      unsigned char stub[SHIM_STUB], unsigned char *jump);
bool shim_stub_aarch64(const struct shim_stub *how,
		       unsigned char stub[SHIM_STUB], unsigned char jump[4]);

/** What a decoded instruction is, as far as it matters here. */
struct shim_instruction {
	uint8_t length; /**< 0: not understood */
	bool branch;	/**< jumps or calls by a distance of its own: */
	bool movable;	/**< means the same at another address */
	int32_t distance;
};

/** Decode one instruction of x86-64; `room` bytes may be read. */
struct shim_instruction shim_decode_x86_64(const unsigned char *code,
					   size_t room);

#endif
