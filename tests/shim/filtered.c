/*
 * A program with a filter of its own, which kills it for a call that it does not
 * make by itself: what its calls come to.
 *
 *   filtered DIRECTORY   in there; afterwards again, under its own filter's eyes
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the code below calls bare, and what another program needs to begin. */
static const int known[] = {
#ifdef __x86_64__
	SYS_access,	     SYS_readlink, SYS_mkdir,
	SYS_rmdir,	     SYS_arch_prctl,
#else
	SYS_readlinkat,	     SYS_mkdirat,  SYS_unlinkat,
#endif
	SYS_openat,	     SYS_read,	   SYS_close,
	SYS_newfstatat,	     SYS_faccessat, SYS_getdents64,
	SYS_getcwd,	     SYS_write,	   SYS_exit_group,
	SYS_brk,	     SYS_mmap,	   SYS_munmap,
	SYS_execve,	     SYS_mprotect, SYS_pread64,
	SYS_set_tid_address, SYS_rseq,	   SYS_set_robust_list,
	SYS_prlimit64,	     SYS_getrandom, SYS_prctl,
	SYS_seccomp,
};

static int keep_to_known(bool by_prctl)
{
	struct sock_filter code[2 + 2 * sizeof(known) / sizeof(*known)] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = code};
	unsigned short at = 1;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)known[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							  SECCOMP_RET_ALLOW);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_KILL_PROCESS);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
			: (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
				       &program);
}

static void say(const char *what, long result)
{
	printf("%s: %ld %d\n", what, result, result < 0 ? errno : 0);
	fflush(stdout);
}

static int kept(void)
{
	char text[4096];
	struct stat status;
	long got = open("there", O_RDONLY | O_CLOEXEC);

	close((int)got);
	say("open", got >= 0);
	say("missing", open("missing", O_RDONLY));
	say("stat", stat("there", &status));
	say("access", access("there", R_OK));
	say("readlink", readlink("link", text, sizeof(text)));
	say("no link", readlink("there", text, sizeof(text)));
	say("getcwd", getcwd(text, sizeof(text)) != NULL);
	say("mkdir", mkdir("made", 0700));
	say("rmdir", rmdir("made"));
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	while ((got = syscall(SYS_getdents64, fd, text, sizeof(text))) > 0)
		;
	say("listed", got);
	close(fd);
	return 0;
}

static int filtered(void)
{
	char *const again[] = {"filtered", "kept", NULL};

	for (int by_prctl = 0; by_prctl < 2; by_prctl++) {
		fflush(stdout);
		pid_t child = fork();
		int status;

		if (child == 0) {
			say("installed", keep_to_known(by_prctl));
			kept();
			if (by_prctl)
				execve("/proc/self/exe", again, environ);
			_exit(3);
		}
		waitpid(child, &status, 0);
		printf("ended with %d\n", status);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	/* Where the filter holds already there is no chdir: the supervisor has a
	 * thread make calls for that. */
	if (strcmp(argv[1], "kept") == 0)
		return kept();
	return chdir(argv[1]) ? 2 : filtered();
}
