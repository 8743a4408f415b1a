#include "supervisor/stack/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct module {
	bool tried, usable;
	struct elf elf;
	struct elf_unwind unwind; /* count 0: none */
};

/* One process unwinds one stack, so this is that one's. */
static struct {
	const struct snapshot_header *snapshot;
	const int *files;
	size_t file_count;
	struct module modules[SNAPSHOT_FILES];
} its;

void memory_use(const struct snapshot_header *snapshot, const int *files,
		size_t file_count)
{
	its.snapshot = snapshot;
	its.files = files;
	its.file_count = file_count;
}

const struct snapshot_map *memory_map(uint64_t address)
{
	const struct snapshot_map *maps = (const void *)(its.snapshot + 1);
	size_t low = 0, high = its.snapshot->map_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address >= maps[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < its.snapshot->map_count && address >= maps[low].start
		       ? &maps[low]
		       : NULL;
}

const char *memory_name(const struct snapshot_map *map)
{
	return map->name ? (const char *)its.snapshot + its.snapshot->names_at +
				   map->name
			 : "";
}

const struct elf *memory_elf(const struct snapshot_map *map)
{
	struct stat status;

	if (map->file < 0 || (size_t)map->file >= its.file_count)
		return NULL;
	struct module *module = &its.modules[map->file];

	if (!module->tried) {
		module->tried = true;
		if (fstat(its.files[map->file], &status) || status.st_size <= 0)
			return NULL;
		void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ,
				   MAP_PRIVATE, its.files[map->file], 0);

		module->usable = bytes != MAP_FAILED &&
				 elf_read(bytes, (size_t)status.st_size,
					  &module->elf) == 0;
		if (module->usable)
			(void)elf_unwind(&module->elf, &module->unwind);
	}
	return module->usable ? &module->elf : NULL;
}

bool memory_moved(const struct snapshot_map *map, const struct elf *elf,
		  uint64_t *by)
{
	uint64_t address;

	if (elf_address(elf, map->offset, &address))
		return false;
	*by = map->start - address;
	return true;
}

const unsigned char *memory_file_bytes(uint64_t address, size_t length)
{
	const struct snapshot_map *maps = (const void *)(its.snapshot + 1);

	for (size_t i = 0; i < its.snapshot->map_count; i++) {
		const struct elf *elf =
			maps[i].file >= 0 ? memory_elf(&maps[i]) : NULL;
		uint64_t by;

		if (!elf || !memory_moved(&maps[i], elf, &by))
			continue;
		const unsigned char *at = elf_at(elf, address - by, length);

		if (at)
			return at;
	}
	return NULL;
}

const struct elf_unwind *memory_unwind(const struct snapshot_map *map)
{
	const struct elf_unwind *table = &its.modules[map->file].unwind;

	return table->count ? table : NULL;
}

/* Tables that were made have addresses that no program's memory has. */
uint64_t memory_made(const struct snapshot_map *map)
{
	return (UINT64_C(0xfff) << 52) + ((uint64_t)(unsigned)map->file << 40);
}

static const unsigned char *made_bytes(uint64_t address)
{
	uint64_t file = address >> 40 & 0xfff, within = address & 0xffffffffff;

	if (address >> 52 != 0xfff || file >= SNAPSHOT_FILES)
		return NULL;
	const struct elf_unwind *table = &its.modules[file].unwind;

	return table->made && within / 8 < table->count && within % 8 == 0
		       ? (const unsigned char *)table->made + within
		       : NULL;
}

bool memory_word(uint64_t address, uint64_t *word)
{
	const struct snapshot_header *snapshot = its.snapshot;
	uint64_t within = address - snapshot->stack;
	const unsigned char *at = NULL;

	if (address >= snapshot->stack && within + 8 <= snapshot->stack_length)
		at = (const unsigned char *)snapshot + snapshot->stack_at +
		     within;
	else if (!(at = made_bytes(address)))
		at = memory_file_bytes(address, sizeof(*word));
	if (!at)
		return false;
	memcpy(word, at, sizeof(*word));
	return true;
}
