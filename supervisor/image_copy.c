#include "supervisor/image_copy.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/gate.h"
#include "shim/go.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum {
	PAGE = 4096,
	GATE_CODE = 0xc3050f, /* syscall; ret */
	COPY_LOWEST = GO_STACKS + GO_STACK_COUNT * GO_STACK_SIZE,
};

/* The code, and all that it reads: the first segment, from address 0 on. */
static size_t segment_size(const char *file, size_t size)
{
	const Elf64_Ehdr *header = (const void *)file;
	const Elf64_Phdr *first = (const void *)(file + sizeof(*header));

	if (size < sizeof(*header) + sizeof(*first) ||
	    header->e_machine != EM_X86_64 ||
	    header->e_phoff != sizeof(*header) || first->p_type != PT_LOAD ||
	    first->p_offset || first->p_vaddr || !(first->p_flags & PF_X) ||
	    first->p_filesz > size ||
	    first->p_filesz > GATE_ADDRESS - COPY_LOWEST)
		return 0;
	return first->p_filesz;
}

/* What only the shim's own beginning asks for stays empty, and so takes no
 * memory: what unwinders read, and what it knows of libc. */
static void empty(unsigned char *copy, size_t used)
{
	const Elf64_Ehdr *file = (const void *)copy;
	const Elf64_Phdr *headers = (const void *)(copy + sizeof(*file));
	unsigned char *at = memmem(copy, used, SHIM_MAGIC, sizeof(SHIM_MAGIC));
	size_t unwind = used;

	if (at && used - (size_t)(at - copy) >= sizeof(struct shim_config))
		memset(at + offsetof(struct shim_config, objects), 0,
		       sizeof(((struct shim_config *)0)->objects));
	for (size_t i = 0; i < file->e_phnum &&
			   (i + 1) * sizeof(*headers) + sizeof(*file) <= used;
	     i++)
		if (headers[i].p_type == PT_GNU_EH_FRAME &&
		    headers[i].p_vaddr < used)
			unwind = headers[i].p_vaddr;
	memset(copy + unwind, 0, used - unwind);
}

bool image_copy_new(struct image_copy *copy, const char *file, size_t size)
{
	const size_t used = segment_size(file, size);
	const size_t room = (used + PAGE - 1) / PAGE * PAGE;
	const uint32_t gate = GATE_CODE;

	*copy = (struct image_copy){
		.start = (uint32_t)(GATE_ADDRESS - room),
		.size = (uint32_t)(room + PAGE),
	};
	copy->bytes = used ? calloc(1, copy->size) : NULL;
	if (!copy->bytes)
		return false;
	memcpy(copy->bytes, file, used);
	empty(copy->bytes, used);
	memcpy(copy->bytes + room, &gate, sizeof(gate));
	return true;
}

void image_copy_free(struct image_copy *copy)
{
	free(copy->bytes);
}

void *image_copy_marked(const struct image_copy *copy, const char *mark,
			size_t size, uint32_t *address)
{
	unsigned char *found =
		memmem(copy->bytes, copy->size, mark, strlen(mark));
	size_t at = found ? (size_t)(found - copy->bytes) : 0;

	if (!found || copy->size - at < size || at % _Alignof(uint64_t))
		return NULL;
	*address = copy->start + (uint32_t)at;
	return found;
}

/* Pages that are empty are so already. */
bool image_copy_write(const struct image_copy *copy, int memory)
{
	static const unsigned char nothing[PAGE];

	for (size_t at = 0, size; at < copy->size; at += size) {
		const unsigned char *from = copy->bytes + at;

		size = 0;
		while (at + size < copy->size &&
		       memcmp(from + size, nothing, PAGE) != 0)
			size += PAGE;
		if (size && pwrite(memory, from, size,
				   (off_t)(copy->start + at)) != (ssize_t)size)
			return false;
		size += size ? 0 : PAGE;
	}
	return true;
}

int image_place_map(struct injection *injection, struct image_place *place)
{
	const uint64_t arguments[6] = {
		place->at, place->size, place->protection,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		~UINT64_C(0)};
	int64_t result = 0;
	int error = inject_call(injection, &result, SYS_mmap, arguments);

	place->mapped = !error && result == (int64_t)place->at;
	return error;
}

int image_place_unmap(struct injection *injection,
		      const struct image_place *place)
{
	const uint64_t arguments[6] = {place->at, place->size};
	int64_t result;

	return place->mapped
		       ? inject_call(injection, &result, SYS_munmap, arguments)
		       : 0;
}
