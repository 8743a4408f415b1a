#include "tests/escape/gate_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "shim/gate.h"

#ifdef __x86_64__
static const unsigned char page[] = {0x0f, 0x05, 0xc3};
__asm__(".globl gate\n"
	"gate:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	mov $0x1f0000, %r11\n"
	"	jmp *%r11\n");
#else
static const unsigned char page[] = {0x01, 0, 0, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
__asm__(".globl gate\n"
	"gate:\n"
	"	mov x8, x0\n"
	"	mov x0, x1\n"
	"	mov x1, x2\n"
	"	mov x2, x3\n"
	"	mov x3, x4\n"
	"	mov x4, x5\n"
	"	mov x5, x6\n"
	"	mov x9, #0x1f0000\n"
	"	br x9\n");
#endif
_Static_assert(GATE_ADDRESS == 0x1f0000, "as the code above has it");

int gate_map(void)
{
	void *at =
		mmap((void *)GATE_ADDRESS, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	/* With the shim it is there already. */
	if (at == (void *)GATE_ADDRESS) {
		memcpy(at, page, sizeof(page));
		mprotect(at, 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache(at, (char *)at + sizeof(page));
	} else if (errno != EEXIST) {
		return -1;
	}
	return 0;
}

const char *in(const char *directory, const char *name)
{
	static char room[8][4200];
	static unsigned at;
	char *path = room[at++ % 8];

	snprintf(path, sizeof(room[0]), "%s/%s", directory, name);
	return path;
}

long open_at_gate(const char *path, int flags)
{
	return gate(SYS_openat, AT_FDCWD, path, flags, 0600, 0);
}
