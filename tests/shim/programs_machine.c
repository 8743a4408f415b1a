/* Registers, stacks of one's own, little stack. See programs.c. */
#include "tests/shim/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* -- registers ------------------------------------------------------------ */

#ifdef __x86_64__
/* access(2)'s function in libc is its call and little else. */
int programs_registers(void)
{
	static const char path[] = "there";
	uint64_t before[13], after[13];
	unsigned char vectors[2][16 * 16], *from = vectors[0], *to = vectors[1];
	long result;

	for (int i = 0; i < 13; i++)
		before[i] = 0x1111111111111111UL * (unsigned)(i + 1);
	before[4] = (uint64_t)(uintptr_t)path; /* rdi */
	before[5] = R_OK;		       /* rsi */
	for (int i = 0; i < 256; i++)
		from[i] = (unsigned char)i;
	memset(after, 0, sizeof(after));
	void *context[] = {before, after, from, to, (void *)(uintptr_t)access};
	/* clang-format off */
	__asm__ volatile(
		"push %%rbp\n\tpush %%rbx\n\tpush %%rax\n\t"
		"mov 16(%%rax), %%rcx\n\t"
		"movdqu 0(%%rcx), %%xmm0\n\tmovdqu 16(%%rcx), %%xmm1\n\t"
		"movdqu 32(%%rcx), %%xmm2\n\tmovdqu 112(%%rcx), %%xmm7\n\t"
		"movdqu 240(%%rcx), %%xmm15\n\t"
		"mov 0(%%rax), %%rcx\n\t"
		"mov 0(%%rcx), %%rbx\n\tmov 8(%%rcx), %%rbp\n\t"
		"mov 24(%%rcx), %%rdx\n\tmov 32(%%rcx), %%rdi\n\t"
		"mov 40(%%rcx), %%rsi\n\tmov 48(%%rcx), %%r8\n\t"
		"mov 56(%%rcx), %%r9\n\tmov 64(%%rcx), %%r10\n\t"
		"mov 72(%%rcx), %%r12\n\tmov 80(%%rcx), %%r13\n\t"
		"mov 88(%%rcx), %%r14\n\tmov 96(%%rcx), %%r15\n\t"
		"call *32(%%rax)\n\t"
		"mov %%rax, %%r11\n\tmov (%%rsp), %%rcx\n\t"
		"mov 8(%%rcx), %%rax\n\t"
		"mov %%rbx, 0(%%rax)\n\tmov %%rbp, 8(%%rax)\n\t"
		"mov %%rdx, 24(%%rax)\n\tmov %%rdi, 32(%%rax)\n\t"
		"mov %%rsi, 40(%%rax)\n\tmov %%r8, 48(%%rax)\n\t"
		"mov %%r9, 56(%%rax)\n\tmov %%r10, 64(%%rax)\n\t"
		"mov %%r12, 72(%%rax)\n\tmov %%r13, 80(%%rax)\n\t"
		"mov %%r14, 88(%%rax)\n\tmov %%r15, 96(%%rax)\n\t"
		"mov 24(%%rcx), %%rax\n\t"
		"movdqu %%xmm0, 0(%%rax)\n\tmovdqu %%xmm1, 16(%%rax)\n\t"
		"movdqu %%xmm2, 32(%%rax)\n\tmovdqu %%xmm7, 112(%%rax)\n\t"
		"movdqu %%xmm15, 240(%%rax)\n\t"
		"mov %%r11, %%rax\n\t"
		"add $8, %%rsp\n\tpop %%rbx\n\tpop %%rbp\n\t"
		: "=a"(result)
		: "0"(context)
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm7", "xmm15",
		  "memory", "cc");
	/* clang-format on */
	for (int i = 0; i < 13; i++)
		if (i != 2 && before[i] != after[i])
			printf("register %d was changed\n", i);
	for (int i = 0; i < 256; i++)
		if ((i < 48 || (i >= 112 && i < 128) || i >= 240) &&
		    from[i] != to[i])
			printf("byte %d of the vectors was changed\n", i);
	printf("access: %d\n", (int)result);
	return 0;
}
#else
int programs_registers(void)
{
	return 0;
}
#endif

/* -- a stack of one's own, by syscall(2) ---------------------------------- */

#ifdef __x86_64__
static const char *seen = "nothing";

static void on_another_stack(void)
{
	struct stat status;

	_exit(strcmp(seen, "what was said") == 0 && stat(".", &status) == 0
		      ? 42
		      : 43);
}

int programs_stacks(void)
{
	/* At its top the address to return to. */
	static _Alignas(16) uintptr_t stack[8192];
	int status = 0;

	seen = "what was said";
	for (int with = 0; with < 2; with++) {
		stack[8000] = (uintptr_t)on_another_stack;
		long child = syscall(SYS_clone,
				     with * (CLONE_VM | CLONE_VFORK) | SIGCHLD,
				     &stack[8000], NULL, NULL, NULL);

		if (child < 0 || waitpid((pid_t)child, &status, 0) != child)
			return 1;
		printf("ended with %d\n", status);
	}
	/* Without one, as fork(2). */
	fflush(stdout);
	long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(44);
	waitpid((pid_t)child, &status, 0);
	printf("ended with %d\n", status);
	errno = 0;
	printf("refused: %ld",
	       syscall(SYS_clone, CLONE_SIGHAND, NULL, NULL, NULL, NULL));
	printf(" %d\n", errno);
	return 0;
}
#else
int programs_stacks(void)
{
	return 0;
}
#endif

/* -- little stack --------------------------------------------------------- */

static void tight_calls(void)
{
	static struct stat status;
	static char text[PATH_MAX];

	close(open("there", O_RDONLY));
	close(open("missing", O_RDONLY));
	printf("stat %d", stat("there", &status));
	printf(" access %d", access("missing", R_OK));
	printf(" readlink %zd", readlink("there", text, sizeof(text)));
	printf(" mkdir %d", mkdir("tight", 0700));
	printf(" rmdir %d\n", rmdir("tight"));
}

static void *tight_thread(void *unused)
{
	tight_calls();
	return unused;
}

#ifdef __GLIBC__
static ucontext_t tight_back, tight_there;

static void tight_open(void)
{
	int fd = open("there", O_RDONLY);

	if (fd < 0 || access("missing", R_OK) == 0 || close(fd))
		_exit(1);
	setcontext(&tight_back);
}

/* What interpose(1) says that a call takes, with what the call's own function
 * needs. */
static void tight_there_and_back(char *low)
{
	enum { ROOM = 1300 + 160 };
	volatile bool been = false;

	getcontext(&tight_there);
	tight_there.uc_stack.ss_sp = low + 4096;
	tight_there.uc_stack.ss_size = ROOM;
	makecontext(&tight_there, tight_open, 0);
	getcontext(&tight_back);
	if (!been) {
		been = true;
		setcontext(&tight_there);
	}
}
#else
/* musl has no contexts. */
static void tight_there_and_back(char *low)
{
	(void)low;
}
#endif

/* The smallest stack that a thread may have, and less. */
int programs_tight(void)
{
	char *low =
		mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	if (low == MAP_FAILED ||
	    mprotect(low + 4096, 4096, PROT_READ | PROT_WRITE) ||
	    pthread_attr_setstacksize(&small,
				      (size_t)sysconf(_SC_THREAD_STACK_MIN)) ||
	    pthread_create(&thread, &small, tight_thread, NULL) ||
	    pthread_join(thread, NULL))
		return 1;
	tight_there_and_back(low);
	puts("with little stack");
	return 0;
}
