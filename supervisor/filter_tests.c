/*
 * The tests of arguments.
 *
 * Where the kernel takes an int, it drops the upper half of the register, and
 * so do the conditions (LOW): a look at all 64 bits would let a program past it
 * with a bit that the kernel ignores. Pointers are compared in both halves.
 */
#include "supervisor/filter_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "supervisor/calls/veiled.h"

/* Linux 6.19 */
#ifndef F_SETDELEG
#define F_SETDELEG 1040
#endif

/* clang-format off */

#define IF(what, number, ...) { ANSWER_##what, number, { __VA_ARGS__ } }
#define ELSE(what, number)    { .answer = ANSWER_##what, .error = number }

/* Both architectures are little-endian. */
#define LOW(n)  (uint8_t)(offsetof(struct seccomp_data, args[n]))
#define HIGH(n) (uint8_t)(offsetof(struct seccomp_data, args[n]) + 4)

/* One condition on the low half of an argument. */
#define EQ(n, v)         { LOW(n), COMPARE_EQ, FILTER_ALL, (uint32_t)(v) }
#define NE(n, v)         { LOW(n), COMPARE_NE, FILTER_ALL, (uint32_t)(v) }
#define ANY(n, v)        { LOW(n), COMPARE_ANY, FILTER_ALL, (uint32_t)(v) }
#define MASKED(n, m, v)  { LOW(n), COMPARE_EQ, m, v }
#define OUTSIDE(n, m, v) { LOW(n), COMPARE_NE, m, v }
#define FROM(n, m, v)    { LOW(n), COMPARE_GE, m, v }
#define TO(n, m, v)      { LOW(n), COMPARE_LE, m, v }
#define VEILED(n)        FROM(n, FILTER_ALL, VEILED_FROM)

/* F_SETOWN and F_SETSIG let the kernel send any signal, SIGKILL too, to any
   process of the same user. F_SETOWN has the process in a register. F_SETDELEG
   has who changes a directory wait for the program, with no way not to. */
static const struct filter_clause fcntl_clauses[] = {
	IF(SCOPE_NOTIFY, 0,     EQ(1, F_SETOWN)),
	IF(SCOPE_REFUSE, EPERM, EQ(1, F_SETOWN_EX)),
	IF(REFUSE, EINVAL,      EQ(1, F_SETDELEG)),
	IF(VEILS_NOTIFY, 0,     EQ(1, F_DUPFD), VEILED(0)),
	IF(VEILS_NOTIFY, 0,     EQ(1, F_DUPFD_CLOEXEC), VEILED(0)),
	ELSE(ALLOW, 0),
};

static const struct filter_clause dup_clauses[] = {
	IF(VEILS_NOTIFY, 0,     VEILED(0)),
	ELSE(ALLOW, 0),
};

/* A command is told by its low 16 bits, group and number, where any size and
   direction is refused alike. */
#define COMMAND 0xffffu
#define GROUP   0xff00u

static const struct filter_clause ioctl_clauses[] = {
	/* They change a file through a descriptor that may only read. */
	IF(NOTIFY, 0,           EQ(1, FS_IOC_SETFLAGS)),
	IF(NOTIFY, 0,           EQ(1, FS_IOC_FSSETXATTR)),
	/* Input for whoever reads the terminal; the console's selection;
	   line disciplines, which load modules. */
	IF(REFUSE, EPERM,       EQ(1, TIOCSTI)),
	IF(REFUSE, EPERM,       EQ(1, TIOCLINUX)),
	IF(REFUSE, EPERM,       EQ(1, TIOCSETD)),
	IF(REFUSE, EPERM,       EQ(1, TIOCCONS)),
	/* Opens a terminal: the fence has none. */
	IF(FENCE_NOTIFY, 0,     EQ(1, TIOCGPTPEER)),
	/* Pointers to who gets a socket's signals: as F_SETOWN_EX. */
	IF(SCOPE_REFUSE, EPERM, EQ(1, FIOSETOWN)),
	IF(SCOPE_REFUSE, EPERM, EQ(1, SIOCSPGRP)),
	/* Shared blocks between descriptors that were given for it. The rest
	   of the group is btrfs's, which makes and removes subvolumes under
	   a directory. */
	IF(ALLOW, 0,            EQ(1, FICLONE)),
	IF(ALLOW, 0,            EQ(1, FICLONERANGE)),
	IF(ALLOW, 0,            EQ(1, FIDEDUPERANGE)),
	/* FS_IOC_SETVERSION and ext4's own of the same; FAT's attributes. */
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x7602)),
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x6604)),
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x7211)),
	/* FS_IOC_SET_ENCRYPTION_POLICY, FS_IOC_ENABLE_VERITY. */
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x6613)),
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x6685)),
	/* The user's keys of a whole file system, added and removed: the last
	   would lock the encrypted home of every session. */
	IF(REFUSE, EPERM,       FROM(1, COMMAND, 0x6617),
				TO(1, COMMAND, 0x6619)),
	/* OCFS2_IOC_REFLINK copies by path. */
	IF(REFUSE, EPERM,       MASKED(1, COMMAND, 0x6f04)),
	/* A pidfd's namespaces: PIDFD_GET_*_NAMESPACE. */
	IF(REFUSE, EPERM,       FROM(1, COMMAND, 0xff01),
				TO(1, COMMAND, 0xff0a)),
	/* XFS by path and by handle; freeze and trim. */
	IF(REFUSE, EPERM,       FROM(1, COMMAND, 0x5860),
				TO(1, COMMAND, 0x58ff)),
	/* btrfs; bcachefs, for the same reason. */
	IF(REFUSE, EPERM,       MASKED(1, GROUP, 0x9400)),
	IF(REFUSE, EPERM,       MASKED(1, GROUP, 0xbc00)),
	/* userfaultfd(2), by way of its device. */
	IF(REFUSE, EPERM,       MASKED(1, GROUP, 0xaa00)),
	/* All of NS_GET_* and the like: other namespaces by descriptor. */
	IF(REFUSE, EPERM,       MASKED(1, GROUP, 0xb700)),
	ELSE(ALLOW, 0),
};

#define NEW_NAMESPACES                                                       \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |       \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* The low byte of clone's flags is a signal, so it cannot say NEWTIME. */
static const struct filter_clause clone_clauses[] = {
	IF(REFUSE, EPERM, ANY(0, NEW_NAMESPACES)),
	ELSE(ALLOW, 0),
};

static const struct filter_clause unshare_clauses[] = {
	IF(REFUSE, EPERM, ANY(0, NEW_NAMESPACES | CLONE_NEWTIME)),
	ELSE(ALLOW, 0),
};

/* What asks, and what `setarch -R` and debuggers set. Others change how
   programs are mapped, or whether they are of another architecture. */
static const struct filter_clause personality_clauses[] = {
	IF(ALLOW, 0, EQ(0, 0xffffffffu)),
	IF(ALLOW, 0, EQ(0, PER_LINUX)),
	/* A program that is not compared, since a debugger traces it, must
	   not look like an earlier one by its addresses: images.h. */
	IF(TRACE_REFUSE, EPERM, EQ(0, ADDR_NO_RANDOMIZE)),
	ELSE(REFUSE, EPERM),
};

static const struct filter_clause prctl_clauses[] = {
	/* A process that is not dumpable cannot be read by a supervisor of
	   the same user: pretended. */
	IF(REFUSE, 0,      EQ(0, PR_SET_DUMPABLE)),
	/* As a kernel without Yama has it. */
	IF(REFUSE, EINVAL, EQ(0, PR_SET_PTRACER)),
	/* It moves what /proc/PID/exe and cmdline show. The one is asked for
	   by the tracer, too: image_shown.h. */
	IF(NOTIFY, 0,      EQ(0, PR_SET_MM), EQ(1, PR_SET_MM_MAP)),
	IF(REFUSE, EPERM,  EQ(0, PR_SET_MM)),
	IF(NOTIFY, 0,      EQ(0, PR_SET_SECCOMP)),
	IF(ROOT_NOTIFY, 0, EQ(0, PR_CAPBSET_DROP)),
	IF(ROOT_NOTIFY, 0, EQ(0, PR_CAP_AMBIENT)),
	IF(ROOT_NOTIFY, 0, EQ(0, PR_SET_SECUREBITS)),
	IF(ROOT_NOTIFY, 0, EQ(0, PR_SET_KEEPCAPS)),
	ELSE(ALLOW, 0),
};

static const struct filter_clause seccomp_clauses[] = {
	IF(NOTIFY, 0,      EQ(0, SECCOMP_SET_MODE_STRICT)),
	IF(NOTIFY, 0,      EQ(0, SECCOMP_SET_MODE_FILTER)),
	ELSE(ALLOW, 0),
};

static const struct filter_clause signal_clauses[] = {
	ELSE(SCOPE_NOTIFY, 0),
};

static const struct filter_clause pid_clauses[] = {
	IF(ALLOW, 0, EQ(0, 0)),
	ELSE(NOTIFY, 0),
};

static const struct filter_clause prlimit_clauses[] = {
	IF(NOTIFY, 0, EQ(1, RLIMIT_CORE)),
	IF(ALLOW, 0, EQ(0, 0)),
	ELSE(NOTIFY, 0),
};

static const struct filter_clause rlimit_clauses[] = {
	IF(NOTIFY, 0, EQ(0, RLIMIT_CORE)),
	ELSE(ALLOW, 0),
};

static const struct filter_clause own_clauses[] = {
	IF(ALLOW, 0, EQ(0, 0)),
	ELSE(REFUSE, EPERM),
};

static const struct filter_clause priority_clauses[] = {
	IF(ALLOW, 0, EQ(0, PRIO_PROCESS), EQ(1, 0)),
	ELSE(NOTIFY, 0),
};

/* IOPRIO_WHO_PROCESS, which older headers keep to the kernel. */
static const struct filter_clause ioprio_clauses[] = {
	IF(ALLOW, 0, EQ(0, 1), EQ(1, 0)),
	ELSE(NOTIFY, 0),
};

#define TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

/* The protocols are a list of what may be: UDP-Lite, SCTP, L2TP, SMC and MPTCP
   reach a host as TCP does, and the kernel's fence knows TCP alone. */
static const struct filter_clause socket_clauses[] = {
	IF(ALLOW, 0,                EQ(0, AF_UNIX)),
	IF(ALLOW, 0,                EQ(0, AF_NETLINK), EQ(2, NETLINK_ROUTE)),
	IF(REFUSE, EPROTONOSUPPORT, EQ(0, AF_NETLINK)),
	IF(REFUSE, EAFNOSUPPORT,    NE(0, AF_INET), NE(0, AF_INET6)),
	IF(REFUSE, EPERM,           MASKED(1, TYPE, SOCK_RAW)),
	IF(REFUSE, EPROTONOSUPPORT, OUTSIDE(1, TYPE, SOCK_STREAM),
				    OUTSIDE(1, TYPE, SOCK_DGRAM)),
	IF(ALLOW, 0,                EQ(2, 0)),
	IF(ALLOW, 0,                EQ(2, IPPROTO_TCP)),
	IF(ALLOW, 0,                EQ(2, IPPROTO_UDP)),
	ELSE(REFUSE, EPROTONOSUPPORT),
};

static const struct filter_clause socketpair_clauses[] = {
	IF(ALLOW, 0, EQ(0, AF_UNIX)),
	ELSE(REFUSE, EAFNOSUPPORT),
};

/* A source route takes packets past the address that was decided about. The
   numbers are IPV6_2292PKTOPTIONS, IPV6_2292RTHDR and IPV6_RTHDR. */
static const struct filter_clause setsockopt_clauses[] = {
	IF(REFUSE, EPERM, EQ(1, IPPROTO_IP), EQ(2, IP_OPTIONS)),
	IF(REFUSE, EPERM, EQ(1, IPPROTO_IPV6), EQ(2, 6)),
	IF(REFUSE, EPERM, EQ(1, IPPROTO_IPV6), EQ(2, 5)),
	IF(REFUSE, EPERM, EQ(1, IPPROTO_IPV6), EQ(2, 57)),
	ELSE(ALLOW, 0),
};

/* No address, and no connect hidden in the flags. */
static const struct filter_clause sendto_clauses[] = {
	IF(NOTIFY, 0, ANY(3, MSG_FASTOPEN)),
	IF(NOTIFY, 0, NE(4, 0)),
	IF(NOTIFY, 0, { HIGH(4), COMPARE_NE, FILTER_ALL, 0 }),
	ELSE(ALLOW, 0),
};

/* Where the other end is the broker, who that is must be told otherwise. */
static const struct filter_clause peer_clauses[] = {
	ELSE(NET_NOTIFY, 0),
};

static const struct filter_clause recvfrom_clauses[] = {
	IF(NET_NOTIFY, 0, NE(4, 0)),
	IF(NET_NOTIFY, 0, { HIGH(4), COMPARE_NE, FILTER_ALL, 0 }),
	ELSE(ALLOW, 0),
};

static const struct filter_clause trace_clauses[] = {
	ELSE(TRACE_NOTIFY, EPERM),
};

static const struct filter_clause user_clauses[] = {
	ELSE(ROOT_REFUSE, EPERM),
};

static const struct {
	const struct filter_clause *clauses;
	size_t count;
} tests[TEST_COUNT] = {
#define TEST(name) { name, sizeof(name) / sizeof(name[0]) }
	[TEST_FCNTL]       = TEST(fcntl_clauses),
	[TEST_DUP]         = TEST(dup_clauses),
	[TEST_IOCTL]       = TEST(ioctl_clauses),
	[TEST_CLONE]       = TEST(clone_clauses),
	[TEST_UNSHARE]     = TEST(unshare_clauses),
	[TEST_PERSONALITY] = TEST(personality_clauses),
	[TEST_PRCTL]       = TEST(prctl_clauses),
	[TEST_SECCOMP]     = TEST(seccomp_clauses),
	[TEST_SIGNAL]      = TEST(signal_clauses),
	[TEST_PID]         = TEST(pid_clauses),
	[TEST_PRLIMIT]     = TEST(prlimit_clauses),
	[TEST_RLIMIT]      = TEST(rlimit_clauses),
	[TEST_OWN]         = TEST(own_clauses),
	[TEST_PRIORITY]    = TEST(priority_clauses),
	[TEST_IOPRIO]      = TEST(ioprio_clauses),
	[TEST_SOCKET]      = TEST(socket_clauses),
	[TEST_SOCKETPAIR]  = TEST(socketpair_clauses),
	[TEST_SETSOCKOPT]  = TEST(setsockopt_clauses),
	[TEST_SENDTO]      = TEST(sendto_clauses),
	[TEST_PEER]        = TEST(peer_clauses),
	[TEST_RECVFROM]    = TEST(recvfrom_clauses),
	[TEST_TRACE]       = TEST(trace_clauses),
	[TEST_USER]        = TEST(user_clauses),
#undef TEST
};

/* clang-format on */

const struct filter_clause *filter_test(enum argument_test test, size_t *count)
{
	*count = tests[test].count;
	return tests[test].clauses;
}
