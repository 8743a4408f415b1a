#include "supervisor/calls/words.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/tracee.h"

enum {
	MOST_WORDS = 1 << 20,
	MOST_BYTES = 6 << 20, /* three quarters of the kernel's default stack */
	MOST_WORD = 32 * 4096, /* MAX_ARG_STRLEN */
	BATCH = 512,
	FIRST_BATCH = 32, /* few have more */
	AHEAD = 1024,	  /* as a rule strings lie side by side */
};

/* The pointers, without the NULL at their end. */
static int read_pointers(pid_t tid, uint64_t address, uint64_t **pointers,
			 size_t *count)
{
	size_t capacity = 0;

	*pointers = NULL;
	*count = 0;
	for (;;) {
		if (*count == capacity) {
			capacity += capacity ? BATCH : FIRST_BATCH;
			uint64_t *more =
				realloc(*pointers, capacity * sizeof(*more));

			if (!more)
				return -ENOMEM;
			*pointers = more;
		}
		size_t size = sizeof(**pointers);
		ssize_t got = tracee_read_some(tid, address + *count * size,
					       *pointers + *count,
					       (capacity - *count) * size);

		if (got < (ssize_t)size)
			return got < 0 ? (int)got : -EFAULT;
		for (size_t i = (size_t)got / size; i > 0; i--) {
			if ((*pointers)[*count] == 0)
				return 0;
			if (*count == MOST_WORDS)
				return -E2BIG;
			++*count;
		}
	}
}

/* What was read last, which the next string often lies in. */
struct ahead {
	uint64_t from;
	size_t length;
	char bytes[AHEAD];
};

static ssize_t read_string(pid_t tid, uint64_t address, char *to,
			   size_t capacity, struct ahead *ahead)
{
	if (address < ahead->from || address - ahead->from >= ahead->length) {
		ssize_t got = tracee_read_some(tid, address, ahead->bytes,
					       sizeof(ahead->bytes));

		ahead->from = address;
		ahead->length = got > 0 ? (size_t)got : 0;
		if (got < 0)
			return got;
	}
	const char *from = ahead->bytes + (address - ahead->from);
	size_t most = ahead->length - (size_t)(address - ahead->from);
	const char *end = memchr(from, '\0', most);

	if (!end || (size_t)(end - from) >= capacity)
		return tracee_read_string(tid, address, to, capacity);
	memcpy(to, from, (size_t)(end - from) + 1);
	return end - from;
}

static int read_strings(pid_t tid, const uint64_t *pointers, size_t count,
			struct words *words)
{
	struct ahead ahead = {.length = 0};
	size_t capacity = 4096, used = 0;
	char *text = malloc(capacity);
	size_t *offsets = calloc(count ? count : 1, sizeof(*offsets));
	int error = text && offsets ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++) {
		ssize_t length;

		for (;;) {
			length = read_string(tid, pointers[i], text + used,
					     capacity - used, &ahead);
			if (length != -ENAMETOOLONG ||
			    capacity - used > MOST_WORD)
				break;
			char *more = capacity < MOST_BYTES
					     ? realloc(text, capacity * 2)
					     : NULL;

			if (!more)
				break;
			text = more;
			capacity *= 2;
		}
		offsets[i] = used;
		if (length == -ENAMETOOLONG)
			error = -E2BIG;
		else if (length < 0)
			error = (int)length;
		else
			used += (size_t)length + 1;
	}
	words->text = text;
	for (size_t i = 0; !error && i < count; i++)
		words->list[i] = text + offsets[i];
	free(offsets);
	return error;
}

int words_read(pid_t tid, uint64_t address, struct words *words)
{
	uint64_t *pointers = NULL;
	size_t count = 0;
	int error = 0;

	memset(words, 0, sizeof(*words));
	if (address)
		error = read_pointers(tid, address, &pointers, &count);
	if (!error) {
		words->list = calloc(count + 1, sizeof(*words->list));
		words->count = count;
		error = words->list ? read_strings(tid, pointers, count, words)
				    : -ENOMEM;
	}
	free(pointers);
	if (!error && count == 0) {
		words->list[0] = "";
		words->count = 1;
	}
	return error;
}

void words_free(struct words *words)
{
	for (size_t i = 0; i < words->added_count; i++)
		free(words->added[i]);
	free(words->list);
	free(words->text);
	memset(words, 0, sizeof(*words));
}

static const char *keep(struct words *words, const char *text)
{
	size_t most = sizeof(words->added) / sizeof(*words->added);
	char *copy = words->added_count < most ? strdup(text) : NULL;

	if (copy)
		words->added[words->added_count++] = copy;
	return copy;
}

int words_interpret(struct words *words, const char *interpreter,
		    const char *argument, const char *script)
{
	size_t front = argument ? 3 : 2;
	size_t count = words->count - 1 + front;
	const char **list = calloc(count, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[0] = keep(words, interpreter);
	if (argument)
		list[1] = keep(words, argument);
	list[front - 1] = keep(words, script);
	for (size_t i = 0; i < front; i++) {
		if (!list[i]) {
			free(list);
			return -ENOMEM;
		}
	}
	memcpy(list + front, words->list + 1,
	       (words->count - 1) * sizeof(*list));
	free(words->list);
	words->list = list;
	words->count = count;
	return 0;
}

char *words_join(const struct words *words, size_t *length)
{
	size_t total = 0;

	for (size_t i = 0; i < words->count; i++)
		total += strlen(words->list[i]) + 1;
	char *text = malloc(total);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < words->count; i++) {
		size_t size = strlen(words->list[i]) + 1;

		memcpy(to, words->list[i], size);
		to += size;
	}
	*length = total;
	return text;
}

/* ld.so(8): options that take the next word. */
static bool takes_word(const char *option)
{
	static const char *const names[] = {
		"--library-path",
		"--inhibit-rpath",
		"--audit",
		"--preload",
		"--argv0",
		"--glibc-hwcaps-prepend",
		"--glibc-hwcaps-mask",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(option, names[i]) == 0)
			return true;
	return false;
}

size_t words_loaded_program(const struct words *words)
{
	for (size_t i = 1; i < words->count; i++) {
		const char *word = words->list[i];

		if (strcmp(word, "--") == 0)
			return i + 1 < words->count ? i + 1 : 0;
		if (word[0] != '-')
			return i;
		if (takes_word(word))
			i++;
	}
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_box(const char *name)
{
	return strcmp(name, "busybox") == 0 || strcmp(name, "toybox") == 0;
}

int words_reading(const char *path, const struct words *words,
		  struct words *reading)
{
	const char *file = base_name(path), *name = base_name(words->list[0]);
	size_t length = strlen(file);
	bool dashed = strncmp(name, file, length) == 0 && name[length] == '-' &&
		      name[length + 1];
	bool box = words->count > 1 && (is_box(file) || is_box(name));

	*reading = (struct words){0};
	if (!dashed && !box)
		return -ENOENT;
	reading->list = calloc(words->count + 1, sizeof(*reading->list));
	if (!reading->list)
		return -ENOMEM;
	if (dashed) {
		reading->list[0] = file;
		reading->list[1] = name + length + 1;
		memcpy(reading->list + 2, words->list + 1,
		       (words->count - 1) * sizeof(*reading->list));
		reading->count = words->count + 1;
	} else {
		memcpy(reading->list, words->list + 1,
		       (words->count - 1) * sizeof(*reading->list));
		reading->count = words->count - 1;
	}
	return 0;
}
