/*
 * Programs with a seccomp filter of their own, which refuses what they do not
 * call themselves: what they call must come to the same. And which filters
 * there can be.
 *
 * covers: seccomp
 */
#include "tests/calls/calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

/* None of these is called below, but by a supervisor. */
static const int strange[] = {
	SYS_recvmsg, SYS_sendmsg,  SYS_dup3,   SYS_fchdir, SYS_clone,
	SYS_ioctl,   SYS_execveat, SYS_munmap, SYS_mmap,
};

enum { STRANGE = sizeof(strange) / sizeof(*strange) };

#define STEP(...) ((struct sock_filter)__VA_ARGS__)

static struct sock_fprog refusing(struct sock_filter *code, size_t count,
				  uint32_t action)
{
	unsigned short at = 0;

	code[at++] = STEP(BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
				   offsetof(struct seccomp_data, nr)));
	for (size_t i = 0; i < count; i++) {
		code[at++] = STEP(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					   (uint32_t)strange[i], 0, 1));
		code[at++] = STEP(BPF_STMT(BPF_RET | BPF_K, action));
	}
	code[at++] = STEP(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	return (struct sock_fprog){at, code};
}

static long install(unsigned flags, const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

static void privileges(void)
{
	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void kept(void)
{
	char here[4096];
	const int path = open("file", O_PATH);

	tell_fd("  O_PATH", open("directory", O_PATH | O_CLOEXEC));
	tell("  at a number", fcntl(path, F_DUPFD, 20));
	tell("  dup2", dup2(path, 21));
	tell("  closed", close(path));
	tell("  chdir", chdir("directory"));
	tell("  chdir, absent", chdir("absent"));
	tell("  where",
	     strcmp(strrchr(getcwd(here, sizeof(here)), '/'), "/directory"));
	tell("  back", chdir(".."));
	tell_fd("  open", open("file", O_RDONLY));
	execve("/bin/echo", (char *[]){"echo", "  run", NULL}, NULL);
	tell("  execve", -1);
}

static void each_action(const char *name, uint32_t action, bool by_prctl)
{
	struct sock_filter code[2 * STRANGE + 2];
	/* What is executed maps and unmaps. */
	struct sock_fprog program = refusing(code, STRANGE - 2, action);

	printf("%s\n", name);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		privileges();
		tell("  installed",
		     by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
				      &program)
			      : install(0, &program));
		kept();
		_exit(3);
	}
	tell_child(name, pid);
}

/* The second one is installed under the eyes of the first. */
static void two(void)
{
	struct sock_filter code[2 * STRANGE + 2];
	struct sock_fprog program =
		refusing(code, STRANGE, SECCOMP_RET_KILL_PROCESS);

	privileges();
	for (int i = 0; i < 3; i++)
		tell("  one more", install(SECCOMP_FILTER_FLAG_LOG, &program));
	tell("  chdir", chdir("directory"));
	tell_fd("  O_PATH", open(".", O_PATH));
	tell("  mode", prctl(PR_GET_SECCOMP));
	_exit(0);
}

/* It still does what it is for, whatever the sixth argument. */
static void holds(void)
{
	struct sock_filter code[2 * STRANGE + 2];
	struct sock_fprog program =
		refusing(code, STRANGE - 2, SECCOMP_RET_ERRNO | EXDEV);

	privileges();
	tell("  installed", install(0, &program));
	tell("  fchdir", fchdir(0));
	tell("  dup3", syscall(SYS_dup3, 0, 9, 0, 0, 0, 1UL << 16));
	tell("  recvmsg", syscall(SYS_recvmsg, 0, NULL, 0, 0, 0, ~0UL));
	_exit(0);
}

/* As a filter may count on it, nothing is loaded when it begins. */
static void empty(void)
{
	struct sock_filter code[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {6, code};

	privileges();
	tell("  installed", install(0, &program));
	tell("  close", close(50));
	tell("  chdir", chdir("directory"));
	_exit(0);
}

static void *changes(void *gate)
{
	pthread_mutex_lock(gate);
	tell("  chdir in the other", chdir("directory"));
	tell_fd("  O_PATH in the other", open(".", O_PATH));
	pthread_mutex_unlock(gate);
	return NULL;
}

static void all_threads(void)
{
	static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct sock_filter code[2 * STRANGE + 2];
	struct sock_fprog program =
		refusing(code, STRANGE - 2, SECCOMP_RET_KILL_PROCESS);
	pthread_t thread;

	privileges();
	pthread_mutex_lock(&gate);
	need(-pthread_create(&thread, NULL, changes, &gate));
	tell("  installed", install(SECCOMP_FILTER_FLAG_TSYNC, &program));
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	_exit(0);
}

static void odd(void)
{
	static struct sock_filter code[BPF_MAXINSNS + 1];
	struct sock_fprog program = {1, code};

	for (size_t i = 0; i <= BPF_MAXINSNS; i++)
		code[i] = STEP(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	privileges();
	tell("  nowhere", install(0, (void *)8));
	tell("  null", install(0, NULL));
	tell("  flags", install(0x8000, &program));
	program.filter = (void *)8;
	tell("  code nowhere", install(0, &program));
	program.filter = code;
	program.len = 0;
	tell("  none", install(0, &program));
	program.len = BPF_MAXINSNS + 1;
	tell("  too long", install(0, &program));
	program.len = BPF_MAXINSNS;
	tell("  the longest", install(0, &program));
	program.len = BPF_MAXINSNS - 64;
	tell("  nearly", install(0, &program));
	program.len = 1;
	code[0].code = BPF_LD | BPF_B | BPF_ABS;
	tell("  no such step", install(0, &program));
	code[0] = STEP(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
	tell("  a leap", install(0, &program));
	tell("  prctl, nowhere", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8));
	tell("  prctl, no mode", prctl(PR_SET_SECCOMP, 7, &program));
	tell("  chdir", chdir("directory"));
	_exit(0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	need(close_range(3, ~0U, 0));
	need(mkdir("directory", 0700));
	write_file("file", "text");
	each_action("kills", SECCOMP_RET_KILL_PROCESS, false);
	each_action("kills, by prctl", SECCOMP_RET_KILL_PROCESS, true);
	each_action("kills the thread", SECCOMP_RET_KILL_THREAD, false);
	each_action("traps", SECCOMP_RET_TRAP, false);
	each_action("fails", SECCOMP_RET_ERRNO | EPERM, false);
	each_action("pretends", SECCOMP_RET_ERRNO | 0, false);
	each_action("traces", SECCOMP_RET_TRACE, false);
	in_child("two", two);
	in_child("holds", holds);
	in_child("an empty register", empty);
	in_child("all threads", all_threads);
	in_child("odd ones", odd);
	return 0;
}
