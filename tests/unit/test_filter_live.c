/*
 * The filter in force: a child puts itself under it, and tries. Nobody answers
 * the listener; what would be notified is tried with the listener closed, when
 * the kernel answers ENOSYS.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/arch/arch.h"
#include "supervisor/filter.h"
#include "tests/unit/foreign.h"

#define EXIT_SKIP     77
#define NOT_INSTALLED 200 /* a status that no errno is */

static struct sock_fprog program;

static void build(void)
{
	/* The scope is pretended: signals of the tests are for themselves. */
	const struct filter_options options = {.landlock_signal_scope = true};

	ck_assert_int_eq(filter_build(&options, &program), 0);
}

static void drop(void)
{
	filter_free(&program);
}

/** Run `attempt` under the filter; its return is the exit status. */
static int wait_status(int (*attempt)(int listener))
{
	const pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		int listener = -1;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    filter_install(&program, 0, &listener) < 0)
			_exit(NOT_INSTALLED);
		_exit(attempt(listener));
	}
	while (waitpid(child, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return status;
}

static void assert_exits(int (*attempt)(int listener), int expected)
{
	const int status = wait_status(attempt);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), expected);
}

static void assert_killed(int (*attempt)(int listener))
{
	const int status = wait_status(attempt);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}

/** The errno of a raw call, or 0. */
static int failure(long result)
{
	return result < 0 ? errno : 0;
}

static int foreign_call(int listener)
{
	(void)listener;
	return foreign_getpid() > 0 ? 0 : 1;
}

START_TEST(a_32_bit_entry_is_killed)
{
	const int status = wait_status(foreign_call);

	/* SIGSEGV from a kernel that has no such entry at all. */
	ck_assert(WIFSIGNALED(status));
	ck_assert(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}
END_TEST

static int x32_call(int listener)
{
	(void)listener;
	return failure(syscall(0x40000000 | NR_getpid));
}

START_TEST(an_x32_call_is_killed)
{
	assert_killed(x32_call);
}
END_TEST

static int high_call(int listener)
{
	(void)listener;
	return failure(syscall(1000));
}

START_TEST(an_unknown_number_is_enosys)
{
	assert_exits(high_call, ENOSYS);
}
END_TEST

static int clone3_call(int listener)
{
	struct clone_args args = {.exit_signal = SIGCHLD};

	(void)listener;
	return failure(syscall(NR_clone3, &args, sizeof(args)));
}

START_TEST(clone3_is_enosys)
{
	assert_exits(clone3_call, ENOSYS);
}
END_TEST

static int ring_call(int listener)
{
	char params[256] = {0};

	(void)listener;
	return failure(syscall(NR_io_uring_setup, 4, params));
}

START_TEST(io_uring_is_enosys)
{
	assert_exits(ring_call, ENOSYS);
}
END_TEST

static int landlock_call(int listener)
{
	(void)listener;
	return failure(syscall(NR_landlock_create_ruleset, NULL, 0, 1));
}

START_TEST(landlock_is_absent)
{
	assert_exits(landlock_call, EOPNOTSUPP);
}
END_TEST

static int native_calls(int listener)
{
	char byte = 'x';
	int pipes[2];
	pid_t child;
	void *page;

	(void)listener;
	if (getpid() <= 1 || pipe(pipes) < 0)
		return 1;
	if (write(pipes[1], &byte, 1) != 1 || read(pipes[0], &byte, 1) != 1)
		return 2;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || munmap(page, 4096) < 0)
		return 3;
	child = fork();
	if (child == 0)
		_exit(7);
	if (child < 0 || waitpid(child, NULL, 0) != child)
		return 4;
	if (fcntl(pipes[0], F_GETFL) < 0)
		return 5;
	return kill(getpid(), 0) < 0 ? 6 : 0;
}

START_TEST(native_calls_run)
{
	assert_exits(native_calls, 0);
}
END_TEST

static int trapped_call(int listener)
{
	if ((fcntl(listener, F_GETFD) & FD_CLOEXEC) == 0)
		return 1;
	close(listener);
	return failure(syscall(NR_openat, AT_FDCWD, "/dev/null", O_RDONLY));
}

START_TEST(a_trapped_call_fails_without_a_listener)
{
	assert_exits(trapped_call, ENOSYS);
}
END_TEST

/** The bit of each socket that could be made. */
static int sockets(int listener)
{
	static const int kinds[][3] = {
		{AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0},
		{AF_INET, SOCK_STREAM, 0},
		{AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP},
		{AF_NETLINK, SOCK_RAW, 0},
		{AF_INET, SOCK_STREAM, 262},
		{AF_VSOCK, SOCK_STREAM, 0},
		{AF_PACKET, SOCK_RAW, 0},
	};
	int made = 0;

	(void)listener;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (socket(kinds[i][0], kinds[i][1], kinds[i][2]) >= 0)
			made |= 1 << i;
	}
	return made;
}

START_TEST(sockets_are_made_by_domain_and_protocol)
{
	assert_exits(sockets, 0x0f);
}
END_TEST

static int vsock_call(int listener)
{
	(void)listener;
	return failure(socket(AF_VSOCK, SOCK_STREAM, 0));
}

START_TEST(vsock_is_no_family)
{
	assert_exits(vsock_call, EAFNOSUPPORT);
}
END_TEST

static int namespace_call(int listener)
{
	(void)listener;
	if (failure(syscall(NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)) !=
	    EPERM)
		return 1;
	if (unshare(CLONE_FS) < 0)
		return 2;
	return failure(unshare(CLONE_NEWUSER));
}

START_TEST(namespaces_are_refused)
{
	assert_exits(namespace_call, EPERM);
}
END_TEST

static int dumpable_call(int listener)
{
	(void)listener;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 1;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 2;
}

START_TEST(dumpable_is_pretended)
{
	assert_exits(dumpable_call, 0);
}
END_TEST

static int terminal_call(int listener)
{
	(void)listener;
	/* As the kernel reads it, the command is TIOCSTI. */
	return failure(syscall(NR_ioctl, 0, 0x100000000ul | TIOCSTI, ""));
}

START_TEST(input_cannot_be_pushed)
{
	assert_exits(terminal_call, EPERM);
}
END_TEST

/** Whether this machine lets a test have a filter with a listener. */
static bool can_install(void)
{
	const struct filter_options options = {.landlock_signal_scope = true};
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		int listener = -1;
		int result = filter_build(&options, &program);

		if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			result = -errno;
		if (result == 0)
			result = filter_install(&program, 0, &listener);
		_exit(-result);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	printf("SKIP: a seccomp filter with a listener: error %d\n",
	       WEXITSTATUS(status));
	return false;
}

int main(void)
{
	Suite *suite = suite_create("filter in force");
	TCase *tcase = tcase_create("attempts");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (!can_install())
		return EXIT_SKIP;
	tcase_add_unchecked_fixture(tcase, build, drop);
	tcase_add_loop_test(tcase, a_32_bit_entry_is_killed, 0, FOREIGN_ENTRY);
	tcase_add_loop_test(tcase, an_x32_call_is_killed, 0, FOREIGN_ENTRY);
	tcase_add_test(tcase, an_unknown_number_is_enosys);
	tcase_add_test(tcase, clone3_is_enosys);
	tcase_add_test(tcase, io_uring_is_enosys);
	tcase_add_test(tcase, landlock_is_absent);
	tcase_add_test(tcase, native_calls_run);
	tcase_add_test(tcase, a_trapped_call_fails_without_a_listener);
	tcase_add_test(tcase, sockets_are_made_by_domain_and_protocol);
	tcase_add_test(tcase, vsock_is_no_family);
	tcase_add_test(tcase, namespaces_are_refused);
	tcase_add_test(tcase, dumpable_is_pretended);
	tcase_add_test(tcase, input_cannot_be_pushed);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
