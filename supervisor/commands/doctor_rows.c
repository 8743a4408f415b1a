#include "supervisor/commands/doctor_rows.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/fence.h"
#include "supervisor/filter.h"
#include "supervisor/session.h"
#include "supervisor/syscalls.h"

enum {
	SIGNAL_SCOPE_ABI = 6,
	MOST_ROWS = 1024,
	MARKER = EXFULL, /* what no call answers by itself */
	PATIENCE_MS = 10000,
};

/* Shared by the child, which calls, and us, who are notified. */
struct board {
	int error; /* of the filter */
	atomic_int listener;
	struct {
		int error;
		atomic_bool tried, notified;
	} rows[MOST_ROWS];
};

/* Calls that end, stop, multiply or hang the child whatever their arguments, or
 * that reach the whole machine. */
static bool harmless(const char *name)
{
	static const char *const names[] = {
		"exit",	  "exit_group", "fork",	 "vfork",     "pause",
		"sync",	  "vhangup",	"clone", "sched_yield", "rt_sigreturn",
		"rt_sigsuspend", "munlockall", "restart_syscall", "alarm",
		"reboot", "set_tid_address", "brk", "munmap", "shmdt",
		"rseq",	  "set_robust_list", "close_range", "close",
		/* They belong to the kernel's probes: SIGILL. */
		"uprobe", "uretprobe",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return false;
	return true;
}

static void __attribute__((noreturn))
child(struct board *board, const struct sock_fprog *filter)
{
	int listener = -1;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	board->error = filter_install(filter, 0, &listener);
	atomic_store(&board->listener, board->error ? -2 : listener);
	if (board->error)
		_exit(1);
	for (size_t i = 0; i < syscall_row_count && i < MOST_ROWS; i++) {
		const struct syscall_row *row = &syscall_rows[i];

		if (row->number < 0 || !harmless(row->name))
			continue;
		errno = 0;
		/* Minus one is no descriptor, no address, no process and no
		 * known flag. */
		syscall(row->number, -1L, -1L, -1L, -1L, -1L, -1L);
		board->rows[i].error = errno;
		atomic_store(&board->rows[i].tried, true);
	}
	_exit(0);
}

static void answer(struct board *board, int listener)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response = {.error = -MARKER};

	memset(&request, 0, sizeof(request));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
		return;
	for (size_t i = 0; i < syscall_row_count && i < MOST_ROWS; i++)
		if (syscall_rows[i].number == request.data.nr)
			atomic_store(&board->rows[i].notified, true);
	response.id = request.id;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Answer the child until it has ended. Returns 0, or -errno. */
static int attend(struct board *board, pid_t pid)
{
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	auto_fd listener = -1;
	struct pollfd fds[2] = {
		{.fd = pidfd, .events = POLLIN},
		{.fd = -1, .events = POLLIN},
	};

	if (pidfd < 0)
		return -errno;
	for (;;) {
		int found = atomic_load(&board->listener);

		if (found == -2)
			return board->error;
		if (found >= 0)
			fds[1].fd = listener = found;
		/* Until the listener is there, look again soon. */
		int ready = poll(fds, 2, found < 0 ? 1 : PATIENCE_MS);

		if (ready == 0 && found >= 0)
			return -ETIMEDOUT;
		if (fds[0].revents & POLLIN)
			return found >= 0 ? 0 : -ECHILD;
		if (fds[1].revents & POLLIN)
			answer(board, listener);
	}
}

static void wrong(struct doctor_rows *rows, const struct syscall_row *row,
		  const char *met, int error)
{
	if (rows->wrong++ == 0)
		snprintf(rows->first_wrong, sizeof(rows->first_wrong),
			 "%s: %s (%s)", row->name, met, strerror(error));
}

static void judge(const struct board *board, size_t i, bool privileged,
		  struct doctor_rows *rows)
{
	const struct syscall_row *row = &syscall_rows[i];
	bool notified = atomic_load(&board->rows[i].notified);
	int error = board->rows[i].error;

	if (row->number < 0)
		return;
	if (!atomic_load(&board->rows[i].tried)) {
		if (harmless(row->name))
			wrong(rows, row, "ended the child", 0);
		else
			rows->untried++;
		return;
	}
	switch (row->trap) {
	case TRAP_SERVE:
		rows->notified++;
		if (!notified || error != MARKER)
			wrong(rows, row, "was not notified", error);
		break;
	case TRAP_REFUSE:
		rows->refused++;
		if (notified || error != row->error)
			wrong(rows, row, "was not refused", error);
		break;
	case TRAP_CREDENTIALS:
		rows->arguments++;
		if (notified != privileged)
			wrong(rows, row, "was met otherwise", error);
		break;
	case TRAP_ARGUMENTS:
		rows->arguments++;
		break;
	case TRAP_NATIVE:
		rows->native++;
		if (notified || error == MARKER)
			wrong(rows, row, "was notified", error);
		break;
	case TRAP_UNKNOWN:
		rows->refused++;
		if (error != ENOSYS)
			wrong(rows, row, "is not unknown", error);
		break;
	}
}

int doctor_try_rows(const struct kernel_features *features, bool privileged,
		    struct doctor_rows *rows, const char **step)
{
	const struct filter_options options = {
		.landlock_signal_scope =
			features->landlock_abi >= SIGNAL_SCOPE_ABI,
		.privileged = privileged,
		.fence = features->landlock_abi >= FENCE_ABI,
	};
	struct sock_fprog filter;

	memset(rows, 0, sizeof(*rows));
	*step = "the filter";
	int error = filter_build(&options, &filter);

	if (error)
		return error;
	*step = "memory";
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED) {
		filter_free(&filter);
		return -ENOMEM;
	}
	atomic_store(&board->listener, -1);
	*step = "the child under the filter";
	/* With our table of descriptors, as the launch does it. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0,
				   0);

	if (pid == 0)
		child(board, &filter);
	error = pid < 0 ? -errno : attend(board, pid);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	for (size_t i = 0; !error && i < syscall_row_count && i < MOST_ROWS;
	     i++)
		judge(board, i, privileged, rows);
	munmap(board, sizeof(*board));
	filter_free(&filter);
	return error;
}
