/*
 * Where the loader lies in the processes that run a dynamic program with glibc,
 * so that its own calls are known by where they come from.
 *
 * It is a hint, which a program can lead astray in its own process: nothing may
 * follow from it but what the program is answered sooner.
 */
#ifndef SUPERVISOR_LOADING_H
#define SUPERVISOR_LOADING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loading;

/** Returns an object for loading_free(), or NULL: no memory. */
struct loading *loading_new(void);
void loading_free(struct loading *loading);

/** A program stands ready in the process, its loader mapped at `base`
 * (AT_BASE); 0: it has none that is known. By one thread alone. */
void loading_start(struct loading *loading, pid_t pid, uint64_t base);

/** Is this call, made at `address`, the loader's own, in the process's first
 * thread? By any thread, without a lock. NULL is fine in both. */
bool loading_calls(struct loading *loading, pid_t tid, uint64_t address);

#endif
