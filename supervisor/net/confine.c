#include "supervisor/net/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that a broker calls. What is not here is EPERM: a library that tries
 * something else goes on without it. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(splice),
	SCMP_SYS(pipe2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(time),
};

/* Programs look for a file and go on where there is none. */
static const int absent[] = {
	SCMP_SYS(open),	      SCMP_SYS(openat),	  SCMP_SYS(openat2),
	SCMP_SYS(stat),	      SCMP_SYS(lstat),	  SCMP_SYS(newfstatat),
	SCMP_SYS(statx),      SCMP_SYS(access),	  SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls,
		   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error = seccomp_rule_add(filter, action, calls[i], 0);

		/* Not of this architecture. */
		if (error && error != -EDOM)
			return error;
	}
	return 0;
}

static int add_by_argument(scmp_filter_ctx filter)
{
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (!error)
		error = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!error)
		error = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_INET));
	if (!error)
		error = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_INET6));
	return error;
}

static int load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!filter)
		return -ENOMEM;
	int error = add_all(filter, SCMP_ACT_ALLOW, allowed,
			    sizeof(allowed) / sizeof(*allowed));

	if (!error)
		error = add_all(filter, SCMP_ACT_ERRNO(ENOENT), absent,
				sizeof(absent) / sizeof(*absent));
	if (!error)
		error = add_by_argument(filter);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

/* Every right over files that the kernel knows of, and no rule. */
static int enter_domain(void)
{
	static const uint64_t rights[] = {
		[0] = 0,
		[1] = (1ULL << 13) - 1,
		[2] = (1ULL << 14) - 1,
		[3] = (1ULL << 15) - 1,
		[4] = (1ULL << 15) - 1,
		[5] = (1ULL << 16) - 1,
	};
	struct {
		uint64_t handled_access_fs, handled_access_net, scoped;
	} ruleset = {0};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1)
		return 0;
	ruleset.handled_access_fs = rights[abi < 5 ? abi : 5];
	if (abi >= 6)
		ruleset.scoped = 3; /* abstract sockets, signals */
	size_t size = abi >= 6	 ? sizeof(ruleset)
		      : abi >= 4 ? 2 * sizeof(uint64_t)
				 : sizeof(uint64_t);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);

	if (fd < 0)
		return -errno;
	int error = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;

	close(fd);
	return error;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = {{0}};

	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

int confine(void)
{
	const struct rlimit no_core = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    setrlimit(RLIMIT_CORE, &no_core) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	int error = drop_capabilities();

	if (!error)
		error = enter_domain();
	return error ? error : load_filter();
}
