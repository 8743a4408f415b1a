#include "supervisor/loader_code.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/loader.h"
#include "shim/sites.h"

#if defined __x86_64__ && defined SYS_access

enum {
	MOST_CALLS = 8,
	STUB = 17,
	LEA = 5, /* in a stub */
	LEA_SIZE = 7,
	BRANCH_SIZE = 5,
};

/* -- what may be opened -------------------------------------------------------
 */

/* Whole paths, and with a slash at their ends directories of libraries. */
static const char *const places[] = {
	"/etc/ld.so.cache",
	"/etc/ld.so.preload",
	"/lib/x86_64-linux-gnu/",
	"/usr/lib/x86_64-linux-gnu/",
	"/lib64/",
	"/usr/lib64/",
	"/lib/",
	"/usr/lib/",
};

static bool is_named(const struct shim_names *names, const char *place)
{
	for (size_t length; *place; place += length) {
		place += *place == '/';
		length = strcspn(place, "/");
		if (length &&
		    shim_names_match(names, place, length) != SHIM_NOT_NAMED)
			return true;
	}
	return false;
}

/* Does a text end as the code takes a library's to? */
static bool ends_library(const char *text, size_t length)
{
	char last = length ? text[length - 1] : 'o';

	return last == 'o' || (last >= '0' && last <= '9');
}

/* May one of them be about a library? */
static bool names_libraries(const struct shim_names *names)
{
	static const char lib[] = {'l', 'i', 'b'};

	for (size_t i = 0; i < names->count; i++) {
		const struct shim_name *name = &names->list[i];
		const char *text = names->text + name->at;
		size_t begins =
			name->begins < sizeof(lib) ? name->begins : sizeof(lib);

		if (memcmp(text, lib, begins) != 0)
			continue;
		if (name->whole ? begins == sizeof(lib) &&
					  ends_library(text, name->begins)
				: ends_library(text + name->begins, name->ends))
			return true;
	}
	return false;
}

static void put_place(struct loader_code *made, const char *place)
{
	size_t length = strlen(place);

	length += place[length - 1] != '/';
	if (length > UINT8_MAX)
		return;
	made->room[made->room_size++] = (unsigned char)length;
	memcpy(made->room + made->room_size, place, length);
	made->room_size += (uint32_t)length;
}

static void put_places(struct loader_code *made, const struct shim_names *names,
		       const char *library)
{
	bool libraries = !names_libraries(names);

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		bool directory = places[i][strlen(places[i]) - 1] == '/';

		if ((libraries || !directory) && !is_named(names, places[i]))
			put_place(made, places[i]);
	}
	put_place(made, library);
	made->room[made->room_size++] = 0;
}

/* -- where it is opened -------------------------------------------------------
 */

static uint32_t get(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void put(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put_long(unsigned char *at, int64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* An instruction of five bytes and the call. Where the number comes in a
 * register, what is there is looked at when the call is made. */
static bool is_wanted(const unsigned char *base, const struct shim_site *site)
{
	static const unsigned char call[] = {0x0f, 0x05};
	const unsigned char *at = base + site->at;

	return site->size == LOADER_SITE &&
	       memcmp(at + LOADER_JUMP, call, sizeof(call)) == 0 &&
	       (site->kind == SHIM_ANY ||
		(site->kind == SHIM_ONE && *at == 0xb8 &&
		 (get(at + 1) == SYS_openat || get(at + 1) == SYS_access)));
}

/* Those of the stretch of a page that has the most of them. Returns how many.
 */
static size_t choose(const unsigned char *base, const struct shim_object *calls,
		     uint32_t chosen[MOST_CALLS])
{
	size_t best = 0;

	for (size_t first = 0; first < calls->count; first++) {
		uint32_t from = calls->sites[first].at, found[MOST_CALLS];
		size_t count = 0;

		for (size_t i = first; i < calls->count && count < MOST_CALLS;
		     i++) {
			uint32_t at = calls->sites[i].at;

			if (at - from <= LOADER_PAGE - LOADER_SITE &&
			    is_wanted(base, &calls->sites[i]))
				found[count++] = at;
		}
		if (count <= best)
			continue;
		best = count;
		memcpy(chosen, found, count * sizeof(*found));
	}
	return best;
}

/* A jump of five bytes from one address to another. */
static void put_branch(unsigned char *at, uint32_t from, uint32_t to)
{
	*at = 0xe9;
	put(at + 1, to - (from + BRANCH_SIZE));
}

static uint32_t in_room(const struct loader_code *made,
			const unsigned char *label)
{
	return made->room_at + (uint32_t)(label - loader_code);
}

static void put_call(struct loader_code *made, const unsigned char *base,
		     uint32_t site)
{
	static const unsigned char lea[] = {0x4c, 0x8d, 0x1d}; /* %r11 */
	uint32_t stub = made->room_at + made->room_size;
	unsigned char *at = made->room + made->room_size;

	memcpy(at, base + site, LEA);
	memcpy(at + LEA, lea, sizeof(lea));
	put(at + LEA + sizeof(lea),
	    site + LOADER_JUMP - (stub + LEA + LEA_SIZE));
	put_branch(at + LEA + LEA_SIZE, stub + LEA + LEA_SIZE,
		   in_room(made, loader_enter));
	put_branch(made->after + (site - made->calls_at), site, stub);
	made->room_size += STUB;
}

/* Is there as much room, within one page, behind the code? */
static bool has_room(const unsigned char *base, uint32_t at, size_t size)
{
	if (at % LOADER_PAGE == 0 || at % LOADER_PAGE + size > LOADER_PAGE)
		return false;
	for (size_t i = 0; i < size; i++)
		if (base[at + i])
			return false;
	return true;
}

/* The room of a byte before what the loader may write to: what stands in the
 * file before it, and is mapped along with it. 0: there is none. */
static uint32_t room_before_data(const unsigned char *base)
{
	const Elf64_Ehdr *file = (const void *)base;
	const Elf64_Phdr *headers = (const void *)(base + file->e_phoff);

	for (int i = 0; i < file->e_phnum; i++) {
		uint32_t start = (uint32_t)headers[i].p_vaddr;
		uint32_t page = start & ~(uint32_t)(LOADER_PAGE - 1);

		if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W))
			return start > page && !base[page] ? page : 0;
	}
	return 0;
}

bool loader_code_make(const struct shim_code *loaded,
		      const struct shim_object *calls,
		      const struct shim_names *names, const char *library,
		      bool apart, struct loader_code *made)
{
	const size_t code = (size_t)(loader_code_end - loader_code);
	const unsigned char *base = loaded->base;
	uint32_t sites[MOST_CALLS];
	size_t count = choose(base, calls, sites);

	memset(made, 0, sizeof(*made));
	if (!count)
		return false;
	made->entry =
		(uint32_t)((const Elf64_Ehdr *)(const void *)base)->e_entry;
	made->ready = room_before_data(base);
	memcpy(made->head, base, LOADER_HEAD);
	made->room_at = (loaded->end + 15) & ~UINT32_C(15);
	made->begin = in_room(made, loader_begin);
	memcpy(made->room, loader_code, code);
	made->room_size = (uint32_t)code;
	put_places(made, names, library);
	made->calls_at = sites[0];
	made->calls_size = sites[count - 1] + LOADER_SITE - sites[0];
	memcpy(made->before, base + made->calls_at, made->calls_size);
	memcpy(made->after, made->before, made->calls_size);
	for (size_t i = 0; i < count; i++)
		put_call(made, base, sites[i]);
	put(made->room + (loader_to_loader - loader_code),
	    made->entry - (in_room(made, loader_to_loader) + 4));
	put(made->room + (loader_flags - loader_code), apart ? O_NOFOLLOW : 0);
	put_long(made->room + (loader_ready - loader_code),
		 (int64_t)made->ready - (int64_t)in_room(made, loader_ready));
	return made->ready && has_room(base, made->room_at, made->room_size);
}

#else

bool loader_code_make(const struct shim_code *loaded,
		      const struct shim_object *calls,
		      const struct shim_names *names, const char *library,
		      bool apart, struct loader_code *made)
{
	(void)loaded;
	(void)calls;
	(void)names;
	(void)library;
	(void)apart;
	(void)made;
	return false;
}

#endif
