/*
 * The architecture that the supervisor is built for: its system call numbers
 * (NR_openat and so on, -1 for one that it lacks) and ARCH_AUDIT, the name the
 * kernel has for it in seccomp_data. The only place that chooses.
 *
 * INTERPOSE_ARCH_AARCH64 chooses aarch64's on any machine: a test looks at that
 * table too.
 */
#ifndef SUPERVISOR_ARCH_ARCH_H
#define SUPERVISOR_ARCH_ARCH_H

#if defined(INTERPOSE_ARCH_AARCH64) || defined(__aarch64__)
#include "supervisor/arch/aarch64.h"
#elif defined(__x86_64__) && !defined(__ILP32__)
#include "supervisor/arch/x86_64.h"
#else
#error "interpose runs on x86-64 and aarch64"
#endif

#endif
