/*
 * The least that a supervisor can do, for comparison: every call that the
 * benchmark makes is notified and let go on unread. What interpose takes longer
 * than this is the price of deciding and serving; the rest is the kernel's.
 *
 * continue [-t] PROGRAM [ARG…]; not safe for anything but measuring. With -t
 * each exec is followed to the stop in which the new image stands ready, as it
 * must be where what runs is to be compared with what was decided; one exec at
 * a time.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/kernel.h"

/* What interpose is notified of, too, among what bench/micro.c does. */
static const int notified[] = {
	SYS_openat,  SYS_openat2,    SYS_newfstatat, SYS_statx,
	SYS_chdir,   SYS_faccessat,  SYS_faccessat2, SYS_readlinkat,
	SYS_mkdirat, SYS_getdents64, SYS_unlinkat,   SYS_renameat2,
	SYS_execve,  SYS_renameat,
#ifdef SYS_open
	SYS_open,    SYS_stat,	     SYS_lstat,	     SYS_access,
	SYS_rename,  SYS_readlink,   SYS_mkdir,	     SYS_rmdir,
#endif
};

static int install_filter(void)
{
	enum { COUNT = sizeof(notified) / sizeof(*notified) };
	struct sock_filter code[COUNT + 3];
	struct sock_fprog program = {.len = COUNT + 3, .filter = code};

	code[0] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < COUNT; i++)
		code[i + 1] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)notified[i],
			(uint8_t)(COUNT - i), 0);
	code[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						       SECCOMP_RET_ALLOW);
	code[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						       SECCOMP_RET_USER_NOTIF);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
				    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			    &program);
}

static void go_on(int listener, uint64_t id)
{
	struct seccomp_notif_resp response = {
		.id = id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* To the new image, or to the end of an exec that failed. */
static void follow(int listener, const struct seccomp_notif *request)
{
	pid_t tid = (pid_t)request->pid;
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACEEXEC)) {
		go_on(listener, request->id);
		return;
	}
	(void)ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	go_on(listener, request->id);
	if (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status))
		(void)ptrace(PTRACE_DETACH, tid, 0, 0);
}

/* Until the last process under the filter is gone. */
static void serve(int listener, bool trace)
{
	struct seccomp_notif request;

	for (;;) {
		memset(&request, 0, sizeof(request));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request)) {
			struct pollfd end = {.fd = listener, .events = POLLIN};

			if (errno != ENOENT && errno != EINTR)
				return;
			if (poll(&end, 1, 0) == 1 && (end.revents & POLLHUP))
				return;
			continue;
		}
		if (trace && request.data.nr == SYS_execve)
			follow(listener, &request);
		else
			go_on(listener, request.id);
	}
}

int main(int argc, char **argv)
{
	bool trace = argc > 1 && strcmp(argv[1], "-t") == 0;
	int status, told[2], listener = -1;

	argc -= trace;
	argv += trace;
	if (argc < 2 || pipe(told))
		return 2;
	/* One table of descriptors, so that the listener is simply there. */
	long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		listener = install_filter();
		if (write(told[1], &listener, sizeof(listener)) < 0)
			_exit(126);
		if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE))
			_exit(126);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || read(told[0], &listener, sizeof(listener)) < 0 ||
	    listener < 0) {
		fprintf(stderr, "continue: no listener\n");
		return 2;
	}
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		    SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	/* RECV may sleep for ever after the last target, before 6.11: a second
	 * process serves, and this one waits. */
	long server = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (server == 0) {
		serve(listener, trace);
		_exit(0);
	}
	close(listener);
	while (waitpid((pid_t)pid, &status, 0) < 0)
		if (errno != EINTR)
			return 2;
	kill((pid_t)server, SIGKILL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
