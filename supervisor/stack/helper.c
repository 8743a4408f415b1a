#include "supervisor/stack/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/stack/snapshot.h"
#include "supervisor/stack/unwind.h"

enum {
	SOCKET = 3,
	MOST_FDS = SNAPSHOT_FILES + 2,
	CODE_MOST = 512,
	HEAP = 64 * 1024 * 1024,
	/* On the clock, of a busy machine, too; unwind() counts what it uses. */
	CHILD_SECONDS = 1,
};

/* ---------------------------------------------------------- confinement -- */

/* What a child needs; everything else fails with EPERM. */
static const int for_child[] = {
	SCMP_SYS(write),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(exit_group),
	SCMP_SYS(exit),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getrandom),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
};

/* What only the helper itself needs, beside that. */
static const int for_helper[] = {
	SCMP_SYS(recvmsg),   SCMP_SYS(clone),	  SCMP_SYS(fork),
	SCMP_SYS(setitimer), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit),
	SCMP_SYS(seccomp),   SCMP_SYS(prctl),
};

static int allow(scmp_filter_ctx context, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* An architecture may lack one. */
		int error = calls[i] < 0
				    ? 0
				    : seccomp_rule_add(context, SCMP_ACT_ALLOW,
						       calls[i], 0);

		if (error)
			return error;
	}
	return 0;
}

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

/* Make the filter in `code`; `helper`: with what the helper needs. */
static int make_filter(bool helper, struct sock_filter *code,
		       struct sock_fprog *program)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	auto_fd file = memfd_create("filter", MFD_CLOEXEC);
	ssize_t length = -1;
	/* Memory yes, code no. */
	int error = !context || file < 0 ? -ENOMEM : 0;

	if (!error)
		error = seccomp_rule_add(
			context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!error)
		error = seccomp_rule_add(
			context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!error)
		error = allow(context, for_child, COUNT(for_child));
	if (!error && helper)
		error = allow(context, for_helper, COUNT(for_helper));
	if (!error)
		error = seccomp_export_bpf(context, file);
	if (!error)
		length = pread(file, code, CODE_MOST * sizeof(*code), 0);
	if (context)
		seccomp_release(context);
	if (!error &&
	    (length <= 0 || length == (ssize_t)(CODE_MOST * sizeof(*code))))
		error = -E2BIG;
	program->filter = code;
	program->len = (unsigned short)((size_t)(length > 0 ? length : 0) /
					sizeof(*code));
	return error;
}

static int install(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program)
		       ? -errno
		       : 0;
}

static int limit(int resource, rlim_t most)
{
	const struct rlimit limits = {most, most};

	return setrlimit((__rlimit_resource_t)resource, &limits) ? -errno : 0;
}

/* ------------------------------------------------------------ the child -- */

static void crashed(int number)
{
	unwind_crashed(number == SIGALRM ? "it took too long"
					 : "the unwinder failed on it");
	_exit(1);
}

static void __attribute__((noreturn))
child(const int *fds, size_t count, const struct sock_fprog *filter)
{
	const struct itimerval timer = {
		.it_value.tv_sec = CHILD_SECONDS,
	};
	struct stat status;

	/* SIGALRM ends what takes too long. */
	if (setitimer(ITIMER_REAL, &timer, NULL) || limit(RLIMIT_CPU, 1) ||
	    install(filter) || fstat(fds[0], &status))
		_exit(1);
	void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ,
			    MAP_PRIVATE, fds[0], 0);

	if (memory == MAP_FAILED)
		_exit(1);
	unwind(memory, fds + 2, count - 2, fds[1]);
	_exit(0);
}

/* ----------------------------------------------------------- the helper -- */

/* Receive a request: the number of its descriptors; 0: the socket is closed;
 * -1: a signal. */
static int receive(int *fds)
{
	char byte, control[CMSG_SPACE(MOST_FDS * sizeof(int))];
	struct iovec vector = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(SOCKET, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (got < 0)
		return errno == EINTR ? -1 : 0;
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return 0;
	size_t bytes = header->cmsg_len - CMSG_LEN(0);

	memcpy(fds, CMSG_DATA(header), bytes);
	return (int)(bytes / sizeof(int));
}

static int confine(const struct sock_fprog *filter)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				      SIGABRT, SIGSYS, SIGALRM};
	static char stack[64 * 1024];
	const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {
		.sa_handler = crashed,
		.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND),
	};

	/* It ends with the socket, and with the warden at the latest. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, HELPER_NAME, 0, 0, 0);
	if (close_range(SOCKET + 1, ~0U, 0) || sigaltstack(&alternate, NULL) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || chdir("/"))
		return -errno;
	for (size_t i = 0; i < COUNT(crashes); i++)
		sigaction(crashes[i], &action, NULL);
	/* Children are nobody's to wait for. */
	signal(SIGCHLD, SIG_IGN);
	int error = limit(RLIMIT_CORE, 0);

	if (!error)
		error = limit(RLIMIT_FSIZE, 0);
	if (!error)
		error = limit(RLIMIT_DATA, HEAP);
	return error ? error : install(filter);
}

int helper_main(void)
{
	static struct sock_filter code[2][CODE_MOST];
	struct sock_fprog helper, less;
	int fds[MOST_FDS], count;

	if (make_filter(true, code[0], &helper) ||
	    make_filter(false, code[1], &less) || confine(&helper))
		return 125;
	while ((count = receive(fds)) != 0) {
		pid_t pid = count >= 2 ? fork() : -1;

		if (pid == 0)
			child(fds, (size_t)count, &less);
		for (int i = 0; i < count; i++)
			close(fds[i]);
	}
	return 0;
}

/* ------------------------------------------------------ the supervisor's -- */

/* After a fork beside other threads: system calls only. */
static void __attribute__((noreturn)) become_helper(int socket)
{
	char *const argv[] = {(char *)(uintptr_t)HELPER_NAME, NULL};
	/* LeakSanitizer, in a build that has it, cannot work in there. */
	char *const environment[] = {
		(char *)(uintptr_t) "ASAN_OPTIONS=detect_leaks=0", NULL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (socket == SOCKET ? fcntl(socket, F_SETFD, 0) == 0
			     : dup2(socket, SOCKET) == SOCKET)
		execve("/proc/self/exe", argv, environment);
	_exit(127);
}

/*
 * A sibling of the supervisor, not a child (CLONE_PARENT): what is below the
 * supervisor is the session, and this is not. The warden ends it at last.
 */
int helper_start(int *end)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		become_helper(pair[1]);
	int error = pid < 0 ? -errno : 0;

	close(pair[1]);
	if (error) {
		close(pair[0]);
		return error;
	}
	*end = pair[0];
	return 0;
}

int helper_ask(int end, const struct snapshot *snapshot, int out)
{
	char byte = 's', control[CMSG_SPACE(MOST_FDS * sizeof(int))] = {0};
	struct iovec vector = {.iov_base = &byte, .iov_len = 1};
	size_t bytes = (snapshot->file_count + 2) * sizeof(int);
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fds[MOST_FDS] = {snapshot->memory, out};

	memcpy(fds + 2, snapshot->files, snapshot->file_count * sizeof(int));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(header), fds, bytes);
	return sendmsg(end, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
