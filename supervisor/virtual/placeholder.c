#include "supervisor/virtual/placeholder.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>

#include "policy/scope.h"
#include "supervisor/sha256.h"
#include "supervisor/virtual/names.h"
#include "supervisor/virtual/shape.h"

#define KEY_SIZE  SHA256_SIZE
#define TRY_COUNT 32

/* What the table knows of a placeholder: no value, only its fingerprint. */
struct entry {
	unsigned char owner[KEY_SIZE];
	char name[];
};

struct placeholders {
	pthread_mutex_t lock; /* of the tables */
	struct names *table;
	struct names *aliases; /* by a value's fingerprint */
	unsigned char key[KEY_SIZE];
};

/* Random numbers: HMAC of a counter under a seed. */
struct stream {
	unsigned char seed[KEY_SIZE];
	unsigned char block[KEY_SIZE];
	uint64_t counter;
	size_t used;
};

static unsigned draw(void *context, unsigned below)
{
	struct stream *stream = context;

	/* Numbers beyond the last multiple would come up too often. */
	for (;;) {
		unsigned byte;

		if (stream->used == KEY_SIZE) {
			sha256_hmac(stream->seed, &stream->counter,
				    sizeof(stream->counter), stream->block);
			stream->counter++;
			stream->used = 0;
		}
		byte = stream->block[stream->used++];
		if (byte < 256 / below * below)
			return byte % below;
	}
}

int placeholders_new(struct placeholders **placeholders)
{
	struct placeholders *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	pthread_mutex_init(&made->lock, NULL);
	made->table = names_new();
	made->aliases = names_new();
	if (!made->table || !made->aliases) {
		placeholders_free(made);
		return -ENOMEM;
	}
	if (getrandom(made->key, KEY_SIZE, 0) != KEY_SIZE) {
		placeholders_free(made);
		return -EIO;
	}
	*placeholders = made;
	return 0;
}

void placeholders_free(struct placeholders *placeholders)
{
	if (!placeholders)
		return;
	names_free(placeholders->table);
	names_free(placeholders->aliases);
	pthread_mutex_destroy(&placeholders->lock);
	OPENSSL_cleanse(placeholders->key, KEY_SIZE);
	free(placeholders);
}

/*
 * Would this give something of the value away? Six characters in a row are
 * too many; of a value shorter than that, all of it.
 */
static bool resembles(const char *value, const char *out, size_t length)
{
	if (length < 6)
		return memcmp(value, out, length) == 0;
	if (length > 512)
		return false;
	for (size_t i = 0; i + 6 <= length; i++) {
		if (memmem(out, length, value + i, 6))
			return true;
	}
	return false;
}

/* Enter a placeholder: 1 where another value has it already. */
static int enter(struct placeholders *placeholders, const char *name,
		 const unsigned char *owner, const char *out, size_t length)
{
	const struct entry *held;
	struct entry *entry;
	size_t size;
	int error;

	held = names_find(placeholders->table, out, length);
	if (held)
		return memcmp(held->owner, owner, KEY_SIZE) != 0;
	size = strlen(name) + 1;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->owner, owner, KEY_SIZE);
	memcpy(entry->name, name, size);
	error = names_add(placeholders->table, out, length, entry);
	if (error)
		free(entry);
	return error;
}

/* One try: 1 where it will not do. */
static int attempt(struct placeholders *placeholders, const char *name,
		   const unsigned char *owner, unsigned number,
		   const char *value, size_t length, char *out)
{
	struct stream stream = {.used = KEY_SIZE,
				.counter = (uint64_t)number << 48};
	struct shape_source source = {draw, &stream};
	size_t kept = 0;
	int error;

	memcpy(stream.seed, owner, KEY_SIZE);
	/* The last resort, for a value that is nothing but punctuation. */
	if (number == TRY_COUNT)
		shape_erase(&source, value, length, out);
	else
		kept = shape_fill(&source, value, length, out);
	if (memcmp(value, out, length) == 0)
		return 1;
	if (kept < length && resembles(value + kept, out + kept, length - kept))
		return 1;
	pthread_mutex_lock(&placeholders->lock);
	error = enter(placeholders, name, owner, out, length);
	pthread_mutex_unlock(&placeholders->lock);
	return error;
}

/* What stands for the value already, malloc()ed; or NULL. */
static int find_alias(struct placeholders *placeholders,
		      const unsigned char *owner, char **out)
{
	const char *alias;

	pthread_mutex_lock(&placeholders->lock);
	alias = names_find(placeholders->aliases, (const char *)owner,
			   KEY_SIZE);
	*out = alias ? strdup(alias) : NULL;
	pthread_mutex_unlock(&placeholders->lock);
	return alias && !*out ? -ENOMEM : 0;
}

static int make(struct placeholders *placeholders, const char *name,
		const unsigned char *owner, const char *value, size_t length,
		char *out)
{
	int error = 0;

	/*
	 * The tries are in a fixed order, and one that the value itself has is
	 * taken: so it is the same placeholder each time. A short value may
	 * run out of tries: then it shares one.
	 */
	for (unsigned number = 0; number <= TRY_COUNT; number++) {
		error = attempt(placeholders, name, owner, number, value,
				length, out);
		if (error <= 0)
			return error;
	}
	return 0;
}

int placeholders_make(struct placeholders *placeholders, const char *name,
		      const char *value, size_t length, char **out,
		      size_t *out_length)
{
	unsigned char owner[KEY_SIZE];
	auto_free char *made = NULL;
	int error = 0;

	sha256_hmac(placeholders->key, value, length, owner);
	if (find_alias(placeholders, owner, &made))
		return -ENOMEM;
	*out_length = made ? strlen(made) : length;
	if (!made) {
		made = calloc(1, length + 1);
		if (!made)
			return -ENOMEM;
		if (length)
			error = make(placeholders, name, owner, value, length,
				     made);
	}
	if (!error)
		*out = take_ptr(made);
	return error;
}

int placeholders_alias(struct placeholders *placeholders, const char *value,
		       size_t length, const char *placeholder)
{
	unsigned char owner[KEY_SIZE];
	char *kept = NULL;
	int error = 0;

	sha256_hmac(placeholders->key, value, length, owner);
	pthread_mutex_lock(&placeholders->lock);
	if (!names_find(placeholders->aliases, (const char *)owner, KEY_SIZE)) {
		kept = strdup(placeholder);
		error = kept ? names_add(placeholders->aliases,
					 (const char *)owner, KEY_SIZE, kept)
			     : -ENOMEM;
		if (error)
			free(kept);
	}
	pthread_mutex_unlock(&placeholders->lock);
	return error;
}

const char *placeholders_find(struct placeholders *placeholders,
			      const char *text, size_t length)
{
	const struct entry *entry;

	if (length < PLACEHOLDER_DISTINCT)
		return NULL;
	pthread_mutex_lock(&placeholders->lock);
	entry = names_find(placeholders->table, text, length);
	pthread_mutex_unlock(&placeholders->lock);
	/* Entries are never taken out, so this one outlives the lock. */
	return entry ? entry->name : NULL;
}
