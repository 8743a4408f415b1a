/*
 * For tests/escape/programs.sh: a program that a rule grants something to, and
 * the programs that want it from there. Built dynamic and static.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char **rest;

static int show(const char *name)
{
	const char *value = getenv(name);

	printf("%s\n", value ? value : "unset");
	return 0;
}

static int show_file(const char *path)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (got < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("%.*s", (int)got, text);
	fflush(stdout);
	return 0;
}

/* Do the kernel's own views agree with what stands on the stack? */
static int agree(int argc, char **argv)
{
	static char text[1 << 20];
	char **at = environ;
	size_t used = 0;
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text));

	for (; *at; at++) {
		size_t size = strlen(*at) + 1;

		if ((ssize_t)(used + size) <= got &&
		    memcmp(text + used, *at, size) == 0)
			used += size;
		else
			printf("not in environ: %.*s\n", (int)strcspn(*at, "="),
			       *at);
	}
	for (; (ssize_t)used < got; used++)
		if (text[used]) {
			puts("more in environ");
			break;
		}
	const Elf64_auxv_t *aux = (const void *)(at + 1);
	size_t length = 0;

	while (aux[length++].a_type != AT_NULL)
		;
	fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	got = read(fd, text, sizeof(text));
	if (got < (ssize_t)(length * sizeof(*aux)) ||
	    memcmp(text, aux, length * sizeof(*aux)) != 0)
		puts("another auxv");
	if (strcmp((char *)getauxval(AT_EXECFN), argv[0]) != 0)
		puts("another AT_EXECFN");
	if (getauxval(AT_RANDOM) == 0 || getauxval(AT_PAGESZ) == 0)
		puts("no auxv");
	if ((uintptr_t)__builtin_frame_address(0) % 16)
		puts("not aligned");
	if (((uintptr_t)argv - sizeof(long)) % 16)
		puts("argc is not aligned");
	for (int i = 0; i < argc; i++)
		printf("%s%c", i ? argv[i] : "as", i + 1 < argc ? ' ' : '\n');
	return 0;
}

/* Does the kernel let a process say where what /proc shows of it lies? */
static int movable(void)
{
	unsigned size;

	return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) != 0;
}

/* Forge the command line that others see. */
static int forge(void)
{
	char forged[] = "forged", text[2048]; /* what is shown is no file's */
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text) - 1);
	char *at = got > 0 ? strrchr(text, ')') : NULL;
	unsigned long long fields[52] = {0};

	if (!at)
		return 9;
	at += 3;
	for (int i = 4; i < 52; i++)
		fields[i] = strtoull(at, &at, 10);
	struct prctl_mm_map map = {
		.start_code = fields[26],
		.end_code = fields[27],
		.start_stack = fields[28],
		.start_data = fields[45],
		.end_data = fields[46],
		.start_brk = fields[47],
		.brk = (uintptr_t)sbrk(0),
		.arg_start = (uintptr_t)forged,
		.arg_end = (uintptr_t)forged + sizeof(forged),
		.env_start = fields[50],
		.env_end = fields[51],
		.exe_fd = (uint32_t)-1,
	};

	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))
		printf("%s\n", strerrorname_np(errno));
	fflush(stdout);
	return show_file("/proc/self/cmdline");
}

/* A filter of the program's own, to which such a call is an attack. */
static int strictly(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_MM, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(*filter),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		return 9;
	execv(rest[0], rest);
	return 9;
}

/* Tell who we are, and stay until told to go. */
static int hold(void)
{
	char byte;

	printf("%d\n", getpid());
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}

static void tried(const char *what, int worked)
{
	if (worked)
		printf("%s worked\n", what);
}

static int attack(pid_t pid)
{
	static const char *const names[] = {
		"environ",	"mem",	     "maps",
		"auxv",		"fd",	     "fd/0",
		"cwd/.",	"root/.",    "task/%d/environ",
		"task/%d/fd/0", "map_files", "stack",
		"pagemap"};
	char path[64], name[32], bytes[8];
	struct iovec local = {bytes, 8}, remote = {(void *)attack, 8};
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(name, sizeof(name), names[i], pid);
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		tried(name, fd >= 0);
	}
	tried("PTRACE_ATTACH", ptrace(PTRACE_ATTACH, pid, 0, 0) == 0);
	tried("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
	tried("process_vm_readv",
	      process_vm_readv(pid, &local, 1, &remote, 1, 0) > 0);
	tried("process_vm_writev",
	      process_vm_writev(pid, &local, 1, &remote, 1, 0) > 0);
	tried("pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 0, 0) >= 0);
	return 0;
}

static void wait_all(void)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/* A child becomes the granted program, again and again, while its environment
 * and its descriptors are opened: only what it was before may be met. */
static int peek(int count)
{
	static char text[1 << 16];
	char names[3][32];

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			int quiet = open("/dev/null", O_WRONLY);

			dup2(quiet, STDOUT_FILENO);
			execv(rest[0], rest);
			_exit(9);
		}
		snprintf(names[0], 32, "/proc/%d/environ", pid);
		snprintf(names[1], 32, "/proc/%d/task/%d/environ", pid, pid);
		while (waitpid(pid, NULL, WNOHANG) == 0) {
			for (int n = 0; n < 2; n++) {
				int fd = open(names[n], O_RDONLY | O_CLOEXEC);
				ssize_t got =
					fd < 0 ? 0
					       : read(fd, text, sizeof(text));

				if (got > 0 && memmem(text, (size_t)got,
						      "abcdefghijklmnop", 16))
					puts("met it");
				if (fd >= 0)
					close(fd);
			}
		}
	}
	return 0;
}

/* As a debugger starts it. */
static int debug(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			printf("TRACEME: %s\n", strerrorname_np(errno));
		fflush(stdout);
		execv(rest[0], rest);
		printf("%s\n", strerrorname_np(errno));
		exit(9);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, 0,
		       WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return 0;
}

/* Traced by whoever is the parent: of the first program, and of an orphan, that
 * is the supervisor. A signal would stop it for good. */
static int ask_parent(void)
{
	long result = ptrace(PTRACE_TRACEME, 0, 0, 0);

	printf("%s\n", result ? strerrorname_np(errno) : "traced");
	fflush(stdout);
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	puts("goes on");
	fflush(stdout);
	return 0;
}

static int ask_parent_as_orphan(void)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int ends[2];
	char byte;

	if (pipe(ends))
		return 99;
	if (fork()) {
		close(ends[1]);
		return read(ends[0], &byte, 1) == 0 ? 0 : 99;
	}
	pid_t between = getpid();

	if (fork())
		_exit(0);
	while (getppid() == between)
		nanosleep(&moment, NULL);
	return ask_parent();
}

/* A child becomes the granted program while it is attached to, and read. */
static int seize(int count)
{
	static char text[1 << 16], kept[64];
	struct iovec local = {kept, sizeof(kept)};
	int held = 0;

	for (int i = 0; i < count; i++) {
		char name[32];
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
			execv(rest[0], rest);
			_exit(9);
		}
		struct iovec remote = {environ[0], sizeof(kept)};

		for (int n = 0; n < i % 32; n++)
			(void)process_vm_readv(pid, &local, 1, &remote, 1, 0);
		if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
			held++;
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
			waitpid(pid, &status, __WALL);
			snprintf(name, sizeof(name), "/proc/%d/environ", pid);
			for (int n = 0; n < 8; n++) {
				int fd = open(name, O_RDONLY | O_CLOEXEC);
				ssize_t got =
					fd < 0 ? 0
					       : read(fd, text, sizeof(text));

				if (got > 0 && memmem(text, (size_t)got,
						      "abcdefghijklmnop", 16))
					puts("met it");
				close(fd);
				ptrace(PTRACE_CONT, pid, 0, 0);
				sched_yield();
				ptrace(PTRACE_INTERRUPT, pid, 0, 0);
				if (waitpid(pid, &status, __WALL) != pid ||
				    !WIFSTOPPED(status))
					break;
			}
			ptrace(PTRACE_DETACH, pid, 0, 0);
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, __WALL);
	}
	return held == 0;
}

static void *exec_here(void *none)
{
	(void)none;
	execv(rest[0], rest);
	_exit(9);
}

/* From a thread that is not the first. */
static int by_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_here, NULL))
		return 9;
	for (;;)
		pause();
}

static int by_memfd(const char *path)
{
	static char bytes[1 << 16];
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = memfd_create("granted", MFD_CLOEXEC);
	ssize_t got;

	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)got) != got)
			return 9;
	fexecve(to, rest, environ);
	printf("%s\n", strerrorname_np(errno));
	return 0;
}

/* The parent becomes the granted program, and the child of before tries. */
static int by_parent(char **argv)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		return 9;
	if (fork()) {
		execv(rest[0], rest);
		_exit(9);
	}
	/* Its end is closed by the exec. */
	fcntl(ready[1], F_SETFD, FD_CLOEXEC);
	close(ready[1]);
	(void)!read(ready[0], &byte, 1);
	show_file(argv[2]);
	return 0;
}

static int by_orphan(const char *path)
{
	int ended[2];
	char byte;

	if (pipe(ended))
		return 9;
	if (fork() == 0) {
		pid_t parent = getpid();

		if (fork() == 0) {
			while (getppid() == parent)
				sched_yield();
			show_file(path);
			_exit(0);
		}
		_exit(0);
	}
	/* The session would end with us. */
	close(ended[1]);
	(void)!read(ended[0], &byte, 1);
	wait_all();
	return 0;
}

/* Two threads exec at once, again and again: only one may win, as itself. */
static void *race_exec(void *path)
{
	char *words[] = {path, (char *)"env", (char *)"GITHUB_TOKEN", NULL};

	execv(path, words);
	return NULL;
}

static int race(char **argv, int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t thread;

			pthread_create(&thread, NULL, race_exec, argv[3]);
			race_exec(argv[4]);
			for (;;)
				pause();
		}
		int status;

		if (waitpid(pid, &status, 0) != pid || status)
			printf("status %#x\n", status);
	}
	return 0;
}

int main(int argc, char **argv)
{
	/* Options of no effect, as `git -C . push` has them. */
	while (argc > 3 && argv[1][0] == '-') {
		argv[2] = argv[0];
		argv += 2;
		argc -= 2;
	}
	const char *what = argc > 1 ? argv[1] : "";
	const char *dash = strrchr(argv[0], '-');

	/* Called as git is called git-push. */
	if (dash && strcmp(dash, "-env") == 0 && argc > 1)
		return show(argv[1]);
	rest = argv + 2;
	if (strcmp(what, "env") == 0 && argc > 2)
		return show(argv[2]);
	if (strcmp(what, "read") == 0 && argc > 2)
		return show_file(argv[2]);
	if (strcmp(what, "agree") == 0)
		return agree(argc, argv);
	if (strcmp(what, "movable") == 0)
		return movable();
	if (strcmp(what, "forge") == 0)
		return forge();
	if (strcmp(what, "strictly") == 0)
		return strictly();
	if (strcmp(what, "hold") == 0)
		return hold();
	if (strcmp(what, "attack") == 0 && argc > 2)
		return attack(atoi(argv[2]));
	if (strcmp(what, "thread") == 0)
		return by_thread();
	if (strcmp(what, "debug") == 0)
		return debug();
	if (strcmp(what, "ask-parent") == 0)
		return ask_parent();
	if (strcmp(what, "ask-parent-as-orphan") == 0)
		return ask_parent_as_orphan();
	if (strcmp(what, "seize") == 0 && argc > 3) {
		rest++;
		return seize(atoi(argv[2]));
	}
	if (strcmp(what, "peek") == 0 && argc > 3) {
		rest++;
		return peek(atoi(argv[2]));
	}
	if (strcmp(what, "memfd") == 0 && argc > 2)
		return by_memfd(argv[2]);
	if (strcmp(what, "parent") == 0 && argc > 3) {
		rest++;
		return by_parent(argv);
	}
	if (strcmp(what, "orphan") == 0 && argc > 2)
		return by_orphan(argv[2]);
	if (strcmp(what, "fork") == 0 && argc > 2) {
		if (fork() == 0)
			return show_file(argv[2]);
		wait_all();
		return 0;
	}
	if (strcmp(what, "race") == 0 && argc > 4)
		return race(argv, atoi(argv[2]));
	return 8;
}
