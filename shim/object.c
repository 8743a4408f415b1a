#include "shim/object.h"

#include <elf.h>

enum { MOST_HEADERS = 32 };

static bool begins(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return false;
	return true;
}

bool shim_object_named(const char *path)
{
	/* Texts and not pointers, which the loader would have to relocate. */
	static const char names[][12] = {"libc.so.6", "libc-2.", "ld-linux",
					 "ld-2.", "libpthread"};
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (begins(name, names[i]))
			return true;
	return false;
}

/* Notes are a name and a text, each filled up to four bytes; elf(5). */
static bool find_id(const unsigned char *notes, uint64_t size,
		    unsigned char id[SHIM_ID])
{
	for (uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
		const Elf64_Nhdr *note = (const void *)(notes + at);
		uint64_t text = at + sizeof(*note) +
				((uint64_t)note->n_namesz + 3) / 4 * 4;

		at = text + ((uint64_t)note->n_descsz + 3) / 4 * 4;
		if (at > size)
			return false;
		if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 ||
		    note->n_descsz != SHIM_ID)
			continue;
		for (int i = 0; i < SHIM_ID; i++)
			id[i] = notes[text + (uint64_t)i];
		return true;
	}
	return false;
}

bool shim_object_look(const unsigned char *base, struct shim_code *code,
		      unsigned char id[SHIM_ID])
{
	const Elf64_Ehdr *file = (const void *)base;
	bool known = false;

	*code = (struct shim_code){.base = base};
	if (!begins((const char *)base, ELFMAG) ||
	    file->e_ident[EI_CLASS] != ELFCLASS64 || file->e_type != ET_DYN ||
	    file->e_phentsize != sizeof(Elf64_Phdr) ||
	    file->e_phnum > MOST_HEADERS || file->e_phoff > 4096)
		return false;
	const Elf64_Phdr *headers = (const void *)(base + file->e_phoff);

	for (int i = 0; i < file->e_phnum; i++) {
		const Elf64_Phdr *header = &headers[i];

		if (header->p_vaddr + header->p_memsz > INT32_MAX)
			return false;
		if (header->p_type == PT_LOAD && (header->p_flags & PF_X)) {
			code->start = (uint32_t)header->p_vaddr;
			code->end =
				(uint32_t)(header->p_vaddr + header->p_filesz);
		} else if (header->p_type == PT_GNU_EH_FRAME) {
			code->frames = (uint32_t)header->p_vaddr;
			code->frames_size = (uint32_t)header->p_memsz;
		} else if (header->p_type == PT_NOTE) {
			known = known || find_id(base + header->p_vaddr,
						 header->p_memsz, id);
		}
	}
	for (int i = 0; i < file->e_phnum; i++)
		if (headers[i].p_type == PT_LOAD &&
		    code->frames >= headers[i].p_vaddr &&
		    code->frames < headers[i].p_vaddr + headers[i].p_filesz)
			code->limit = (uint32_t)(headers[i].p_vaddr +
						 headers[i].p_filesz);
	return known && code->end > code->start && code->limit;
}
