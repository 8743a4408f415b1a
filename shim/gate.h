/*
 * The gate: the one address at which file calls may pass untrapped.
 *
 * The shim maps one page there that holds `syscall; ret`, and makes the calls
 * of a program's libc from it. The filter lets a call with this instruction
 * pointer pass, and the kernel's own fence (Landlock) is what then stands
 * between the program and the files. So the address is no secret: whoever jumps
 * there gets what the fence allows, and nothing is asked there that the policy
 * could answer otherwise.
 *
 * It is low: AddressSanitizer's shadow takes all from 2 GB to 16 TB, loaders,
 * heaps and stacks lie above that, and where user space has 39 bits there is
 * little above. Below 2 GB programs that are linked to fixed addresses begin at
 * 2 MB (lld, mold) or 4 MB (the others), with their heap behind; the kernel
 * gives out nothing below 64 kB (vm.mmap_min_addr). On 64-kB pages it is the
 * last page below 2 MB.
 */
#ifndef SHIM_GATE_H
#define SHIM_GATE_H

#define GATE_ADDRESS 0x1f0000UL

/** The instruction pointer that seccomp sees: behind the call. */
#ifdef __aarch64__
#define GATE_RETURN (GATE_ADDRESS + 4)
#else
#define GATE_RETURN (GATE_ADDRESS + 2)
#endif

/** Directories are listed there, untrapped, by descriptors below this number:
 * supervisor/calls/veiled.h. Few programs have as many, and hardly one is limited
 * to fewer. */
#define GATE_DESCRIPTORS 200

/** readlink(2) passes there where it is to write to this address, of the
 * kernel's own half: that fails with EFAULT for what is a link and with EINVAL
 * for what is none, and tells no target. */
#define GATE_NOWHERE 0xfffffffffffff000UL

#endif
