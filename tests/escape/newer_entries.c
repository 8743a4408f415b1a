/*
 * Entries into the kernel other than the one that programs take: of 32 bits, of
 * x32, and by numbers that are the same to the kernel.
 */
#include "tests/escape/newer.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__

/* What code for i386 can see: below 4 GB. */
static char *low(void)
{
	char *page = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

bool int80_opens(void)
{
	char *page = low();
	long result = 295; /* openat */

	if (!page)
		return false;
	strcpy(page, "secret");
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"(directory), "c"(page), "d"(O_RDONLY), "S"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return has_secret((int)result);
}

/* Into a code segment of 32 bits, with the entry's instruction there, and back.
 */
static bool compat_opens(const char *entry, size_t size)
{
	char *page = low();
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) there = {.selector = 0x23};
	/* lret: to what is pushed below */
	static const char back[] = "\xcb";
	long result = 295;

	if (!page)
		return false;
	strcpy(page, "secret");
	memcpy(page + 64, entry, size);
	memcpy(page + 64 + size, back, sizeof(back));
	there.offset = (uint32_t)(uintptr_t)(page + 64);
	/* A stack that it can see, with the way back: a far pointer of 4 + 4.
	 */
	uint32_t *stack = (uint32_t *)(void *)(page + 32768);
	char *behind = page + 256;

	/* jmp *%r15, 64 bits again */
	memcpy(behind, "\x41\xff\xe7", 3);
	stack[0] = (uint32_t)(uintptr_t)behind;
	stack[1] = 0x33;
	__asm__ volatile("mov %%rsp, %%r14\n\t"
			 "lea 1f(%%rip), %%r15\n\t"
			 "mov %[stack], %%rsp\n\t"
			 "ljmp *(%[there])\n"
			 "1: mov %%r14, %%rsp"
			 : "+a"(result)
			 : [stack] "D"(stack), [there] "r"(&there),
			   "b"(directory), "c"(page), "d"(O_RDONLY), "S"(0)
			 : "memory", "r8", "r9", "r10", "r11", "r14", "r15",
			   "cc");
	return has_secret((int)result);
}

bool compat_int80(void)
{
	return compat_opens("\xcd\x80", 2);
}

bool compat_syscall(void)
{
	return compat_opens("\x0f\x05", 2);
}

bool compat_sysenter(void)
{
	return compat_opens("\x0f\x34", 2);
}

bool x32_opens(void)
{
	return has_secret((int)syscall(0x40000000L + SYS_openat, directory,
				       "secret", O_RDONLY));
}

bool sets_segments(void)
{
	char table[16];

	return syscall(SYS_modify_ldt, 0, table, sizeof(table)) >= 0;
}

#endif

/* The kernel drops the upper half of a number. */
bool high_number(void)
{
	return has_secret((int)syscall((1L << 32) + SYS_openat, directory,
				       "secret", O_RDONLY));
}
