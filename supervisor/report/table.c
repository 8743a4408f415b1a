#include "supervisor/report/table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 256 };

static uint64_t secret;

void table_seed(uint64_t seed)
{
	secret = seed;
}

static uint64_t hash_of(const void *key, size_t length)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	const unsigned char *at = key;
	uint64_t hash = secret ^ (length * odd), word;

	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * (odd ^ (secret << 1));
		hash ^= hash >> 29;
		at += sizeof(word);
	}
	word = 0;
	memcpy(&word, at, length);
	hash = (hash ^ word) * odd;
	return hash ^ hash >> 32;
}

static struct table_entry *place_of(struct table *table, const void *key,
				    size_t length, uint64_t hash)
{
	size_t mask = table->size - 1, at = hash & mask;
	struct table_entry *entry;

	while ((entry = &table->entries[at])->key) {
		if (entry->hash == hash && entry->length == length &&
		    memcmp(entry->key, key, length) == 0)
			break;
		at = (at + 1) & mask;
	}
	return entry;
}

struct table_entry *table_find(struct table *table, const void *key,
			       size_t length)
{
	struct table_entry *entry;

	if (!table->size)
		return NULL;
	entry = place_of(table, key, length, hash_of(key, length));
	return entry->key ? entry : NULL;
}

static bool grow(struct table *table)
{
	struct table old = *table;

	table->size = old.size ? old.size * 2 : FIRST;
	table->entries = calloc(table->size, sizeof(*table->entries));
	if (!table->entries) {
		*table = old;
		return false;
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.entries[i].key)
			*place_of(table, old.entries[i].key,
				  old.entries[i].length, old.entries[i].hash) =
				old.entries[i];
	free(old.entries);
	return true;
}

struct table_entry *table_get(struct table *table, struct arena *arena,
			      const void *key, size_t length, bool *made)
{
	uint64_t hash = hash_of(key, length);
	struct table_entry *entry;

	*made = false;
	if (table->used * 2 >= table->size && !grow(table))
		return NULL;
	entry = place_of(table, key, length, hash);
	if (entry->key)
		return entry;
	const char *copy = arena_copy(arena, key, length);

	if (!copy)
		return NULL;
	*entry = (struct table_entry){copy, length, hash, 0};
	table->used++;
	*made = true;
	return entry;
}

void table_clear(struct table *table)
{
	free(table->entries);
	*table = (struct table){0};
}
