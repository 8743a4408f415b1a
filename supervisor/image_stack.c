/*
 * From high to low, as the kernel lays a new stack out (binfmt_elf, and the
 * System V ABI for x86-64 and aarch64 alike): the name of the file, the strings
 * of the environment, the strings of the arguments, bytes that the auxiliary
 * vector points at, then auxiliary vector, environment, arguments, argc. The
 * stack pointer is at argc.
 */
#include "supervisor/image_stack.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/image_shown.h"
#include "supervisor/inject.h"
#include "supervisor/tracee.h"

enum {
	FIRST_WORDS = 1536, /* with the strings, as a rule */
	MOST_WORDS = 4 << 20,
	MOST_TEXT = 16 << 20,
	MOST_BELOW = 96 << 10, /* the kernel maps 128 kB below at an exec */
	ALIGN = 16,
};

/* The index behind AT_NULL, or 0 where the vector goes on. Sets the first word
 * of the environment, and the number of its variables. */
static size_t parse(const uint64_t *vector, size_t words, size_t *first,
		    size_t *count)
{
	if (words == 0 || vector[0] > MOST_WORDS)
		return 0;
	size_t at = (size_t)vector[0] + 2;

	*first = at;
	while (at < words && vector[at])
		at++;
	*count = at - *first;
	for (at++; at + 1 < words; at += 2)
		if (vector[at] == AT_NULL)
			return at + 2;
	return 0;
}

static int read_vector(struct image_stack *stack)
{
	for (size_t words = FIRST_WORDS; words <= MOST_WORDS; words *= 2) {
		size_t room = words * sizeof(*stack->vector);
		uint64_t *more = realloc(stack->vector, room);
		ssize_t part = 1;

		if (!more)
			return -ENOMEM;
		stack->vector = more;
		while (stack->got < room && part > 0) {
			part = tracee_read_some(
				stack->pid, stack->bottom + stack->got,
				(char *)more + stack->got, room - stack->got);
			stack->got += part > 0 ? (size_t)part : 0;
			stack->words = parse(more, stack->got / sizeof(*more),
					     &stack->first, &stack->count);
			if (stack->words)
				return 0;
		}
		if (stack->got < room)
			return -EIO;
	}
	return -E2BIG;
}

/* What was read along with the vector, or NULL for what lies elsewhere. */
static const char *along(const struct image_stack *stack, uint64_t address,
			 size_t length)
{
	uint64_t at = address - stack->bottom;

	return at <= stack->got && length <= stack->got - at
		       ? (const char *)stack->vector + at
		       : NULL;
}

bool image_stack_has_argv(const struct image_stack *stack, const char *argv,
			  size_t length)
{
	const uint64_t *pointers = stack->vector + 1;
	size_t count = 0;

	/* The kernel lays them out one behind the other. */
	for (size_t at = 0; at < length; at += strlen(argv + at) + 1)
		if (count == stack->vector[0] ||
		    pointers[count++] != pointers[0] + at)
			return false;
	if (count == 0 || count != stack->vector[0])
		return false;
	const char *here = along(stack, pointers[0], length);

	if (here)
		return memcmp(here, argv, length) == 0;
	char *text = malloc(length);
	bool same = text &&
		    tracee_read(stack->pid, pointers[0], text, length) == 0 &&
		    memcmp(text, argv, length) == 0;

	free(text);
	return same;
}

uint64_t image_stack_auxiliary(const struct image_stack *stack, uint64_t type)
{
	size_t at = stack->first + stack->count + 1;

	for (; at + 1 < stack->words; at += 2)
		if (stack->vector[at] == type)
			return stack->vector[at + 1];
	return 0;
}

/* The strings lie one behind the other, in the order of the vector. */
int image_stack_strings(struct image_stack *stack)
{
	if (stack->list)
		return 0;
	stack->list = calloc(stack->count + 1, sizeof(*stack->list));
	if (!stack->list)
		return -ENOMEM;
	if (stack->count == 0)
		return 0;
	const uint64_t *pointers = stack->vector + stack->first;
	uint64_t last = pointers[0];

	/* But where they were written once already: what had no room then lies
	 * below. */
	stack->block = pointers[0];
	for (size_t i = 1; i < stack->count; i++) {
		if (pointers[i] < stack->block)
			stack->block = pointers[i];
		if (pointers[i] > last)
			last = pointers[i];
	}
	if (last - stack->block > MOST_TEXT)
		return -E2BIG;
	size_t before = (size_t)(last - stack->block), room = before + 4096;
	const char *here = along(stack, stack->block, before);
	const char *end =
		here ? memchr(here + before, '\0',
			      stack->got -
				      (size_t)(here + before -
					       (const char *)stack->vector))
		     : NULL;

	for (; !end; room *= 2) {
		char *more = realloc(stack->text, room);

		if (!more)
			return -ENOMEM;
		stack->text = more;
		if (before &&
		    tracee_read(stack->pid, stack->block, more, before))
			return -EIO;
		ssize_t length = tracee_read_string(
			stack->pid, last, more + before, room - before);

		if (length >= 0) {
			stack->block_size = before + (size_t)length + 1;
			break;
		}
		if (length != -ENAMETOOLONG || room > MOST_TEXT)
			return -EIO;
	}
	if (end) {
		stack->block_size = (uint64_t)(end - here) + 1;
		stack->text = malloc((size_t)stack->block_size);
		if (!stack->text)
			return -ENOMEM;
		memcpy(stack->text, here, (size_t)stack->block_size);
	}
	for (size_t i = 0; i < stack->count; i++) {
		if (pointers[i] < stack->block || pointers[i] > last)
			return -EIO;
		stack->list[i] = stack->text + (pointers[i] - stack->block);
	}
	return 0;
}

int image_stack_read(pid_t pid, struct image_stack *stack)
{
	*stack = (struct image_stack){.pid = pid};
	int error = registers_get(pid, &stack->registers);

	if (error)
		return error;
	stack->bottom = registers_stack(&stack->registers);
	return read_vector(stack);
}

void image_stack_free(struct image_stack *stack)
{
	if (stack->vector)
		explicit_bzero(stack->vector, stack->got);
	free(stack->vector);
	if (stack->text)
		explicit_bzero(stack->text, stack->block_size);
	free(stack->text);
	free(stack->list);
}

/* Put the strings into the block, in order, and what does not fit into `more`,
 * or all of them into `more`; sets where each will lie, counted from the start
 * of either. */
struct layout {
	char *block, *more;
	size_t block_room, block_used, more_used;
	uint64_t *places;
	bool *outside;
};

static int lay_out(const struct image_stack *stack, const char *const *list,
		   size_t count, size_t total, struct layout *layout)
{
	layout->block = calloc(1, (size_t)stack->block_size + 1);
	layout->more = calloc(1, total + 1);
	layout->places = calloc(count + 1, sizeof(*layout->places));
	layout->outside = calloc(count + 1, sizeof(*layout->outside));
	if (!layout->block || !layout->more || !layout->places ||
	    !layout->outside)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(list[i]) + 1;

		layout->outside[i] =
			size > layout->block_room - layout->block_used;
		if (layout->outside[i]) {
			layout->places[i] = layout->more_used;
			memcpy(layout->more + layout->more_used, list[i], size);
			layout->more_used += size;
		} else {
			layout->places[i] = layout->block_used;
			memcpy(layout->block + layout->block_used, list[i],
			       size);
			layout->block_used += size;
		}
	}
	return 0;
}

static void layout_free(const struct image_stack *stack, struct layout *layout)
{
	if (layout->block)
		explicit_bzero(layout->block, (size_t)stack->block_size);
	if (layout->more)
		explicit_bzero(layout->more, layout->more_used);
	free(layout->block);
	free(layout->more);
	free(layout->places);
	free(layout->outside);
}

/* Where a vector for `count` variables begins, with `more` bytes above it; or 0
 * where it would be too low. */
static uint64_t find_bottom(const struct image_stack *stack, size_t count,
			    size_t more)
{
	uint64_t end = stack->bottom + stack->words * 8 - more;
	uint64_t words = stack->words - stack->count + count;
	uint64_t bottom = (end - words * 8) & ~(uint64_t)(ALIGN - 1);

	return bottom < stack->bottom && stack->bottom - bottom > MOST_BELOW
		       ? 0
		       : bottom;
}

/* Below a long vector nothing is mapped: the 128 kB are for both. */
int image_stack_put(const struct image_stack *stack, uint64_t bottom,
		    const void *bytes, size_t size)
{
	if (bottom < stack->bottom)
		inject_reach(stack->pid, bottom);
	return tracee_write(stack->pid, bottom, bytes, size);
}

static int put(struct image_stack *stack, const struct layout *layout,
	       size_t count)
{
	size_t tail = stack->words - stack->first - stack->count - 1;
	size_t words = stack->first + count + 1 + tail;
	uint64_t end = stack->bottom + stack->words * 8;
	uint64_t more = end - layout->more_used;
	uint64_t bottom = find_bottom(stack, count, layout->more_used);
	auto_free uint64_t *vector = calloc(words, sizeof(*vector));

	if (!vector)
		return -ENOMEM;
	if (!bottom)
		return -E2BIG;
	memcpy(vector, stack->vector, stack->first * 8);
	for (size_t i = 0; i < count; i++)
		vector[stack->first + i] =
			layout->places[i] +
			(layout->outside[i] ? more : stack->block);
	memcpy(vector + stack->first + count + 1,
	       stack->vector + stack->first + stack->count + 1, tail * 8);
	int error = image_stack_put(stack, bottom, vector, words * 8);

	if (!error && layout->more_used)
		error = tracee_write(stack->pid, more, layout->more,
				     layout->more_used);
	if (!error && stack->block_size)
		error = tracee_write(stack->pid, stack->block, layout->block,
				     (size_t)stack->block_size);
	if (error)
		return error;
	registers_set_stack(&stack->registers, bottom);
	return registers_set(stack->pid, &stack->registers);
}

/* Have /proc show the place below the vector, where all of them shall lie. */
static int show_below(struct image_stack *stack, size_t count, size_t total,
		      atomic_int *own)
{
	uint64_t end = stack->bottom + stack->words * 8;

	return find_bottom(stack, count, total)
		       ? image_shown(stack, own, end - total, end)
		       : -ENOTSUP;
}

int image_stack_write(struct image_stack *stack, const char *const *list,
		      size_t count, atomic_int *own)
{
	struct layout layout = {.block_room = (size_t)stack->block_size};
	size_t total = 0;
	int error = -ENOTSUP;

	for (size_t i = 0; i < count; i++)
		total += strlen(list[i]) + 1;
	if (total > stack->block_size)
		error = show_below(stack, count, total, own);
	if (error && error != -ENOTSUP)
		return error;
	if (!error)
		layout.block_room = 0;
	error = lay_out(stack, list, count, total, &layout);
	if (!error)
		error = put(stack, &layout, count);
	layout_free(stack, &layout);
	return error;
}
