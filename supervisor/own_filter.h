/*
 * Filters that programs of the session install for themselves.
 *
 * Theory of operation. Such a filter knows the calls of its program, and not
 * those that we have a thread make (inject.h): it would kill the program for a
 * chdir(2) that it allows, since recvmsg(2) and fchdir(2) come in its place. So
 * some instructions of ours are put before the program's: they let pass, of the
 * few calls that we have threads make, those that bear the supervisor's pass in
 * the sixth argument, which none of these calls reads. All others go through
 * the program's filter as it is. The session's own filter is another one and
 * knows no pass: whoever guessed it would be past what the program keeps itself
 * from, and nothing else.
 *
 * The numbers are tested first, so that the kernel still remembers of all other
 * calls whether they pass at once (seccomp_cache_prepare_bitmap()).
 */
#ifndef SUPERVISOR_OWN_FILTER_H
#define SUPERVISOR_OWN_FILTER_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

struct injection;

/**
 * Copy the program that a thread has at `address` (struct sock_fprog), with
 * ours before it: `filter` is the caller's to free. Returns 0, -EFAULT, -EINVAL
 * where there is none or no room for ours, or -ENOMEM.
 */
int own_filter_read(pid_t tid, uint64_t address, struct sock_fprog *filter);

/**
 * Put it into the memory of a thread that is made to make calls, in pages of
 * its own: `at` is where the struct sock_fprog is then, 0 where it has no room.
 * Returns as inject_call().
 */
int own_filter_place(struct injection *injection,
		     const struct sock_fprog *filter, uint64_t *at);

/** Give these pages back. Returns as inject_call(). */
int own_filter_remove(struct injection *injection,
		      const struct sock_fprog *filter, uint64_t at);

#endif
