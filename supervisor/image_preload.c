/*
 * Theory of operation. The environment that the image was given stays as it is,
 * byte for byte, so /proc/PID/environ shows nothing. A text LD_PRELOAD=… is put
 * below it, and takes the place of one pointer of the vector: of the program's
 * own LD_PRELOAD, or of a variable that no loader looks at. What the pointer
 * was stands in the word before the text: the shim, whose constructor runs
 * before all others, puts it back. Only an image without a fitting variable
 * gets one pointer more, which becomes the vector's end again.
 *
 * The loader takes the last LD_PRELOAD if there are several.
 */
#include "supervisor/image_preload.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/image_stack.h"

static const char name[] = "LD_PRELOAD=";

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Variables that the loader, libc or a sanitizer may ask for before. */
static bool is_early(const char *text)
{
	return begins(text, "LD_") || begins(text, "GLIBC_") ||
	       begins(text, "MALLOC_") || strstr(text, "SAN_OPTIONS=");
}

/* The variables whose places are lent first: none is asked for early. */
static const char *const lent[] = {"_=",    "SHLVL=",	"OLDPWD=", "PWD=",
				   "MAIL=", "LOGNAME=", "USER=",   "SHELL="};

static bool has(const struct image_stack *stack, const char *with)
{
	for (size_t i = 0; i < stack->count; i++)
		if (begins(stack->list[i], with))
			return true;
	return false;
}

/* The variable whose pointer is lent; `count` where there is none. */
static size_t choose(const struct image_stack *stack, const char **own)
{
	for (size_t i = stack->count; i-- > 0;) {
		if (!begins(stack->list[i], name))
			continue;
		*own = stack->list[i] + strlen(name);
		return i;
	}
	for (size_t which = 0; which < sizeof(lent) / sizeof(*lent); which++)
		for (size_t i = 0; i < stack->count; i++)
			if (begins(stack->list[i], lent[which]))
				return i;
	for (size_t i = 0; i < stack->count; i++)
		if (!is_early(stack->list[i]))
			return i;
	return stack->count;
}

static int write_stack(struct image_stack *stack, size_t lent_at,
		       const char *text, size_t size)
{
	size_t more = lent_at == stack->count, words = stack->words + more;
	uint64_t end = stack->bottom + stack->words * 8;
	uint64_t place = (end - size) & ~(uint64_t)15;
	uint64_t bottom = (place - words * 8) & ~(uint64_t)15;
	size_t total = (size_t)(place - bottom) + size;
	auto_free char *image = calloc(1, total);
	uint64_t *vector = (uint64_t *)(void *)image;
	size_t at = stack->first + lent_at;

	if (!image)
		return -ENOMEM;
	memcpy(vector, stack->vector, at * 8);
	vector[at] = place + 8;
	memcpy(vector + at + 1, stack->vector + at + !more,
	       (stack->words - at - !more) * 8);
	memcpy(image + (place - bottom), text, size);
	if (!more)
		memcpy(image + (place - bottom), &stack->vector[at], 8);
	int error = image_stack_put(stack, bottom, image, total);

	if (error)
		return error;
	registers_set_stack(&stack->registers, bottom);
	return registers_set(stack->pid, &stack->registers);
}

static int preload(struct image_stack *stack, const char *path)
{
	const char *own = "";
	size_t at = choose(stack, &own);
	size_t most = 8 + strlen(name) + strlen(path) + 1 + strlen(own) + 1;

	if (image_stack_auxiliary(stack, AT_SECURE) ||
	    has(stack, "LD_TRACE_LOADED_OBJECTS="))
		return 0;
	auto_free char *text = calloc(1, most);

	if (!text)
		return -ENOMEM;
	char *to = stpcpy(stpcpy(text + 8, name), path);

	if (*own)
		to = stpcpy(stpcpy(to, ":"), own);
	return write_stack(stack, at, text, (size_t)(to - text) + 1);
}

int image_preload(struct image_stack *stack, const char *path)
{
	int error = image_stack_strings(stack);

	return error ? error : preload(stack, path);
}
