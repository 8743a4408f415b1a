#include "supervisor/virtual/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct name {
	struct name *next;
	uint64_t hash;
	void *value;
	size_t length;
	char text[];
};

struct names {
	struct name **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	uint64_t seed;
};

/* FNV-1a, seeded so that nobody can choose names that share a bucket. */
static uint64_t hash_of(const struct names *names, const char *name,
			size_t length)
{
	uint64_t hash = names->seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++) {
		hash ^= (unsigned char)name[i];
		hash *= 0x100000001b3u;
	}
	return hash ^ hash >> 32;
}

struct names *names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->bucket_count = 64;
	names->buckets = calloc(names->bucket_count, sizeof(*names->buckets));
	if (!names->buckets ||
	    getrandom(&names->seed, sizeof(names->seed), 0) < 0) {
		names_free(names);
		return NULL;
	}
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; names->buckets && i < names->bucket_count; i++) {
		struct name *next;

		for (struct name *n = names->buckets[i]; n; n = next) {
			next = n->next;
			free(n->value);
			free(n);
		}
	}
	free(names->buckets);
	free(names);
}

void *names_find(const struct names *names, const char *name, size_t length)
{
	uint64_t hash = hash_of(names, name, length);

	for (const struct name *n =
		     names->buckets[hash & (names->bucket_count - 1)];
	     n; n = n->next) {
		if (n->hash == hash && n->length == length &&
		    memcmp(n->text, name, length) == 0)
			return n->value;
	}
	return NULL;
}

static void grow(struct names *names)
{
	size_t count = names->bucket_count * 2;
	struct name **buckets = calloc(count, sizeof(*buckets));

	if (!buckets)
		return; /* slower, not wrong */
	for (size_t i = 0; i < names->bucket_count; i++) {
		struct name *next;

		for (struct name *n = names->buckets[i]; n; n = next) {
			next = n->next;
			n->next = buckets[n->hash & (count - 1)];
			buckets[n->hash & (count - 1)] = n;
		}
	}
	free(names->buckets);
	names->buckets = buckets;
	names->bucket_count = count;
}

int names_add(struct names *names, const char *name, size_t length, void *value)
{
	struct name *n = malloc(sizeof(*n) + length);

	if (!n)
		return -ENOMEM;
	if (names->count >= names->bucket_count)
		grow(names);
	n->hash = hash_of(names, name, length);
	n->value = value;
	n->length = length;
	memcpy(n->text, name, length);
	n->next = names->buckets[n->hash & (names->bucket_count - 1)];
	names->buckets[n->hash & (names->bucket_count - 1)] = n;
	names->count++;
	return 0;
}
