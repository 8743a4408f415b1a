/*
 * Stacks that were made to hurt whoever unwinds them. Each case ends in a
 * refused call; the argument is a file that may not be opened, then a directory
 * to work in, then the case.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static char copy[4096];

/* open(path) by code of ours, on a stack of ours. */
static long call_on(void *code, uint64_t *stack)
{
	long result;

	__asm__ volatile("mov %%rsp, %%r12\n\t"
			 "mov %[stack], %%rsp\n\t"
			 "mov %[stack], %%rbp\n\t"
			 "call *%[code]\n\t"
			 "mov %%r12, %%rsp\n\t"
			 : "=a"(result)
			 : "a"(SYS_openat), "D"(AT_FDCWD), "S"(path),
			   "d"(O_RDONLY), [stack] "r"(stack), [code] "r"(code)
			 : "rcx", "r11", "r12", "rbp", "memory");
	return result;
}

/* syscall; ret */
static const unsigned char stub[] = {0x0f, 0x05, 0xc3};

static uint64_t *stack_of(uint64_t word)
{
	enum { WORDS = 64 * 1024 };
	uint64_t *stack = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < WORDS; i++)
		stack[i] = word ? word : (uint64_t)&stack[i];
	return stack + 16;
}

static void *anonymous_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(code, stub, sizeof(stub));
	return code;
}

/* A copy of this program, changed by `change`, its code mapped. */
static void *mapped_copy(void (*change)(unsigned char *bytes, size_t size),
			 unsigned char **file)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0700);
	struct stat status;

	fstat(from, &status);
	size_t size = (size_t)status.st_size;
	unsigned char *bytes = malloc(size);

	if (read(from, bytes, size) != (ssize_t)size)
		exit(2);
	if (change)
		change(bytes, size);
	/* In the middle of its code, on a page of its own. */
	const Elf64_Ehdr *head = (const void *)bytes;
	const Elf64_Phdr *segments = (const void *)(bytes + head->e_phoff);
	size_t at = 0;

	for (int i = 0; i < head->e_phnum; i++)
		if (segments[i].p_flags & PF_X && segments[i].p_type == PT_LOAD)
			at = segments[i].p_offset & ~(size_t)4095;
	memcpy(bytes + at + 64, stub, sizeof(stub));
	if (write(to, bytes, size) != (ssize_t)size)
		exit(2);
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE, to, (off_t)at);

	close(from);
	if (file)
		*file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, to,
			     0);
	else
		close(to);
	free(bytes);
	return code == MAP_FAILED ? NULL : code + 64;
}

static unsigned seed;

/* Program headers stay as they are: what they lead to does not. */
static void noise(unsigned char *bytes, size_t size)
{
	for (unsigned i = 0; i < 2000; i++) {
		size_t at = 1024 + (size_t)rand_r(&seed) % (size - 1024);

		bytes[at] = (unsigned char)rand_r(&seed);
	}
}

static void noisy_headers(unsigned char *bytes, size_t size)
{
	noise(bytes, size);
	for (unsigned i = 0; i < 8; i++)
		bytes[16 + (size_t)rand_r(&seed) % 600] =
			(unsigned char)rand_r(&seed);
}

/* Sections of the greatest sizes. */
static void huge_sections(unsigned char *bytes, size_t size)
{
	Elf64_Ehdr *head = (void *)bytes;

	(void)size;
	head->e_shnum = 0xfffe;
	Elf64_Phdr *segments = (void *)(bytes + head->e_phoff);

	for (int i = 0; i < head->e_phnum; i++)
		if (!(segments[i].p_flags & PF_X))
			segments[i].p_filesz = ~UINT64_C(0) - 8;
}

static int run_case(const char *name)
{
	void *code = NULL;
	uint64_t *stack = stack_of(0);

	if (strcmp(name, "loop") == 0) {
		/* Each frame pointer leads to itself. */
		code = anonymous_code();
	} else if (strcmp(name, "code") == 0) {
		/* Every word is an address of code. */
		code = anonymous_code();
		stack = stack_of((uint64_t)(uintptr_t)code);
	} else if (strcmp(name, "fifo") == 0) {
		code = mapped_copy(NULL, NULL);
		unlink(copy);
		if (mkfifo(copy, 0600))
			return 2;
	} else if (strcmp(name, "link") == 0) {
		code = mapped_copy(NULL, NULL);
		unlink(copy);
		if (symlink("/dev/zero", copy))
			return 2;
	} else if (strcmp(name, "truncated") == 0) {
		code = mapped_copy(NULL, NULL);
		/* The mapped page of code stays; the rest is gone. */
		if (truncate(copy, 8192))
			return 2;
	} else if (strcmp(name, "sections") == 0) {
		code = mapped_copy(huge_sections, NULL);
	} else {
		seed = (unsigned)atoi(name);
		code = mapped_copy(seed % 2 ? noise : noisy_headers, NULL);
	}
	if (!code)
		return 0; /* so broken that nothing of it can be run */
	long result = call_on(code, stack);

	return result == -EACCES ? 0 : 1;
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (argc < 4)
		return 2;
	path = argv[1];
	snprintf(copy, sizeof(copy), "%s/copy", argv[2]);
	for (int i = 3; i < argc; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit(run_case(argv[i]));
		/* Broken code may well crash: its own matter. */
		if (waitpid(child, &status, 0) != child ||
		    (WIFEXITED(status) && WEXITSTATUS(status) != 0) ||
		    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
			printf("case %s: status %#x\n", argv[i], status);
			bad = 1;
		}
		unlink(copy);
	}
	return bad;
}
