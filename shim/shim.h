/*
 * The shim, as its own files see it. It has no libc: it is loaded beside any,
 * runs before all others' code, in signal handlers and between vfork and exec,
 * allocates nothing, and has nothing to be written to once it has begun. In
 * programs in Go, which load nothing, there is a copy of it (go.h).
 */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/config.h"

extern const struct shim_config shim_config;

/** What this copy holds: other bytes than the compiler has seen. */
static inline const struct shim_config *shim_configured(void)
{
	const struct shim_config *config = &shim_config;

	__asm__("" : "+r"(config));
	return config;
}

/** A call as its program made it; laid out by the entry. */
struct shim_call {
	long number;
	long arguments[6];
};

/** A page of them. Of the last two, one is that of SHIM_CANCELS, which has unwind
 * information of its own, and one is no stub (shim_state()). */
enum { SHIM_STUBS = 128, SHIM_STUB_CANCELS = SHIM_STUBS - 2 };
extern unsigned char shim_stubs[SHIM_STUBS * SHIM_STUB];

/** What is written to once it has begun, at most once: in the place of the last
 * stub, since another page would cost every exec. A program in Go has neither. */
struct shim_state {
	uint32_t page; /**< its size, once it has begun */
	uint32_t forgone;
};

/** All calls are made as they are, where they are trapped. */
enum { SHIM_FORGONE = 1 };

static inline volatile struct shim_state *shim_state(void)
{
	return (volatile struct shim_state *)(void *)
		       (shim_stubs + (SHIM_STUBS - 1) * SHIM_STUB);
}

/** From here on make no call but those that the program makes: a filter of its
 * own may know no others. Where memory cannot be written and run, all stays as
 * it is. */
void shim_forgo(void);

/** Make the call from here, where it is trapped. Returns what the kernel does.
 */
long shim_trapped(const struct shim_call *call);

/** Make the call at the gate. */
long shim_gate(const struct shim_call *call);

/** A call of the shim's own. */
long shim_system(long number, long one, long two, long three, long four,
		 long five, long six);

/** Serve a call that the program's libc makes. Called by the entry. */
long shim_serve(const struct shim_call *call);

/** The same from a site of libc, where the shim may have given way. */
long shim_serve_site(const struct shim_call *call);

/** The same in place of glibc's function for calls that may be cancelled, for an
 * open. Returns SHIM_CANCELLABLE where that has to make it: as long as the call
 * waits, the thread may be ended. */
#define SHIM_CANCELLABLE LONG_MIN
long shim_serve_cancels(const struct shim_call *call);

/** Called by the loader, before the program's own code. */
void shim_start(int count, char **arguments, char **environment);

#endif
