/*
 * The shim's beginning: the loader calls shim_start() before the constructors
 * of all other files (DF_1_INITFIRST), while the process has one thread.
 *
 * Theory of operation. The environment is put back first, as the program's own
 * code is to see it. Then the gate is mapped, a stub written for each site of
 * libc and the loader, and the sites changed. Code is made writable or
 * executable, never both: no code of libc runs meanwhile. The stubs come first;
 * they lie among what can be written and are made executable, for good.
 * Where a system does not let changed code be executed again (SELinux's
 * execmod, a filter of the program's starter), that shows on them, and nothing
 * else is changed: the process stays as it is, trapped.
 */
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <errno.h>

#include "shim/gate.h"
#include "shim/object.h"
#include "shim/rows.h"
#include "shim/shim.h"
#ifdef __aarch64__
#include "shim/machine_aarch64.h"
#else
#include "shim/machine_x86_64.h"
#endif

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { MOST_PAGE = 64 << 10 };

extern Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));

/* Of ThreadSanitizer's runtime, which has its own idea of every call. */
extern void __tsan_init(void) __attribute__((weak, visibility("default")));

/* What is changed of one loaded file. */
struct change {
	unsigned char *base;
	const struct shim_site *sites;
	size_t count;
	size_t first; /* stub */
};

/* All of it on the stack: what is written to costs a page. */
struct changes {
	struct change list[SHIM_OBJECTS];
	/* For a libc that the supervisor does not have. */
	struct shim_site own_sites[SHIM_OBJECTS][SHIM_SITES];
};

/* -- the environment ------------------------------------------------------- */

static const char *behind(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return NULL;
	return text;
}

/* What was there stands in the word before ours (image_stack.c). */
static void restore_environment(char **environment)
{
	for (; *environment; environment++) {
		const char *value = behind(*environment, "LD_PRELOAD=");

		if (!value || !behind(value, shim_configured()->path))
			continue;
		char **former = (char **)(void *)*environment - 1;

		*environment = *former;
		return;
	}
}

/* -- what is loaded -------------------------------------------------------- */

struct machine {
	unsigned long page, headers, header_count;
};

static void learn(char **environment, struct machine *machine)
{
	while (*environment++)
		;
	const Elf64_auxv_t *auxiliary = (const void *)environment;

	for (; auxiliary->a_type != AT_NULL; auxiliary++) {
		if (auxiliary->a_type == AT_PAGESZ)
			machine->page = auxiliary->a_un.a_val;
		else if (auxiliary->a_type == AT_PHDR)
			machine->headers = auxiliary->a_un.a_val;
		else if (auxiliary->a_type == AT_PHNUM)
			machine->header_count = auxiliary->a_un.a_val;
	}
}

/* The loader leaves the list of what it loaded in the program's own table. */
static const struct link_map *loaded(const struct machine *machine)
{
	const Elf64_Phdr *headers = (const void *)machine->headers;
	const Elf64_Dyn *table = NULL;
	unsigned long base = 0;

	for (unsigned long i = 0; headers && i < machine->header_count; i++)
		if (headers[i].p_type == PT_PHDR)
			base = machine->headers - headers[i].p_vaddr;
	for (unsigned long i = 0; headers && i < machine->header_count; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			table = (const void *)(base + headers[i].p_vaddr);
	for (; table && table->d_tag != DT_NULL; table++)
		if (table->d_tag == DT_DEBUG && table->d_un.d_ptr)
			return ((const struct r_debug *)table->d_un.d_ptr)
				->r_map;
	return NULL;
}

/* -- the changes ----------------------------------------------------------- */

static long protect(void *at, size_t length, int protection)
{
	return shim_system(SYS_mprotect, (long)at, (long)length, protection, 0,
			   0, 0);
}

static bool is_readable(unsigned long at)
{
	return at && shim_system(SYS_rt_sigprocmask, -1, (long)at, 0, 8, 0,
				 0) != -EFAULT;
}

/* A program in Go has it already (supervisor/go_image.c). */
static bool map_gate(size_t page)
{
	volatile uint64_t *gate = (volatile uint64_t *)GATE_ADDRESS;
	long got = shim_system(
		SYS_mmap, (long)gate, (long)page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == -EEXIST)
		return is_readable(GATE_ADDRESS) && *gate == MACHINE_GATE;
	if (got != (long)gate) {
		if (got > 0 || got < -4095)
			(void)shim_system(SYS_munmap, got, (long)page, 0, 0, 0,
					  0);
		return false;
	}
	*gate = MACHINE_GATE;
	if (protect((void *)GATE_ADDRESS, page, PROT_READ | PROT_EXEC) == 0)
		return true;
	(void)shim_system(SYS_munmap, (long)gate, (long)page, 0, 0, 0, 0);
	return false;
}

static bool same(const unsigned char *one, const unsigned char *other)
{
	for (int i = 0; i < SHIM_ID; i++)
		if (one[i] != other[i])
			return false;
	return true;
}

static void find_sites(const struct link_map *map, struct change *change,
		       struct shim_site *own)
{
	unsigned char id[SHIM_ID];
	struct shim_code code;

	change->base = (unsigned char *)map->l_addr;
	if (!is_readable(map->l_addr) ||
	    !shim_object_look(change->base, &code, id))
		return;
	for (uint32_t i = 0; i < shim_configured()->object_count; i++) {
		const struct shim_object *known =
			&shim_configured()->objects[i];

		if (same(known->id, id)) {
			change->sites = known->sites;
			change->count = known->count;
		}
	}
	if (!change->sites) {
		change->sites = own;
		change->count = shim_sites_near(
			own, machine_sites(&code, shim_gates, own, SHIM_SITES));
	}
}

static struct shim_stub stub_of(const struct change *change, size_t index)
{
	const struct shim_site *site = &change->sites[index];
	bool cancels = site->kind == SHIM_CANCELS;
	size_t stub = cancels ? SHIM_STUB_CANCELS : change->first + index;

	return (struct shim_stub){
		.stub = (uintptr_t)shim_stubs + stub * SHIM_STUB,
		.site = (uintptr_t)change->base + site->at,
		.entry = (uintptr_t)machine_entry(site->kind),
		.size = site->size,
		.kind = site->kind,
	};
}

/* Returns how many stubs it takes, or 0: it cannot be. */
static size_t write_stubs(struct change *change, size_t first)
{
	unsigned char jump[16];

	change->first = first;
	for (size_t i = 0; i < change->count; i++) {
		struct shim_stub how = stub_of(change, i);
		unsigned char room[MACHINE_SITE];

		if (first + i >= SHIM_STUB_CANCELS ||
		    !machine_stub(&how, machine_original(how.site, room),
				  (unsigned char *)how.stub, jump))
			return 0;
	}
	return change->count;
}

static void change_site(const struct change *change, size_t index)
{
	const struct shim_site *site = &change->sites[index];
	unsigned char *at = change->base + site->at;
	unsigned char stub[SHIM_STUB], jump[16], room[MACHINE_SITE];
	struct shim_stub how = stub_of(change, index);

	(void)machine_stub(&how, machine_original(how.site, room), stub, jump);
	for (size_t byte = 0; byte < site->size; byte++)
		at[byte] = jump[byte];
}

/* Those of one stretch of the code: the kernel goes over each page that is
 * there. */
static void change_stretch(const struct change *change, size_t first,
			   size_t count, size_t page)
{
	const struct shim_site *last = &change->sites[first + count - 1];
	uintptr_t mask = ~(uintptr_t)(page - 1);
	uintptr_t from = (uintptr_t)change->base + change->sites[first].at;
	uintptr_t to = (uintptr_t)change->base + last->at + last->size;
	void *pages = (void *)(from & mask);
	size_t length = ((to + page - 1) & mask) - (from & mask);

	if (protect(pages, length, PROT_READ | PROT_WRITE))
		return;
	for (size_t i = first; i < first + count; i++)
		change_site(change, i);
	(void)protect(pages, length, PROT_READ | PROT_EXEC);
}

static void change_sites(const struct change *change, size_t page)
{
	size_t count;

	for (size_t first = 0; first < change->count; first += count) {
		count = shim_sites_stretch(change->sites, change->count, first);
		change_stretch(change, first, count, page);
	}
}

/* The stubs, and what lies before them: the kernel need not split what it has
 * mapped as one, and nothing of it is written any more. */
static bool make_executable(size_t page, size_t stubs)
{
	uintptr_t from = (uintptr_t)_DYNAMIC & ~(uintptr_t)(page - 1);
	uintptr_t to = (uintptr_t)shim_stubs + sizeof(shim_stubs);

	to = (to + page - 1) & ~(uintptr_t)(page - 1);
	if (protect((void *)from, to - from, PROT_READ | PROT_EXEC))
		return false;
	machine_flush(shim_stubs, stubs * SHIM_STUB);
	return true;
}

void shim_forgo(void)
{
	uintptr_t mask = ~((uintptr_t)shim_state()->page - 1);
	void *page = (void *)((uintptr_t)shim_state() & mask);
	const int run = PROT_READ | PROT_EXEC;

	/* Others may be in a stub of the same page. */
	if (shim_state()->page > MOST_PAGE ||
	    shim_state()->forgone == SHIM_FORGONE ||
	    protect(page, shim_state()->page, run | PROT_WRITE))
		return;
	shim_state()->forgone = SHIM_FORGONE;
	(void)protect(page, shim_state()->page, run);
}

static void change_all(const struct machine *machine)
{
	struct changes changes;
	size_t count = 0, stubs = 0;

	for (const struct link_map *map = loaded(machine);
	     map && count < SHIM_OBJECTS; map = map->l_next) {
		if (!shim_object_named(map->l_name))
			continue;
		changes.list[count] = (struct change){0};
		find_sites(map, &changes.list[count], changes.own_sites[count]);
		count += changes.list[count].count > 0;
	}
	if (!count || !map_gate(machine->page))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t taken = write_stubs(&changes.list[i], stubs);

		if (!taken)
			changes.list[i].count = 0;
		stubs += taken;
	}
	shim_state()->page = (uint32_t)machine->page;
	shim_state()->forgone = 0;
	if (!stubs || !make_executable(machine->page, stubs))
		return;
	for (size_t i = 0; i < count; i++)
		if (changes.list[i].count)
			change_sites(&changes.list[i], machine->page);
}

void shim_start(int count, char **arguments, char **environment)
{
	struct machine machine = {0};

	(void)count;
	(void)arguments;
	if (!shim_configured()->ready)
		return;
	/* In this order: what is restored may be the environment's end. */
	learn(environment, &machine);
	restore_environment(environment);
	if (__tsan_init || !machine.page || machine.page > MOST_PAGE)
		return;
	change_all(&machine);
}
