#include "supervisor/calls/loader.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DYNAMIC = 256, MOST_NAME = 64 };

static bool read_at(const struct loader_file *file, void *to, size_t size,
		    uint64_t at)
{
	if (at <= file->head_length && size <= file->head_length - at) {
		memcpy(to, file->head + at, size);
		return true;
	}
	return pread(file->fd, to, size, (off_t)at) == (ssize_t)size;
}

static int read_header(const struct loader_file *file, Elf64_Ehdr *header)
{
	return read_at(file, header, sizeof(*header), 0) ? 0 : -ENOEXEC;
}

static int read_segment(const struct loader_file *file,
			const Elf64_Ehdr *header, unsigned index,
			Elf64_Phdr *segment)
{
	uint64_t at = header->e_phoff + index * sizeof(*segment);

	return read_at(file, segment, sizeof(*segment), at) ? 0 : -ENOEXEC;
}

int loader_named(const struct loader_file *file, char path[PATH_MAX])
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (read_header(file, &header))
		return -ENOEXEC;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (read_segment(file, &header, i, &segment))
			return -ENOEXEC;
		if (segment.p_type != PT_INTERP)
			continue;
		size_t size = segment.p_filesz;

		if (size < 2 || size > PATH_MAX ||
		    !read_at(file, path, size, segment.p_offset) ||
		    path[size - 1] != '\0')
			return -ENOEXEC;
		return 1;
	}
	return 0;
}

static bool is_loader_name(const char *name)
{
	static const char *const starts[] = {"ld-",	"ld.so",     "ld64.so",
					     "libc.so", "libc.musl", "ld-musl"};
	const char *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* Where an address of the image lies in the file, or -1. */
static off_t offset_of(const struct loader_file *file, const Elf64_Ehdr *header,
		       uint64_t address)
{
	Elf64_Phdr segment;

	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (read_segment(file, header, i, &segment) == 0 &&
		    segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
		    address - segment.p_vaddr < segment.p_filesz)
			return (off_t)(segment.p_offset + address -
				       segment.p_vaddr);
	}
	return -1;
}

struct dynamic {
	uint64_t flags_1, strings, soname;
	bool has_soname;
};

static void read_dynamic(const struct loader_file *file,
			 const Elf64_Phdr *segment, struct dynamic *dynamic)
{
	Elf64_Dyn list[MOST_DYNAMIC];
	ssize_t got =
		pread(file->fd, list, sizeof(list), (off_t)segment->p_offset);

	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*list); i++) {
		if (list[i].d_tag == DT_NULL)
			break;
		if (list[i].d_tag == DT_FLAGS_1)
			dynamic->flags_1 = list[i].d_un.d_val;
		else if (list[i].d_tag == DT_STRTAB)
			dynamic->strings = list[i].d_un.d_ptr;
		else if (list[i].d_tag == DT_SONAME) {
			dynamic->soname = list[i].d_un.d_val;
			dynamic->has_soname = true;
		}
	}
}

enum loader_kind loader_kind(const struct loader_file *file, const char *path)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	struct dynamic dynamic = {0};
	char name[MOST_NAME] = "";
	bool found = false;

	if (is_loader_name(path))
		return LOADER_SURE;
	if (read_header(file, &header) || header.e_type != ET_DYN)
		return LOADER_NOT;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (read_segment(file, &header, i, &segment) ||
		    segment.p_type == PT_INTERP)
			return LOADER_NOT;
		if (segment.p_type == PT_DYNAMIC) {
			read_dynamic(file, &segment, &dynamic);
			found = true;
		}
	}
	if (!found || dynamic.flags_1 & DF_1_PIE)
		return LOADER_NOT;
	off_t at = dynamic.has_soname
			   ? offset_of(file, &header,
				       dynamic.strings + dynamic.soname)
			   : -1;

	if (at >= 0 && pread(file->fd, name, sizeof(name) - 1, at) > 0 &&
	    is_loader_name(name))
		return LOADER_SURE;
	return LOADER_MAYBE;
}
