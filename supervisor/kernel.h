/*
 * Kernel interfaces that the oldest supported headers lack, and the probes for
 * what the running kernel offers.
 */
#ifndef SUPERVISOR_KERNEL_H
#define SUPERVISOR_KERNEL_H

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "supervisor/session.h"

/* Linux 5.19 */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
/* Linux 6.6 */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/**
 * Find out what the kernel (and an outer seccomp filter) lets us do.
 * Returns 0, or -errno with the cause in `why` where something that is relied
 * on is missing; `why` names the way out.
 */
int kernel_probe(struct kernel_features *features, char *why, size_t size);

/** A child to which is done what a session does to its programs. */
struct kernel_trial {
	pid_t pid;
	int in; /* what it tells; -1: it was not started */
};

/**
 * The same in two steps, as kernel_probe() each: the first starts a child,
 * which takes its time, and the second tries it and ends it. The second may be
 * done by another thread, and must be done if the first returned 0.
 */
int kernel_probe_begin(struct kernel_trial *trial, char *why, size_t size);
int kernel_probe_end(struct kernel_trial *trial,
		     struct kernel_features *features, char *why, size_t size);

#endif
