/*
 * Theory of operation. As with programs in Go (go_image.c): what is to be
 * changed is looked for once for each file, in the memory of an image, and the
 * bytes are compared in each other one. The image maps the shim's copy, and a
 * place for stubs below itself, within the reach of a branch; both are filled
 from here. The jumps come last, into the image's private copies of its
 * pages.
 */
#include "supervisor/static_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/scope.h"
#include "shim/static.h"
#include "supervisor/go_site.h"
#include "supervisor/image_copy.h"
#include "supervisor/image_shown.h"
#include "supervisor/image_stack.h"
#include "supervisor/inject.h"
#include "supervisor/static_site.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

enum {
	MOST_HEADERS = 64,
	MOST_NOTES = 4096,
	MOST_CODE = 16 << 20, /* 20 ms, once */
	KNOWN = 64,	      /* files */
	STUBS_SIZE = STATIC_SITES * STATIC_STUB,
	PAGE = 4096,
};

/* What was found in a file. */
struct static_program {
	dev_t device;
	ino_t inode;
	struct timespec changed;
	int64_t distance; /* of its code from its program headers */
	size_t count;
	struct static_site sites[STATIC_SITES];
};

struct static_images {
	struct static_program known[KNOWN];
	uint32_t enter;
	struct image_copy copy; /* with the mark behind the gate */
	unsigned char stubs[STUBS_SIZE];
};

struct static_images *static_images_new(const char *file, size_t size)
{
	struct static_images *images = calloc(1, sizeof(*images));
	const size_t mark = sizeof(STATIC_MARK) - 1;

	if (!images)
		return NULL;
	if (!image_copy_new(&images->copy, file, size) ||
	    !image_copy_marked(&images->copy, STATIC_MARK, mark,
			       &images->enter)) {
		static_images_free(images);
		return NULL;
	}
	images->enter += (uint32_t)mark;
	memcpy(images->copy.bytes + (STATIC_KNOWN - images->copy.start),
	       STATIC_MARK, STATIC_FORGONE - STATIC_KNOWN);
	return images;
}

void static_images_free(struct static_images *images)
{
	if (images)
		image_copy_free(&images->copy);
	free(images);
}

/* -- where ------------------------------------------------------------------
 */

/* Code that Go's linker has put together has stacks with no room. Returns 1, 0,
 * or -1: not all could be read. */
static int has_go(pid_t pid, const struct go_program *program)
{
	unsigned char notes[MOST_NOTES];

	for (size_t i = 0; i < program->note_count; i++) {
		size_t size = program->notes[i].size < sizeof(notes)
				      ? program->notes[i].size
				      : sizeof(notes);

		if (tracee_read(pid, program->notes[i].start, notes, size))
			return -1;
		if (go_note_in(notes, size))
			return 1;
	}
	return 0;
}

static bool search(pid_t pid, const struct go_program *program, uint64_t entry,
		   struct static_program *found)
{
	unsigned char begin[STATIC_ENTRY];

	if (program->size < sizeof(begin) || program->size > MOST_CODE ||
	    entry - program->start > program->size - sizeof(begin))
		return true;
	if (tracee_read(pid, entry, begin, sizeof(begin)))
		return false;
	int go = static_entry_is(begin) ? has_go(pid, program) : 1;

	if (go)
		return go > 0;
	auto_free unsigned char *code = malloc(program->size);

	if (!code || tracee_read(pid, program->start, code, program->size))
		return false;
	found->count = static_sites_find(code, program->size, found->sites);
	return true;
}

/* As go_image.c does: returns whether all could be read. */
static bool look(const struct image_stack *stack, struct static_program *found)
{
	const uint64_t at = image_stack_auxiliary(stack, AT_PHDR);
	const uint64_t count = image_stack_auxiliary(stack, AT_PHNUM);
	const uint64_t entry = image_stack_auxiliary(stack, AT_ENTRY);
	Elf64_Phdr headers[MOST_HEADERS];
	struct go_program program;

	found->count = 0;
	if (!at || count == 0 || count > MOST_HEADERS ||
	    image_stack_auxiliary(stack, AT_PHENT) != sizeof(*headers))
		return true;
	if (tracee_read(stack->pid, at, headers, count * sizeof(*headers)))
		return false;
	if (!go_program_read(headers, count, at, entry, &program) ||
	    program.interpreted)
		return true;
	found->distance = (int64_t)(program.start - at);
	return search(stack->pid, &program, entry, found);
}

const struct static_program *static_image_find(struct static_images *images,
					       const struct image_stack *stack,
					       const struct exec_plan *plan)
{
	if (!images || image_stack_auxiliary(stack, AT_SECURE))
		return NULL;
	const uint64_t hash = ((uint64_t)plan->inode ^ plan->device << 20) *
			      UINT64_C(0x9e3779b97f4a7c15);
	struct static_program *known = &images->known[(hash >> 32) % KNOWN];

	if (known->device != plan->device || known->inode != plan->inode ||
	    known->changed.tv_sec != plan->changed.tv_sec ||
	    known->changed.tv_nsec != plan->changed.tv_nsec) {
		known->inode = 0;
		if (!look(stack, known))
			return NULL;
		known->device = plan->device;
		known->inode = plan->inode;
		known->changed = plan->changed;
	}
	return known->count ? known : NULL;
}

/* -- the change ---------------------------------------------------------------
 */

static bool is_as_known(pid_t pid, const struct static_program *program,
			uint64_t code)
{
	for (size_t i = 0; i < program->count; i++) {
		const struct static_site *site = &program->sites[i];
		unsigned char now[STATIC_LONGEST];

		if (tracee_read(pid, code + site->at, now, site->size) ||
		    memcmp(now, site->code, site->size) != 0)
			return false;
	}
	return true;
}

/* Returns whether all that is changed last can be. */
static bool fill(struct static_images *images, int memory,
		 const struct static_program *program, uint64_t code,
		 uint64_t stubs, unsigned char (*jumps)[STATIC_JUMP])
{
	size_t size = program->count * STATIC_STUB;

	for (size_t i = 0; i < program->count; i++) {
		const struct static_site *site = &program->sites[i];

		if (!static_stub_write(site, code + site->at,
				       stubs + i * STATIC_STUB, images->enter,
				       images->stubs + i * STATIC_STUB,
				       jumps[i]))
			return false;
	}
	return memory >= 0 && image_copy_write(&images->copy, memory) &&
	       pwrite(memory, images->stubs, size, (off_t)stubs) ==
		       (ssize_t)size;
}

/* Half of them would not do: a program must not run then. */
static int change_sites(int memory, const struct static_program *program,
			uint64_t code, unsigned char (*jumps)[STATIC_JUMP])
{
	for (size_t i = 0; i < program->count; i++)
		if (pwrite(memory, jumps[i], STATIC_JUMP,
			   (off_t)(code + program->sites[i].at)) != STATIC_JUMP)
			return -EFAULT;
	return 0;
}

/* Below the program, or what the kernel has put right below it. */
static int map_stubs(struct injection *injection, uint64_t headers,
		     struct image_place *stubs)
{
	static const uint64_t gaps[] = {0, 256 << 10, 16 << 20};
	const uint64_t top = (headers & ~(uint64_t)(PAGE - 1)) - STUBS_SIZE;
	int error = 0;

	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
		if (error || stubs->mapped || gaps[i] > top)
			break;
		stubs->at = top - gaps[i];
		error = image_place_map(injection, stubs);
	}
	return error;
}

static int change(struct static_images *images, struct image_stack *stack,
		  const struct static_program *program, uint64_t behind,
		  uint64_t code)
{
	struct image_place copy = {images->copy.start, images->copy.size,
				   PROT_READ | PROT_EXEC, false};
	struct image_place stubs = {0, STUBS_SIZE, PROT_READ | PROT_EXEC,
				    false};
	unsigned char jumps[STATIC_SITES][STATIC_JUMP];
	auto_fd memory = tracee_proc_open(stack->pid, "mem", O_RDWR);
	struct injection injection;
	int error = inject_at_exec(&injection, stack->pid, behind,
				   &stack->registers);

	if (!error)
		error = image_place_map(&injection, &copy);
	if (!error && copy.mapped)
		error = map_stubs(&injection,
				  image_stack_auxiliary(stack, AT_PHDR),
				  &stubs);
	if (!error && stubs.mapped &&
	    fill(images, memory, program, code, stubs.at, jumps)) {
		error = change_sites(memory, program, code, jumps);
	} else if (!error) {
		error = image_place_unmap(&injection, &stubs);
		if (!error)
			error = image_place_unmap(&injection, &copy);
	}
	return error ? error : inject_back(&injection, &stack->registers);
}

int static_image_join(struct static_images *images, struct image_stack *stack,
		      const struct static_program *program)
{
	uint64_t code = image_stack_auxiliary(stack, AT_PHDR) +
			(uint64_t)program->distance;
	uint64_t behind = image_call(stack);

	if (!behind || image_filtered(stack->pid) ||
	    !is_as_known(stack->pid, program, code))
		return 0;
	return change(images, stack, program, behind, code);
}

/* What stands there may be anything of the process's own, and is its own. */
bool static_image_is(pid_t tid)
{
	char mark[STATIC_FORGONE - STATIC_KNOWN];

	return tracee_read(tid, STATIC_KNOWN, mark, sizeof(mark)) == 0 &&
	       memcmp(mark, STATIC_MARK, sizeof(mark)) == 0;
}

void static_image_forgo(pid_t tid)
{
	const uint32_t forgone = 1;

	if (!static_image_is(tid))
		return;
	auto_fd memory = tracee_proc_open(tid, "mem", O_RDWR);

	if (memory >= 0)
		(void)!pwrite(memory, &forgone, sizeof(forgone),
			      STATIC_FORGONE);
}
