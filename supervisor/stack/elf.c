#include "supervisor/stack/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "supervisor/arch/machine.h"
#include "supervisor/stack/elf_frames.h"

enum {
	SECTIONS_MOST = 4096,
	/* How pointers are written in .eh_frame_hdr: DWARF's names for them. */
	PE_UDATA4 = 0x03,
	PE_SDATA4 = 0x0b,
	PE_DATAREL = 0x30,
	PE_FORMAT = 0x0f,
	BETWEEN_ASKING = 1 << 14,
	/* A label without a size says nothing of what is far behind it. */
	LABEL_REACH = 4096,
};

/* Bytes of the file, or NULL where there are not so many. */
static const unsigned char *part(const struct elf *elf, uint64_t offset,
				 uint64_t length)
{
	if (offset > elf->size || length > elf->size - offset)
		return NULL;
	return elf->bytes + offset;
}

static void add_segment(struct elf *elf, const Elf64_Phdr *segment)
{
	if (segment->p_type == PT_GNU_EH_FRAME)
		elf->eh_frame_hdr = segment->p_vaddr;
	if (segment->p_type != PT_LOAD || elf->load_count == ELF_LOADS ||
	    !part(elf, segment->p_offset, segment->p_filesz))
		return;
	elf->loads[elf->load_count++] = (struct elf_load){
		.address = segment->p_vaddr,
		.offset = segment->p_offset,
		.size = segment->p_filesz,
		.code = (segment->p_flags & PF_X) != 0,
	};
}

int elf_read(const void *bytes, size_t size, struct elf *elf)
{
	Elf64_Ehdr head;

	*elf = (struct elf){.bytes = bytes, .size = size};
	if (size < sizeof(head))
		return -ENOEXEC;
	memcpy(&head, bytes, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_ident[EI_DATA] != ELFDATA2LSB ||
	    head.e_machine != EXEC_MACHINE ||
	    head.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	const unsigned char *at = part(
		elf, head.e_phoff, (uint64_t)head.e_phnum * sizeof(Elf64_Phdr));

	if (!at)
		return -ENOEXEC;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, at + i * sizeof(segment), sizeof(segment));
		add_segment(elf, &segment);
	}
	if (head.e_shentsize == sizeof(Elf64_Shdr) &&
	    head.e_shnum <= SECTIONS_MOST &&
	    part(elf, head.e_shoff,
		 (uint64_t)head.e_shnum * sizeof(Elf64_Shdr))) {
		elf->sections = head.e_shoff;
		elf->section_count = head.e_shnum;
		elf->names = head.e_shstrndx;
	}
	return 0;
}

const unsigned char *elf_at(const struct elf *elf, uint64_t address,
			    size_t length)
{
	for (size_t i = 0; i < elf->load_count; i++) {
		const struct elf_load *load = &elf->loads[i];
		uint64_t within = address - load->address;

		if (address >= load->address && within <= load->size &&
		    length <= load->size - within)
			return part(elf, load->offset + within, length);
	}
	return NULL;
}

int elf_address(const struct elf *elf, uint64_t offset, uint64_t *address)
{
	for (size_t i = 0; i < elf->load_count; i++) {
		const struct elf_load *load = &elf->loads[i];
		/* A mapping begins at the page that the segment begins in. */
		uint64_t start = load->offset & ~UINT64_C(4095);

		/* One page may be in two segments. */
		if (load->code && offset >= start &&
		    offset < load->offset + load->size) {
			*address = load->address - load->offset + offset;
			return 0;
		}
	}
	return -ENOENT;
}

static bool section(const struct elf *elf, uint64_t index, Elf64_Shdr *found)
{
	if (index >= elf->section_count)
		return false;
	memcpy(found, elf->bytes + elf->sections + index * sizeof(*found),
	       sizeof(*found));
	return found->sh_type == SHT_NOBITS ||
	       part(elf, found->sh_offset, found->sh_size);
}

static const char *name_at(const struct elf *elf, const Elf64_Shdr *strings,
			   uint32_t offset)
{
	if (strings->sh_type != SHT_STRTAB || offset >= strings->sh_size)
		return NULL;
	const char *name =
		(const char *)elf->bytes + strings->sh_offset + offset;

	return memchr(name, '\0', strings->sh_size - offset) ? name : NULL;
}

/* A section of a static program, by its name. */
static int make_unwind(const struct elf *elf, struct elf_unwind *unwind)
{
	Elf64_Shdr names, found;

	if (!section(elf, elf->names, &names))
		return -ENOENT;
	for (uint64_t i = 0; i < elf->section_count; i++) {
		if (!section(elf, i, &found) || found.sh_type == SHT_NOBITS)
			continue;
		const char *name = name_at(elf, &names, found.sh_name);

		if (!name || strcmp(name, ".eh_frame") != 0)
			continue;
		*unwind = (struct elf_unwind){.base = found.sh_addr};
		unwind->count =
			elf_frames(elf->bytes + found.sh_offset, found.sh_size,
				   found.sh_addr, &unwind->made);
		return unwind->count > 0 ? 0 : -ENOENT;
	}
	return -ENOENT;
}

int elf_unwind(const struct elf *elf, struct elf_unwind *unwind)
{
	/* version, encodings of: pointer, count, table; pointer; count. */
	const unsigned char *at =
		elf->eh_frame_hdr ? elf_at(elf, elf->eh_frame_hdr, 12) : NULL;
	uint32_t count;

	if (!at)
		return make_unwind(elf, unwind);
	if (at[0] != 1 || (at[1] & PE_FORMAT) != PE_SDATA4 ||
	    at[2] != PE_UDATA4 || at[3] != (PE_DATAREL | PE_SDATA4))
		return -ENOENT;
	memcpy(&count, at + 8, sizeof(count));
	if (count == 0 ||
	    !elf_at(elf, elf->eh_frame_hdr + 12, (size_t)count * 8))
		return -ENOENT;
	*unwind = (struct elf_unwind){
		.base = elf->eh_frame_hdr,
		.table = elf->eh_frame_hdr + 12,
		.count = count,
	};
	return 0;
}

/* -------------------------------------------------------------- symbols -- */

/* The section of symbols to use: all of them rather than the exported. */
static bool find_symbols(const struct elf *elf, Elf64_Shdr *symbols)
{
	bool found = false;

	for (uint64_t i = 0; i < elf->section_count; i++) {
		Elf64_Shdr candidate;

		if (!section(elf, i, &candidate) ||
		    (candidate.sh_type != SHT_SYMTAB &&
		     (found || candidate.sh_type != SHT_DYNSYM)))
			continue;
		*symbols = candidate;
		found = true;
		if (candidate.sh_type == SHT_SYMTAB)
			break;
	}
	return found;
}

static void consider(const struct elf *elf, const Elf64_Shdr *strings,
		     const Elf64_Sym *symbol, struct elf_symbol *wanted)
{
	uint64_t within = wanted->address - symbol->st_value;

	if (symbol->st_value > wanted->address ||
	    within >= (symbol->st_size ? symbol->st_size : LABEL_REACH) ||
	    (wanted->name && symbol->st_value < wanted->start) ||
	    /* Of two names the first counts, but one with a size first. */
	    (wanted->name && symbol->st_value == wanted->start &&
	     (wanted->size > 0 || symbol->st_size == 0)))
		return;
	const char *name = name_at(elf, strings, symbol->st_name);

	if (!name || !name[0])
		return;
	wanted->name = name;
	wanted->start = symbol->st_value;
	wanted->size = symbol->st_size;
}

void elf_symbols(const struct elf *elf, struct elf_symbol *wanted, size_t count,
		 bool (*enough)(void))
{
	Elf64_Shdr symbols, strings;

	if (!find_symbols(elf, &symbols) ||
	    !section(elf, symbols.sh_link, &strings))
		return;
	for (uint64_t i = 0; i < symbols.sh_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym symbol;

		if (i % BETWEEN_ASKING == BETWEEN_ASKING - 1 && enough())
			return;
		memcpy(&symbol,
		       elf->bytes + symbols.sh_offset + i * sizeof(symbol),
		       sizeof(symbol));
		unsigned type = ELF64_ST_TYPE(symbol.st_info);

		/* Assembler code often leaves its labels without a type. */
		if (symbol.st_shndx == SHN_UNDEF ||
		    (type != STT_FUNC && type != STT_GNU_IFUNC &&
		     (type != STT_NOTYPE || symbol.st_size == 0)))
			continue;
		for (size_t j = 0; j < count; j++)
			consider(elf, &strings, &symbol, &wanted[j]);
	}
}
