#include "supervisor/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "policy/scope.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

enum {
	PAGE = 4096,	/* the smallest page of any target: a safe split */
	MOST_PAGES = 7, /* of one transfer; the rest comes in one piece */
	READ_SOME = MOST_PAGES * PAGE,
	FIRST_CHUNK = 256,
	MAX_DEPTH = 4096,
};

/* process_vm_readv(2) with the error of a system call's own copying. */
static ssize_t vm_read(pid_t tid, uint64_t address, void *buffer, size_t length)
{
	struct iovec local = {.iov_base = buffer, .iov_len = length};
	struct iovec remote[MOST_PAGES + 1];
	size_t part = PAGE - (size_t)(address & (PAGE - 1));
	unsigned long count = 0;

	/* A transfer never splits an element: one per page, so that what lies
	 * before an unmapped page is still read. */
	for (size_t at = 0; at < length; at += part, part = PAGE) {
		if (part > length - at || count == MOST_PAGES)
			part = length - at;
		remote[count++] = (struct iovec){
			.iov_base = (void *)(uintptr_t)(address + at),
			.iov_len = part,
		};
	}
	ssize_t got = process_vm_readv(tid, &local, 1, remote, count, 0);

	return got < 0 ? -errno : got;
}

int tracee_read(pid_t tid, uint64_t address, void *buffer, size_t length)
{
	char *to = buffer;

	if (length == 0)
		return 0;
	while (length > 0) {
		ssize_t got = vm_read(tid, address, to, length);

		if (got == -EPERM || got == -ESRCH)
			return -EPERM;
		if (got <= 0)
			return -EFAULT;
		to += got;
		address += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

ssize_t tracee_read_some(pid_t tid, uint64_t address, void *buffer,
			 size_t length)
{
	ssize_t got = vm_read(tid, address, buffer,
			      length < READ_SOME ? length : READ_SOME);

	return got > 0				? got
	       : got == -EPERM || got == -ESRCH ? -EPERM
						: -EFAULT;
}

ssize_t tracee_read_string(pid_t tid, uint64_t address, char *buffer,
			   size_t capacity)
{
	size_t used = 0;
	size_t chunk = FIRST_CHUNK;

	if (address == 0)
		return -EFAULT;
	while (used < capacity) {
		size_t want = capacity - used < chunk ? capacity - used : chunk;
		ssize_t got = vm_read(tid, address + used, buffer + used, want);

		if (got == -EPERM || got == -ESRCH)
			return -EPERM;
		if (got <= 0)
			return -EFAULT;
		char *end = memchr(buffer + used, '\0', (size_t)got);

		if (end)
			return end - buffer;
		used += (size_t)got;
		chunk = PAGE;
	}
	return -ENAMETOOLONG;
}

static bool write_part(pid_t tid, uint64_t address, const void *buffer,
		       size_t length)
{
	struct iovec local = {.iov_base = (void *)(uintptr_t)buffer,
			      .iov_len = length};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address,
			       .iov_len = length};

	return process_vm_writev(tid, &local, 1, &remote, 1, 0) ==
	       (ssize_t)length;
}

/* Deep in a stack, a buffer may lie below all that was used of it. The kernel's
 * own copying has the stack grow; process_vm_writev(2) has not since Linux 6.5,
 * but a look through /proc. */
static bool grow_stack(pid_t tid, uint64_t address)
{
	auto_fd memory = tracee_proc_open(tid, "mem", O_RDONLY);
	char byte;

	return memory >= 0 && pread(memory, &byte, 1, (off_t)address) == 1;
}

int tracee_write(pid_t tid, uint64_t address, const void *buffer, size_t length)
{
	const char *from = buffer;

	while (length > 0) {
		size_t page = PAGE - (size_t)(address & (PAGE - 1));
		size_t part = length < page ? length : page;

		if (!write_part(tid, address, from, part) &&
		    (!grow_stack(tid, address) ||
		     !write_part(tid, address, from, part)))
			return -EFAULT;
		from += part;
		address += part;
		length -= part;
	}
	return 0;
}

int tracee_proc_open(pid_t tid, const char *name, int flags)
{
	char path[64];
	int length = snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Read a small file of /proc/TID whole; returns its length or -errno. */
static ssize_t proc_text(pid_t tid, const char *name, char *text, size_t size)
{
	auto_fd fd = tracee_proc_open(tid, name, O_RDONLY);

	if (fd < 0)
		return fd;
	size_t used = 0;

	while (used < size - 1) {
		ssize_t got = read(fd, text + used, size - 1 - used);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
	return (ssize_t)used;
}

int tracee_cwd(pid_t tid)
{
	return tracee_proc_open(tid, "cwd", O_PATH | O_DIRECTORY);
}

/* A thread that gave up being root, and has not run another program since, is
 * not dumpable: its /proc/TID/fd is root's own, and not for the ids that the
 * worker has on for it. Whoever may trace it may fetch the descriptor. */
static int pin_by_fetching(pid_t tid, int fd)
{
	char link[40];
	auto_fd taken = tracee_take_fd(tid, fd, true);

	if (taken == -EINVAL)
		taken = tracee_take_fd(tid, fd, false);
	if (taken < 0)
		return taken;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", taken);
	int pinned = open(link, O_PATH | O_CLOEXEC);

	return pinned < 0 ? -errno : pinned;
}

int tracee_pin_fd(pid_t tid, int fd)
{
	char name[24];

	snprintf(name, sizeof(name), "fd/%d", fd);
	int pinned = tracee_proc_open(tid, name, O_PATH);

	if (pinned == -EACCES)
		pinned = pin_by_fetching(tid, fd);
	return pinned == -ENOENT ? -EBADF : pinned;
}

int tracee_take_fd(pid_t tid, int fd, bool pidfd_thread)
{
	pid_t target = tid;
	unsigned flags = PIDFD_THREAD;

	/* Before 6.9 only a process can be named. Its threads share one table
	 * unless a program took pains to split it: that is refused. */
	if (!pidfd_thread) {
		flags = 0;
		target = tracee_process(tid);
		if (target < 0)
			return -ESRCH;
	}
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, target, flags);

	if (pidfd < 0)
		return -errno;
	int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return taken < 0 ? -errno : taken;
}

/* The number after `key` in the text of a status file, in the given base. */
static uint64_t field(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

/* Four numbers in a row: real, effective, saved, file system. */
static void ids(const char *text, const char *key, unsigned *real,
		unsigned *effective, unsigned *filesystem)
{
	const char *at = strstr(text, key);
	char *next;

	*real = *effective = *filesystem = UINT_MAX;
	if (!at)
		return;
	*real = (unsigned)strtoul(at + strlen(key), &next, 10);
	*effective = (unsigned)strtoul(next, &next, 10);
	(void)strtoul(next, &next, 10);
	*filesystem = (unsigned)strtoul(next, &next, 10);
}

static void groups(const char *text, struct tracee_status *status)
{
	const char *at = strstr(text, "\nGroups:");
	size_t most = sizeof(status->groups) / sizeof(*status->groups);

	status->group_count = 0;
	status->groups_cut = false;
	if (!at)
		return;
	at += strlen("\nGroups:");
	for (;;) {
		while (*at == ' ' || *at == '\t')
			at++;
		if (*at < '0' || *at > '9')
			return;
		char *next;
		unsigned long id = strtoul(at, &next, 10);

		at = next;
		if (status->group_count == most) {
			status->groups_cut = true;
			return;
		}
		status->groups[status->group_count++] = (gid_t)id;
	}
}

int tracee_status(pid_t tid, struct tracee_status *status)
{
	char text[8192];
	ssize_t length = proc_text(tid, "status", text, sizeof(text));

	if (length <= 0)
		return -ESRCH;
	/* The name comes first and may hold anything but a newline. */
	const char *rest = strchr(text, '\n');

	if (!rest)
		return -EIO;
	status->umask = (mode_t)field(rest, "\nUmask:", 8);
	status->process = (pid_t)field(rest, "\nTgid:", 10);
	status->parent = (pid_t)field(rest, "\nPPid:", 10);
	ids(rest, "\nUid:", &status->uid, &status->euid, &status->fsuid);
	ids(rest, "\nGid:", &status->gid, &status->egid, &status->fsgid);
	groups(rest, status);
	status->permitted = field(rest, "\nCapPrm:", 16);
	status->effective = field(rest, "\nCapEff:", 16);
	status->pending =
		field(rest, "\nSigPnd:", 16) | field(rest, "\nShdPnd:", 16);
	status->blocked = field(rest, "\nSigBlk:", 16);
	status->ignored = field(rest, "\nSigIgn:", 16);
	status->caught = field(rest, "\nSigCgt:", 16);
	status->filters = (unsigned)field(rest, "\nSeccomp_filters:", 10);
	return 0;
}

/* pidfd(2) of Linux 6.13: an ioctl that tells what status takes ten times as
 * long to print. */
struct pidfd_facts {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	uint32_t exit_code;
};

#define PIDFD_TELL _IOWR(0xff, 11, struct pidfd_facts)

static bool tell(int pidfd, pid_t *process, pid_t *parent)
{
	struct pidfd_facts facts = {.mask = 1 /* PIDFD_INFO_PID */};

	if (pidfd < 0 || ioctl(pidfd, PIDFD_TELL, &facts) || !(facts.mask & 1))
		return false;
	*process = (pid_t)facts.tgid;
	*parent = (pid_t)facts.ppid;
	return true;
}

static pid_t process_by_pidfd(pid_t tid)
{
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	pid_t process, parent;

	return tell(pidfd, &process, &parent) ? process : 0;
}

pid_t tracee_process(pid_t tid)
{
	struct tracee_status status;
	pid_t process = process_by_pidfd(tid);

	if (process > 0)
		return process;

	if (tracee_status(tid, &status) || status.process <= 0)
		return -ESRCH;
	return status.process;
}

int tracee_lead(pid_t tid, pid_t *process, pid_t *parent)
{
	struct tracee_status status;
	auto_fd pidfd = (int)syscall(SYS_pidfd_open, tid, 0);

	if (tell(pidfd, process, parent))
		return take_fd(&pidfd);
	if (tracee_status(tid, &status) || status.process <= 0)
		return -ESRCH;
	*process = status.process;
	*parent = status.parent;
	return tid == *process ? take_fd(&pidfd) : -1;
}

/* The fields of /proc/TID/stat after the name, which ends at the last ')'. That
 * of the thread alone: for a process, the kernel adds up what each of its
 * threads has used. */
static int stat_fields(pid_t tid, int *parent, int *session, int *terminal)
{
	char text[1024], name[32];
	int group;

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	ssize_t length = proc_text(tid, name, text, sizeof(text));
	const char *rest = length > 0 ? strrchr(text, ')') : NULL;
	char state;

	if (!rest || sscanf(rest + 1, " %c %d %d %d %d", &state, parent, &group,
			    session, terminal) != 5)
		return -ESRCH;
	return 0;
}

bool tracee_stopped(pid_t pid)
{
	char text[1024];
	ssize_t length = proc_text(pid, "stat", text, sizeof(text));
	const char *rest = length > 0 ? strrchr(text, ')') : NULL;

	return rest && rest[1] == ' ' && (rest[2] == 'T' || rest[2] == 't');
}

pid_t tracee_tracer(pid_t tid)
{
	char text[8192];
	ssize_t length = proc_text(tid, "status", text, sizeof(text));
	const char *rest = length > 0 ? strchr(text, '\n') : NULL;

	return rest ? (pid_t)field(rest, "\nTracerPid:", 10) : 0;
}

int tracee_filters(pid_t tid)
{
	char text[8192];
	ssize_t length = proc_text(tid, "status", text, sizeof(text));
	const char *rest = length > 0 ? strchr(text, '\n') : NULL;

	return rest ? (int)field(rest, "\nSeccomp_filters:", 10) : -ESRCH;
}

/* The fields of stat by their numbers in proc_pid_stat(5). */
enum { STATE = 3, CODE = 26, STACK = 28, DATA = 45, LAST = 51 };

int tracee_layout(pid_t pid, struct prctl_mm_map *map)
{
	char text[2048];
	ssize_t length = proc_text(pid, "stat", text, sizeof(text));
	char *rest = length > 0 ? strrchr(text, ')') : NULL;
	uint64_t fields[LAST + 1] = {0};

	if (!rest || strlen(rest) < 4)
		return -ESRCH;
	rest += 3; /* the state */
	for (int i = STATE + 1; i <= LAST; i++)
		fields[i] = strtoull(rest, &rest, 10);
	*map = (struct prctl_mm_map){
		.start_code = fields[CODE],
		.end_code = fields[CODE + 1],
		.start_stack = fields[STACK],
		.start_data = fields[DATA],
		.end_data = fields[DATA + 1],
		.start_brk = fields[DATA + 2],
		.arg_start = fields[DATA + 3],
		.arg_end = fields[DATA + 4],
		.env_start = fields[DATA + 5],
		.env_end = fields[DATA + 6],
		.exe_fd = (uint32_t)-1,
	};
	return map->env_end ? 0 : -EPERM;
}

pid_t tracee_parent(pid_t tid)
{
	int parent, session, terminal;

	if (stat_fields(tid, &parent, &session, &terminal))
		return -ESRCH;
	return parent;
}

int tracee_terminal(pid_t tid, struct tracee_terminal *terminal)
{
	int parent, session, number;

	if (stat_fields(tid, &parent, &session, &number))
		return -ESRCH;
	terminal->process = tracee_process(tid);
	if (terminal->process < 0)
		return -ESRCH;
	terminal->session = session;
	/* proc(5): the minor is in bits 31..20 and 7..0, the major in 15..8. */
	unsigned bits = (unsigned)number;

	terminal->terminal =
		makedev((bits >> 8) & 0xfffU,
			(bits & 0xffU) | ((bits >> 12) & 0xfff00U));
	return 0;
}

bool tracee_in_session(pid_t pid, pid_t supervisor)
{
	for (int depth = 0; depth < MAX_DEPTH && pid > 1; depth++) {
		pid_t parent = tracee_parent(pid);

		if (parent == supervisor)
			return true;
		if (parent <= 0)
			return false;
		pid = parent;
	}
	return false;
}
