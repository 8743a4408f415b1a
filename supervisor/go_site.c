#include "supervisor/go_site.h"

#include <string.h>

/* The program headers come right behind the file's header, as linkers put them,
 * which is how it is seen where the program is loaded. */
enum { HEADERS_AT = sizeof(Elf64_Ehdr) };

static const unsigned char function[GO_SITE_SIZE] = {
	0x49, 0x89, 0xf2,			  /* mov %rsi, %r10 */
	0x48, 0x89, 0xfa,			  /* mov %rdi, %rdx */
	0x48, 0x89, 0xce,			  /* mov %rcx, %rsi */
	0x48, 0x89, 0xdf,			  /* mov %rbx, %rdi */
	0x0f, 0x05,				  /* syscall */
	0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff,	  /* cmp $-4095, %rax */
	0x76, 0x15,				  /* jbe to the last three */
	0x48, 0xf7, 0xd8,			  /* neg %rax */
	0x48, 0x89, 0xc1,			  /* mov %rax, %rcx */
	0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, /* mov $-1, %rax */
	0x48, 0xc7, 0xc3, 0x00, 0x00, 0x00, 0x00, /* mov $0, %rbx */
	0xc3,					  /* ret */
	0x48, 0x89, 0xd3,			  /* mov %rdx, %rbx */
	0x48, 0xc7, 0xc1, 0x00, 0x00, 0x00, 0x00, /* mov $0, %rcx */
	0xc3,					  /* ret */
};

/* How far what the file says is from where it is loaded. */
static bool find_bias(const Elf64_Phdr *headers, size_t count, uint64_t address,
		      uint64_t *bias)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type != PT_LOAD || headers[i].p_offset != 0)
			continue;
		*bias = address - HEADERS_AT - headers[i].p_vaddr;
		return true;
	}
	return false;
}

bool go_program_read(const Elf64_Phdr *headers, size_t count, uint64_t address,
		     uint64_t entry, struct go_program *program)
{
	uint64_t bias;

	*program = (struct go_program){0};
	if (!find_bias(headers, count, address, &bias))
		return false;
	for (size_t i = 0; i < count; i++) {
		const Elf64_Phdr *header = &headers[i];
		uint64_t start = bias + header->p_vaddr;

		if (header->p_type == PT_INTERP)
			program->interpreted = true;
		if (header->p_type == PT_NOTE &&
		    program->note_count < GO_NOTES) {
			program->notes[program->note_count].start = start;
			program->notes[program->note_count++].size =
				header->p_filesz;
		}
		if (header->p_type == PT_LOAD && (header->p_flags & PF_X) &&
		    entry - start < header->p_filesz) {
			program->start = start;
			program->size = header->p_filesz;
		}
	}
	return program->size > 0;
}

/* A note is its name's and its text's size, a type, and both, each filled up to
 * four bytes; elf(5). */
bool go_note_in(const unsigned char *notes, size_t size)
{
	enum { GO_BUILD_ID = 4 };
	Elf64_Nhdr note;

	for (size_t at = 0; size - at >= sizeof(note) + 4;) {
		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz == 4 && note.n_type == GO_BUILD_ID &&
		    memcmp(notes + at + sizeof(note), "Go\0", 4) == 0)
			return true;
		uint64_t next = sizeof(note) +
				((uint64_t)note.n_namesz + 3) / 4 * 4 +
				((uint64_t)note.n_descsz + 3) / 4 * 4;

		if (next > size - at)
			return false;
		at += next;
	}
	return false;
}

bool go_site_is(const unsigned char *code)
{
	return memcmp(code, function, GO_SITE_SIZE) == 0;
}

int64_t go_site_find(const unsigned char *code, size_t size)
{
	for (size_t at = 0; at + GO_SITE_SIZE <= size; at += GO_SITE_ALIGN)
		if (go_site_is(code + at))
			return (int64_t)at;
	return -1;
}

void go_site_jump(uint32_t to, unsigned char jump[GO_JUMP])
{
	/* mov $to, %r11d; jmp *%r11 */
	jump[0] = 0x41;
	jump[1] = 0xbb;
	memcpy(jump + 2, &to, sizeof(to));
	jump[6] = 0x41;
	jump[7] = 0xff;
	jump[8] = 0xe3;
}
