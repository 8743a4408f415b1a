/*
 * Theory of operation. Where the program's code has the function that makes its
 * calls is looked for once for each file. What was found is a hint and no more:
 * the bytes are compared in each image, and all that is read and written is the
 * image's own memory, of which nobody else has any yet. So neither its headers
 * nor a file that changes can do more than keep the shim out.
 *
 * The image is made to map two places (supervisor/inject.h): one that is
 * written, for the stacks, and one that is executed and never written by it,
 * for the shim's copy and the gate. The supervisor fills the second, as a
 * debugger does, and at last writes the jump over the function's beginning,
 * into the image's private copy of that page. Until then all is as it was, and
 * what was mapped is taken out again where anything fails.
 */
#include "supervisor/go_image.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/scope.h"
#include "shim/go.h"
#include "supervisor/go_site.h"
#include "supervisor/image_copy.h"
#include "supervisor/image_shown.h"
#include "supervisor/image_stack.h"
#include "supervisor/inject.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

enum {
	MOST_HEADERS = 64,
	MOST_NOTES = 4096,
	MOST_CODE = 2 << 20, /* the function is in the first megabyte */
	PART = 64 << 10,
	KNOWN = 256, /* files */
	STACKS_SIZE = GO_STACK_COUNT * GO_STACK_SIZE,
};

/* What was found in a file: how far from its program headers; 0: nothing. */
struct known {
	dev_t device;
	ino_t inode;
	struct timespec changed;
	int64_t distance;
};

struct go_images {
	struct known known[KNOWN];
	unsigned char part[PART + GO_SITE_SIZE];
	struct shim_go *entry; /* in the copy, with what is each image's own */
	uint32_t enter;	       /* its code's address */
	struct image_copy copy;
};

struct go_images *go_images_new(const char *file, size_t size)
{
	struct go_images *images = calloc(1, sizeof(*images));
	uint32_t at;

	if (!images)
		return NULL;
	if (image_copy_new(&images->copy, file, size))
		images->entry = image_copy_marked(&images->copy, GO_MARK,
						  sizeof(*images->entry), &at);
	if (!images->entry) {
		go_images_free(images);
		return NULL;
	}
	images->enter = at + (uint32_t)sizeof(*images->entry);
	return images;
}

void go_images_free(struct go_images *images)
{
	if (images)
		image_copy_free(&images->copy);
	free(images);
}

/* -- where ------------------------------------------------------------------
 */

/* The address of the function, or 0; or -1: not all could be read. */
static int64_t search(struct go_images *images, pid_t pid,
		      const struct go_program *program)
{
	uint64_t start = (program->start + GO_SITE_ALIGN - 1) &
			 ~(uint64_t)(GO_SITE_ALIGN - 1);
	uint64_t left = program->size < MOST_CODE ? program->size : MOST_CODE;

	/* Each part with what a function at its end has in the next. */
	for (uint64_t at = 0; at + GO_SITE_SIZE < left; at += PART) {
		size_t size = left - at < sizeof(images->part)
				      ? left - at
				      : sizeof(images->part);

		if (tracee_read(pid, start + at, images->part, size))
			return -1;
		int64_t found = go_site_find(images->part, size);

		if (found >= 0)
			return (int64_t)(start + at) + found;
	}
	return 0;
}

/* Of programs with a loader only those that say so: there are too many others.
 * Returns 1, 0, or -1: none of what could be read says so. */
static int may_be_go(pid_t pid, const struct go_program *program)
{
	unsigned char notes[MOST_NOTES];
	bool all = true;

	for (size_t i = 0; program->interpreted && i < program->note_count;
	     i++) {
		size_t size = program->notes[i].size < sizeof(notes)
				      ? program->notes[i].size
				      : sizeof(notes);

		if (tracee_read(pid, program->notes[i].start, notes, size))
			all = false;
		else if (go_note_in(notes, size))
			return 1;
	}
	if (!program->interpreted)
		return 1;
	return all ? 0 : -1;
}

/* Sets how far from the headers the function is, or 0. Returns whether all that
 * is asked about could be read: what could not be says nothing of the file. */
static bool look(struct go_images *images, const struct image_stack *stack,
		 int64_t *distance)
{
	const uint64_t at = image_stack_auxiliary(stack, AT_PHDR);
	const uint64_t count = image_stack_auxiliary(stack, AT_PHNUM);
	Elf64_Phdr headers[MOST_HEADERS];
	struct go_program program;

	*distance = 0;
	if (!at || count == 0 || count > MOST_HEADERS ||
	    image_stack_auxiliary(stack, AT_PHENT) != sizeof(*headers))
		return true;
	if (tracee_read(stack->pid, at, headers, count * sizeof(*headers)))
		return false;
	if (!go_program_read(headers, count, at,
			     image_stack_auxiliary(stack, AT_ENTRY), &program))
		return true;
	int may = may_be_go(stack->pid, &program);

	if (may <= 0)
		return may == 0;
	int64_t site = search(images, stack->pid, &program);

	if (site > 0)
		*distance = site - (int64_t)at;
	return site >= 0;
}

uint64_t go_image_find(struct go_images *images,
		       const struct image_stack *stack,
		       const struct exec_plan *plan)
{
	if (!images || image_stack_auxiliary(stack, AT_SECURE))
		return 0;
	const uint64_t hash = ((uint64_t)plan->inode ^ plan->device << 20) *
			      UINT64_C(0x9e3779b97f4a7c15);
	struct known *known = &images->known[(hash >> 32) % KNOWN];
	unsigned char code[GO_SITE_SIZE];
	int64_t distance = known->distance;

	if (known->device != plan->device || known->inode != plan->inode ||
	    known->changed.tv_sec != plan->changed.tv_sec ||
	    known->changed.tv_nsec != plan->changed.tv_nsec) {
		if (!look(images, stack, &distance))
			return 0;
		*known = (struct known){.device = plan->device,
					.inode = plan->inode,
					.changed = plan->changed,
					.distance = distance};
	}
	uint64_t site =
		image_stack_auxiliary(stack, AT_PHDR) + (uint64_t)distance;

	return distance &&
			       tracee_read(stack->pid, site, code,
					   sizeof(code)) == 0 &&
			       go_site_is(code)
		       ? site
		       : 0;
}

/* -- the change ---------------------------------------------------------------
 */

static bool fill(struct go_images *images, pid_t pid, uint64_t site)
{
	unsigned char jump[GO_JUMP];
	auto_fd memory = tracee_proc_open(pid, "mem", O_RDWR);

	images->entry->back = site + GO_JUMP;
	images->entry->done = site + GO_DONE;
	go_site_jump(images->enter, jump);
	return memory >= 0 && image_copy_write(&images->copy, memory) &&
	       pwrite(memory, jump, sizeof(jump), (off_t)site) ==
		       (ssize_t)sizeof(jump);
}

static int change(struct go_images *images, struct image_stack *stack,
		  uint64_t site, uint64_t behind)
{
	struct image_place stacks = {GO_STACKS, STACKS_SIZE,
				     PROT_READ | PROT_WRITE, false};
	struct image_place code = {images->copy.start, images->copy.size,
				   PROT_READ | PROT_EXEC, false};
	struct injection injection;
	int error = inject_at_exec(&injection, stack->pid, behind,
				   &stack->registers);

	if (!error)
		error = image_place_map(&injection, &code);
	if (!error && code.mapped)
		error = image_place_map(&injection, &stacks);
	if (!error && !(stacks.mapped && fill(images, stack->pid, site))) {
		error = image_place_unmap(&injection, &stacks);
		if (!error)
			error = image_place_unmap(&injection, &code);
	}
	return error ? error : inject_back(&injection, &stack->registers);
}

int go_image_join(struct go_images *images, struct image_stack *stack,
		  uint64_t site)
{
	uint64_t behind = image_call(stack);

	if (!behind || image_filtered(stack->pid))
		return 0;
	return change(images, stack, site, behind);
}
