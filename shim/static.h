/*
 * Programs with a libc of their own in them and no loader: where the shim's copy
 * lies is as in programs in Go (go.h), and the supervisor puts it there as well
 * (supervisor/static_image.c). It changes the code around the calls that libc
 * makes to jumps, each to a stub of its own below the program. A stub holds
 * what the jump replaced, goes to shim_static_enter with its own next
 * instructions' address in r11, and in these makes the call as it is, and goes
 * back.
 *
 * Behind the gate's code stands what the supervisor knows such an image by, and
 * whether the program has been about to install a filter of its own.
 *
 * Also read by the assembler.
 */
#ifndef SHIM_STATIC_H
#define SHIM_STATIC_H

/* Of 16 bytes; shim_static_enter is behind it. */
#define STATIC_MARK "interpose,static"

/* From the gate's address on, which go.h's reader has, too. */
#define STATIC_KNOWN	0x1f0008
#define STATIC_FORGONE	0x1f0010
#define STATIC_CALL	2 /* bytes of the call in a stub, before its way back */
#define STATIC_RED_ZONE 128

#ifndef __ASSEMBLER__
#include <stdint.h>

/** What stands on the stack while a call is served, somewhere above what that
 * takes: where the function is that made it. */
struct static_caller {
	uint64_t call; /**< the stub's own, before its way back */
	uint64_t frame; /**< the function's rbp */
	uint64_t flags;
	unsigned char red_zone[STATIC_RED_ZONE];
};
#endif

#endif
