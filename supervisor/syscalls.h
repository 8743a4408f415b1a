/*
 * The table of system calls: what becomes of each.
 *
 * syscalls.def has one row a call. The filter, the dispatcher, `interpose
 * doctor`, the manual's table and the coverage tests are made from it. A call
 * without a row is ENOSYS, never allowed.
 */
#ifndef SUPERVISOR_SYSCALLS_H
#define SUPERVISOR_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

struct call;

/** What the filter does with a call. The zero value is the safe one. */
enum trap {
	TRAP_UNKNOWN = 0, /**< ENOSYS */
	TRAP_NATIVE,	  /**< runs untouched */
	TRAP_SERVE,	  /**< notified, and served by the row's handler */
	TRAP_REFUSE,	  /**< fails in the filter with the row's errno */
	TRAP_ARGUMENTS,	  /**< the filter looks at arguments: the row's test */
	TRAP_CREDENTIALS, /**< native, but notified where the session has
			       capabilities (root), since it may change them */
};

/** Which test of the arguments a TRAP_ARGUMENTS row has: filter_tests.c. */
enum argument_test {
	TEST_NONE = 0,
	TEST_FCNTL,	  /**< who gets the signals of a descriptor; as TEST_DUP */
	TEST_DUP,	  /**< native but for numbers of veiled directories */
	TEST_IOCTL,	  /**< commands that change a file, or inject input */
	TEST_CLONE,	  /**< no new namespace */
	TEST_UNSHARE,	  /**< no new namespace */
	TEST_PERSONALITY, /**< asking, or address randomisation */
	TEST_PRCTL,	  /**< credentials, and what blinds the supervisor */
	TEST_SECCOMP,	  /**< native but for installing */
	TEST_SIGNAL,	  /**< native where Landlock scopes signals */
	TEST_PID,	  /**< native with pid 0, the caller */
	TEST_PRLIMIT,	  /**< the same, but for RLIMIT_CORE */
	TEST_RLIMIT,	  /**< native but for RLIMIT_CORE */
	TEST_OWN,	  /**< as TEST_PID; others are refused in the filter */
	TEST_PRIORITY,	  /**< native for PRIO_PROCESS 0 */
	TEST_IOPRIO,	  /**< native for IOPRIO_WHO_PROCESS 0 */
	TEST_SOCKET,	  /**< domain, type and protocol */
	TEST_SOCKETPAIR,  /**< AF_UNIX */
	TEST_SETSOCKOPT,  /**< no source routes */
	TEST_SENDTO,	  /**< native without an address */
	TEST_PEER,	  /**< native where there is no broker */
	TEST_RECVFROM,	  /**< the same; and native without an address */
	TEST_TRACE,	  /**< refused, but with `allow ptrace` notified */
	TEST_USER,	  /**< native, but refused in a root session */
	TEST_COUNT,
};

/** How an argument is read, for tests and for the log. */
enum shape {
	SHAPE_NONE = 0,
	SHAPE_VALUE, /**< a plain number */
	SHAPE_FD,    /**< a descriptor that the call acts on */
	SHAPE_DIRFD, /**< the base of the path that follows */
	SHAPE_PATH,  /**< a path: a pointer that matters */
	SHAPE_IN,    /**< a struct or bytes read by the kernel: matters */
	SHAPE_DATA,  /**< the same, but nothing is decided by what is in it:
			  the bytes of a write, a timeout, a signal mask */
	SHAPE_OUT,   /**< memory that the kernel writes (and may read first) */
	SHAPE_FLAGS,
	SHAPE_MODE,
	SHAPE_PID,
};

struct syscall_row {
	const char *name;
	int number; /**< of this architecture; -1 where it has none */
	enum trap trap;
	int error;		 /**< TRAP_REFUSE: the errno */
	enum argument_test test; /**< TRAP_ARGUMENTS: which */
	enum shape shape[6];
	/** What serves a notification of this call. Set for TRAP_SERVE and
	    TRAP_CREDENTIALS, and for those TRAP_ARGUMENTS rows whose test may
	    notify; NULL for all others. */
	void (*handler)(struct call *call);
};

/** All rows, in the order of syscalls.def. */
extern const struct syscall_row syscall_rows[];
extern const size_t syscall_row_count;

/**
 * The row of a system call of this architecture, in constant time.
 *
 * @return NULL for a number that no row has: ENOSYS
 */
const struct syscall_row *syscall_row(int number);

#endif
