/*
 * The machine whose programs the kernel runs by itself, as ELF names it.
 */
#ifndef SUPERVISOR_ARCH_MACHINE_H
#define SUPERVISOR_ARCH_MACHINE_H

#include <elf.h>

#if defined(__aarch64__)
#define EXEC_MACHINE EM_AARCH64
#else
#define EXEC_MACHINE EM_X86_64
#endif

#endif
