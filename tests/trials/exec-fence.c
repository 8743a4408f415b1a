/*
 * Claim: Landlock's READ_FILE stops the kernel's own open at an exec (EACCES),
 * yet a program can be run behind such a fence: the notified execve is made
 * anew as execveat on a sealed memfd that ADDFD put in, and a script as its
 * interpreter with the script as an argument, whose open is then served.
 * /proc/self/exe shows the memfd, so a supervisor has to serve that name.
 */
#include "inject.h"
#include <linux/landlock.h>
#include <sys/stat.h>

#if defined(__x86_64__) && defined(SYS_landlock_create_ruleset)

enum { REFUSED, MEMFD, SCRIPT, KINDS };

static const char *const kinds[] = {"left alone", "as a memfd", "a script"};

/* Where the answer of each kind is read: what the program printed. */
static const char *const expected[] = {"", "/memfd:readlink (deleted)\n",
				       "it ran\n"};

static char script[64];

/* Reading is for the libraries alone. */
static int fence(void)
{
	static const char *const readable[] = {"/usr/lib", "/usr/lib64",
					       "/etc/ld.so.cache"};
	struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules,
			      sizeof(rules.handled_access_fs), 0);

	for (size_t i = 0; fd >= 0 && i < 3; i++) {
		struct landlock_path_beneath_attr beneath = {
			.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
			.parent_fd = open(readable[i], O_PATH | O_CLOEXEC)};

		if (beneath.parent_fd >= 0)
			syscall(SYS_landlock_add_rule, fd,
				LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
		close(beneath.parent_fd);
	}
	return fd < 0 ? -1 : (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

static int program(void *argument)
{
	int kind = *(int *)argument;

	if (fence())
		return TRIAL_LACKS;
	if (kind == SCRIPT)
		execl(script, "x", (char *)NULL);
	else
		execl("/usr/bin/readlink", "readlink", "/proc/self/exe",
		      (char *)NULL);
	return errno;
}

/* A sealed copy of a program, or -errno. */
static int sealed(const char *path, const char *name)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char block[1 << 16];
	ssize_t n;

	CLAIM(from >= 0 && to >= 0);
	while ((n = read(from, block, sizeof(block))) > 0)
		CLAIM(write(to, block, (size_t)n) == n);
	close(from);
	CLAIM(!fcntl(to, F_ADD_SEALS,
		     F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
	return to;
}

/* What the new call's pointers lead to, below the stack's red zone. */
struct words {
	uint64_t argv[3];
	char empty[8], first[16], second[64];
};

/* Make the execve anew as execveat(fd, "", argv); at EVENT_EXEC let it go. */
static void run_sealed(struct trial *t, const struct seccomp_notif *call,
		       int fd, const char *script_path)
{
	struct user_regs_struct r;
	struct words w = {.first = "sh"};
	struct inject in;
	uint64_t at, argv = call->data.args[1];
	char name[64], exe[64] = "";
	int number, status;

	number = trial_addfd(t->listener, call->id, fd, 0, O_CLOEXEC);
	CLAIM(number >= 0);
	CLAIM(!inject_begin(&in, t->listener, call->id, (pid_t)call->pid));
	at = (in.regs.rsp - 128 - sizeof(w)) & ~UINT64_C(15);
	if (script_path) {
		snprintf(w.second, sizeof(w.second), "%s", script_path);
		w.argv[0] = at + offsetof(struct words, first);
		w.argv[1] = at + offsetof(struct words, second);
		argv = at;
	}
	CLAIM(!trial_poke(in.tid, at, &w, sizeof(w)));
	CLAIM(!ptrace(PTRACE_SETOPTIONS, in.tid, 0,
		      PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
	r = in.regs;
	r.rip -= 2;
	r.rax = SYS_execveat;
	r.orig_rax = (uint64_t)-1;
	r.rdi = (unsigned int)number;
	r.rsi = at + offsetof(struct words, empty);
	r.rdx = argv;
	r.r10 = call->data.args[2];
	r.r8 = AT_EMPTY_PATH;
	CLAIM(!ptrace(PTRACE_SETREGS, in.tid, 0, &r));
	CLAIM(!ptrace(PTRACE_CONT, in.tid, 0, 0));
	CLAIM(waitpid(in.tid, &status, __WALL) == in.tid);
	CLAIM(status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
	snprintf(name, sizeof(name), "/proc/%d/exe", in.tid);
	CLAIM(readlink(name, exe, sizeof(exe) - 1) > 0);
	printf("%-12s /proc/PID/exe is \"%s\"\n", "", exe);
	/* A mask outlives an exec: put back the program's own. */
	CLAIM(!ptrace(PTRACE_SETSIGMASK, in.tid, sizeof(in.mask), &in.mask));
	CLAIM(!ptrace(PTRACE_DETACH, in.tid, 0, 0));
}

static void serve_open(struct trial *t, const struct seccomp_notif *call)
{
	char path[256];
	int fd;

	CLAIM(!trial_string((pid_t)call->pid, call->data.args[1], path,
			    sizeof(path)));
	fd = strcmp(path, script) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		trial_continue(t->listener, call->id);
		return;
	}
	CLAIM(trial_addfd(t->listener, call->id, fd, SECCOMP_ADDFD_FLAG_SEND,
			  0) >= 0);
	close(fd);
}

static void run(int kind)
{
	static const int trapped[] = {SYS_execve, SYS_openat};
	struct seccomp_notif call;
	int out[2], saved = dup(1), status;
	char text[128] = "";
	struct trial t;

	CLAIM(pipe2(out, O_CLOEXEC) == 0);
	dup2(out[1], 1);
	t = trial_start(program, &kind, trapped, 2);
	dup2(saved, 1);
	close(out[1]);
	while (trial_receive(t.listener, &call)) {
		if (call.data.nr == SYS_openat) {
			serve_open(&t, &call);
		} else if (kind == REFUSED) {
			trial_continue(t.listener, call.id);
		} else {
			int fd = kind == MEMFD ? sealed("/usr/bin/readlink",
							"readlink")
					       : sealed("/bin/sh", "sh");

			run_sealed(&t, &call, fd,
				   kind == SCRIPT ? script : NULL);
			close(fd);
		}
	}
	status = trial_reap(t.pid);
	close(t.listener);
	NEED(status != TRIAL_LACKS);
	CLAIM(read(out[0], text, sizeof(text) - 1) >= 0);
	close(out[0]);
	close(saved);
	printf("%-12s status %d, printed \"%.*s\"\n", kinds[kind], status,
	       (int)strcspn(text, "\n"), text);
	CLAIM(status == (kind == REFUSED ? EACCES : 0));
	CLAIM(!strcmp(text, expected[kind]));
}

int main(void)
{
	static const char body[] = "#!/bin/sh\necho it ran\n";
	int fd;

	trial_begin(20);
	snprintf(script, sizeof(script), "/tmp/trial-XXXXXX");
	fd = mkstemp(script);
	CLAIM(fd >= 0 && write(fd, body, sizeof(body) - 1) > 0);
	CLAIM(!fchmod(fd, 0755));
	close(fd);
	for (int kind = 0; kind < KINDS; kind++)
		run(kind);
	unlink(script);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64 with Landlock");
}
#endif
