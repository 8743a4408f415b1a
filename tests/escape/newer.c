/*
 * Entries into the kernel, calls of newer kernels, and what a program can do to
 * its own calls, tried as ways to what the policy refuses. Each runs in a
 * child. Prints what worked, one name a line; bare, that is most of what this
 * kernel has.
 *
 *   newer DIRECTORY OUTSIDE
 *
 * In the directory: `secret`, which begins with TOPSECRET and has an attribute
 * user.secret, may be neither read nor written; `no` may not be run; `open` may
 * be read, and `yes` be run.
 */
#include "tests/escape/newer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers of the build may be. */
enum {
	NR_MEMFD_SECRET = 447,
	NR_FCHMODAT2 = 452,
	NR_STATMOUNT = 457,
	NR_SETXATTRAT = 463,
	NR_GETXATTRAT = 464,
	NR_REMOVEXATTRAT = 466,
	NR_OPEN_TREE_ATTR = 467,
	NR_FILE_SETATTR = 469,
	NR_LISTNS = 470,
	PIDFD_SELF_GROUP = -10001,
	PIDFD_OF_THREAD = O_EXCL,
	EXECVE_CHECK = 0x10000,
	DISPATCH = 59, /* PR_SET_SYSCALL_USER_DISPATCH */
	FLIPS = 3000,
	SECONDS_MOST = 20,
};

int directory;
static pid_t outside;

bool has_secret(int fd)
{
	char text[64] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	       strstr(text, "TOPSECRET");
}

/* --------------------------------------------------- calls of their own -- */

static bool gets_attribute(void)
{
	char value[32] = "";
	struct {
		uint64_t value;
		uint32_t size, flags;
	} how = {(uintptr_t)value, sizeof(value), 0};

	return syscall(NR_GETXATTRAT, directory, "secret", 0, "user.secret",
		       &how, sizeof(how)) > 0 &&
	       value[0];
}

static bool sets_attribute(void)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} how = {(uintptr_t) "x", 1, 0};

	return syscall(NR_SETXATTRAT, directory, "secret", 0, "user.new", &how,
		       sizeof(how)) == 0;
}

static bool removes_attribute(void)
{
	return syscall(NR_REMOVEXATTRAT, directory, "secret", 0,
		       "user.other") == 0;
}

static bool sets_flags(void)
{
	struct {
		uint64_t flags;
		uint32_t more[4];
	} how = {.flags = 0x80 /* FS_XFLAG_NODUMP */};

	return syscall(NR_FILE_SETATTR, directory, "secret", &how, sizeof(how),
		       0) == 0;
}

static bool sets_mode(void)
{
	return syscall(NR_FCHMODAT2, directory, "secret", 0777, 0) == 0;
}

static bool opens_tree(void)
{
	return syscall(SYS_open_tree, directory, "",
		       0x1001 /* CLONE, EMPTY */) >= 0;
}

static bool opens_tree_attr(void)
{
	uint64_t how[4] = {0};

	return syscall(NR_OPEN_TREE_ATTR, directory, "", 0x1001, how,
		       sizeof(how)) >= 0;
}

static bool tells_mount(void)
{
	struct {
		uint32_t size, namespace;
		uint64_t id, what, zero;
	} how = {.size = 32, .what = 1};
	char text[4096];
	struct statx status;

	if (statx(directory, "", AT_EMPTY_PATH, 0x4000 /* MNT_ID_UNIQUE */,
		  &status))
		return false;
	how.id = status.stx_mnt_id;
	return syscall(NR_STATMOUNT, &how, text, sizeof(text), 0) == 0;
}

static bool lists_namespaces(void)
{
	uint64_t how[5] = {sizeof(how)}, ids[16];

	return syscall(NR_LISTNS, how, ids, 16, 0) >= 0;
}

static bool opens_by_handle(void)
{
	_Alignas(8) char bytes[256];
	struct file_handle *handle = (struct file_handle *)bytes;
	int mount;

	handle->handle_bytes = sizeof(bytes) - sizeof(*handle);
	return name_to_handle_at(directory, "secret", handle, &mount, 0) == 0 &&
	       has_secret(open_by_handle_at(directory, handle, O_RDONLY));
}

/* The supervisor cannot read there. */
static bool secret_memory(void)
{
	int fd = (int)syscall(NR_MEMFD_SECRET, 0);

	if (fd < 0 || ftruncate(fd, 4096))
		return false;
	char *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return false;
	strcpy(page, "secret");
	return has_secret(openat(directory, page, O_RDONLY));
}

static bool holds_faults(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	return syscall(SYS_userfaultfd, O_CLOEXEC) >= 0 ||
	       (device >= 0 && ioctl(device, 0xaa00 /* USERFAULTFD_IOC_NEW */,
				     O_CLOEXEC) >= 0);
}

static bool has_rings(void)
{
	char parameters[256] = {0};

	/* SEND_MSG_RING needs no ring. */
	return syscall(SYS_io_uring_setup, 4, parameters) >= 0 ||
	       syscall(SYS_io_uring_register, -1, 31, parameters, 1) == 0;
}

static bool clones_anew(void)
{
	uint64_t how[11] = {[4] = SIGCHLD};
	long pid = syscall(SYS_clone3, how, sizeof(how));

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool odd_families(void)
{
	for (int family = 3; family < 64; family++)
		for (int type = SOCK_STREAM;
		     family != AF_INET6 && family != AF_NETLINK &&
		     type <= SOCK_SEQPACKET;
		     type++)
			if (socket(family, type, 0) >= 0)
				return true;
	return false;
}

/* --------------------------------------------------------- other processes --
 */

static bool signals_thread(void)
{
	int fd = (int)syscall(SYS_pidfd_open, outside, PIDFD_OF_THREAD);

	return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

static bool takes_own_fd(void)
{
	return syscall(SYS_pidfd_getfd, PIDFD_SELF_GROUP, 0, 0) >= 0;
}

static bool advises_itself(void)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct iovec range = {page, sizeof(page)};

	return syscall(SYS_process_madvise, PIDFD_SELF_GROUP, &range, 1, 4,
		       0) >= 0;
}

static bool seizes_sibling(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	bool seized = ptrace(PTRACE_SEIZE, child, 0, 0) == 0;

	kill(child, SIGKILL);
	return seized;
}

static bool reads_sibling(void)
{
	static char here[8], there[8];
	struct iovec local = {here, 8}, remote = {there, 8};
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	bool got = process_vm_readv(child, &local, 1, &remote, 1, 0) > 0;

	kill(child, SIGKILL);
	return got;
}

/* ---------------------------------------------------------------- programs --
 */

static bool runs(const char *name)
{
	char *const argv[] = {(char *)(uintptr_t)name, NULL};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		syscall(SYS_execveat, directory, name, argv, argv + 1, 0);
		_exit(1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* It is only looked whether it could be run; what is then run is another. */
static bool checks_program(void)
{
	char *const argv[] = {(char *)(uintptr_t) "no", NULL};

	return syscall(SYS_execveat, directory, "no", argv, argv + 1,
		       EXECVE_CHECK) == 0 ||
	       runs("no");
}

static int sealed_copy(unsigned flags)
{
	char text[4096];
	ssize_t got;
	int from = openat(directory, "no", O_RDONLY);
	int fd = memfd_create("yes", flags);

	while ((got = read(from, text, sizeof(text))) > 0)
		(void)!write(fd, text, (size_t)got);
	close(from);
	return fd;
}

static bool runs_sealed(void)
{
	int fd = sealed_copy(0x10 /* MFD_EXEC */ | MFD_ALLOW_SEALING);
	char *const argv[] = {(char *)(uintptr_t) "yes", NULL};

	if (fcntl(fd, F_ADD_SEALS, 0x20 /* F_SEAL_EXEC */))
		return false;
	syscall(SYS_execveat, fd, "", argv, argv + 1, AT_EMPTY_PATH);
	return false; /* `no`, where it runs, ends with 0: that counts */
}

/* ------------------------------------------------- what a program's calls do
 * -- */

static atomic_bool stop;
static volatile unsigned char selector;

static void *flip_selector(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop))
		selector = (unsigned char)!selector;
	return NULL;
}

static void on_sigsys(int number)
{
	(void)number;
	selector = 0;
}

/* Calls that the supervisor has a thread make, and ways to what is refused. */
static bool many_calls(void)
{
	bool worked = false;

	for (int i = 0; i < FLIPS && !worked; i++) {
		int pin = openat(directory, "open", O_PATH | O_CLOEXEC);
		int other = openat(directory, "secret", O_PATH | O_CLOEXEC);
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
		worked = has_secret(open(path, O_RDONLY)) || has_secret(pin) ||
			 has_secret(other) ||
			 has_secret(openat(directory, "secret", O_RDONLY));
		(void)!chdir("/");
		close(pin);
		close(other);
	}
	return worked || runs("no");
}

/* Calls come back as a signal, at the whim of another thread. */
static bool dispatches(void)
{
	pthread_t thread;

	signal(SIGSYS, on_sigsys);
	if (prctl(DISPATCH, 1 /* ON */, 0, 0, &selector) ||
	    pthread_create(&thread, NULL, flip_selector, NULL))
		return false;
	return many_calls();
}

static int filter(unsigned flags, const int *numbers, size_t count,
		  uint32_t action)
{
	struct sock_filter code[64] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = code};
	size_t at = 1;

	for (size_t i = 0; i < count; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1);
		code[at++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ALLOW);
	program.len = (unsigned short)at;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    &program);
}

/* All that it is made to call says that it was done, and was not. */
static const int injected[] = {
	SYS_recvmsg, SYS_sendmsg, SYS_dup3,  SYS_fchdir, SYS_close,
	SYS_fcntl,   SYS_clone,	  SYS_prctl, SYS_exit,
};

static bool pretends(void)
{
	return filter(0, injected, sizeof(injected) / sizeof(*injected),
		      SECCOMP_RET_ERRNO | 0) == 0 &&
	       many_calls();
}

static bool pretends_exec(void)
{
	const int numbers[] = {SYS_execve, SYS_execveat};

	return filter(0, numbers, 2, SECCOMP_RET_ERRNO | 0) == 0 && runs("no");
}

static bool traces_itself(void)
{
	const int numbers[] = {SYS_openat, SYS_recvmsg, SYS_execveat};

	return filter(0, numbers, 3, SECCOMP_RET_TRACE | 1) == 0 &&
	       many_calls();
}

/* A listener of one's own could answer for the supervisor. */
static bool listens(void)
{
	const int numbers[] = {SYS_openat};
	const unsigned flags[] = {
		SECCOMP_FILTER_FLAG_NEW_LISTENER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
			16 /* TSYNC_ESRCH */,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (filter(flags[i], numbers, 1, SECCOMP_RET_USER_NOTIF) >= 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------- all -- */

static const struct {
	const char *name;
	bool (*attack)(void);
} attacks[] = {
#ifdef __x86_64__
	{"int 0x80", int80_opens},
	{"int 0x80 in 32-bit code", compat_int80},
	{"syscall in 32-bit code", compat_syscall},
	{"sysenter in 32-bit code", compat_sysenter},
	{"x32", x32_opens},
	{"modify_ldt", sets_segments},
#endif
	{"a number with high bits", high_number},
	{"getxattrat", gets_attribute},
	{"setxattrat", sets_attribute},
	{"removexattrat", removes_attribute},
	{"file_setattr", sets_flags},
	{"fchmodat2", sets_mode},
	{"open_tree", opens_tree},
	{"open_tree_attr", opens_tree_attr},
	{"statmount", tells_mount},
	{"listns", lists_namespaces},
	{"open_by_handle_at", opens_by_handle},
	{"a path in memfd_secret", secret_memory},
	{"userfaultfd", holds_faults},
	{"io_uring", has_rings},
	{"clone3", clones_anew},
	{"families of sockets", odd_families},
	{"a thread's pidfd", signals_thread},
	{"pidfd_getfd of PIDFD_SELF", takes_own_fd},
	{"process_madvise of PIDFD_SELF", advises_itself},
	{"PTRACE_SEIZE", seizes_sibling},
	{"process_vm_readv", reads_sibling},
	{"AT_EXECVE_CHECK", checks_program},
	{"a sealed memfd", runs_sealed},
	{"syscall user dispatch", dispatches},
	{"a filter that pretends", pretends},
	{"a filter that pretends to run", pretends_exec},
	{"a filter with RET_TRACE", traces_itself},
	{"a listener of its own", listens},
};

int main(int argc, char **argv)
{
	int worked = 0;

	if (argc != 3)
		return 2;
	directory = open(argv[1], O_RDONLY | O_DIRECTORY);
	outside = (pid_t)atoi(argv[2]);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		int status = 0;

		fflush(stdout);
		pid_t child = fork();

		if (child == 0) {
			alarm(SECONDS_MOST);
			_exit(attacks[i].attack() ? 0 : 1);
		}
		waitpid(child, &status, 0);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			printf("%s: hangs\n", attacks[i].name);
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			worked += puts(attacks[i].name) >= 0;
	}
	return worked ? 1 : 0;
}
