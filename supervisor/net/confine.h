/*
 * What the broker may do once it is at work: talk over the sockets it has, and
 * make new ones of the Internet. No file, no program, no other process.
 */
#ifndef SUPERVISOR_NET_CONFINE_H
#define SUPERVISOR_NET_CONFINE_H

/**
 * For good: no capabilities, no new privileges, no core; a Landlock domain
 * without a single path where the kernel has Landlock; a seccomp filter.
 * Returns 0 or -errno: the broker must not go to work.
 */
int confine(void);

#endif
