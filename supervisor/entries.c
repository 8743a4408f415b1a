#include "supervisor/entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	BUFFER = 8192,	/* most directories are read at once */
	BUCKETS = 1024, /* a power of two */
};

struct listing {
	struct listing *next;
	dev_t device;
	ino_t inode;
	size_t length, room;
	char *bytes; /* struct entry, one after the other */
	char path[];
};

/* Several threads may look through the same directories. What is kept does not
 * change any more, and stays until all is freed. */
struct listings {
	pthread_mutex_t lock;
	struct listing *buckets[BUCKETS];
	atomic_size_t left; /* less only under the lock */
};

struct entries {
	struct entries *in;
	int fd;	    /* -1: not open, or not what was kept */
	bool tried; /* to open what was kept */
	bool failed, ended;
	bool second; /* the buffer was filled more than once */
	size_t at, end;
	bool known; /* which directory it is */
	dev_t device;
	ino_t inode;
	const char *bytes; /* the buffer, or what is kept */
	const struct listing *kept;
	struct listings *listings; /* NULL: it is not to be kept */
	struct listing *making;
	char *buffer;
	char name[];
};

/* ----------------------------------------------------------------- keeping --
 */

static struct listing **bucket_of(struct listings *listings, const char *path)
{
	uint32_t hash = 2166136261u;

	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 16777619u;
	return &listings->buckets[(hash ^ hash >> 15) & (BUCKETS - 1)];
}

struct listings *listings_new(size_t most)
{
	struct listings *listings = calloc(1, sizeof(*listings));

	if (!listings)
		return NULL;
	listings->left = most;
	pthread_mutex_init(&listings->lock, NULL);
	return listings;
}

static void drop(struct listing *listing)
{
	if (listing)
		free(listing->bytes);
	free(listing);
}

void listings_free(struct listings *listings)
{
	for (size_t i = 0; listings && i < BUCKETS; i++) {
		while (listings->buckets[i]) {
			struct listing *next = listings->buckets[i]->next;

			drop(listings->buckets[i]);
			listings->buckets[i] = next;
		}
	}
	if (listings)
		pthread_mutex_destroy(&listings->lock);
	free(listings);
}

static const struct listing *look_up(struct listings *listings,
				     const char *path)
{
	const struct listing *at;

	pthread_mutex_lock(&listings->lock);
	at = *bucket_of(listings, path);
	pthread_mutex_unlock(&listings->lock);
	while (at && strcmp(at->path, path) != 0)
		at = at->next;
	return at;
}

/* Whatever is wrong: then it is not kept. */
static struct listing *begin(int fd, const char *path)
{
	size_t length = strlen(path) + 1;
	struct listing *made = calloc(1, sizeof(*made) + length);
	struct stat status;

	if (made && fstat(fd, &status)) {
		free(made);
		return NULL;
	}
	if (made) {
		memcpy(made->path, path, length);
		made->device = status.st_dev;
		made->inode = status.st_ino;
	}
	return made;
}

static void stop_keeping(struct entries *entries)
{
	drop(entries->making);
	entries->making = NULL;
}

static void keep_bytes(struct entries *entries, const char *bytes,
		       size_t length)
{
	struct listing *making = entries->making;

	if (!making)
		return;
	if (making->length + length > making->room) {
		/* Most need no more than they begin with. */
		size_t room = making->room * 2 + length;
		char *grown = room > entries->listings->left
				      ? NULL
				      : realloc(making->bytes, room);

		if (!grown) {
			stop_keeping(entries);
			return;
		}
		making->bytes = grown;
		making->room = room;
	}
	memcpy(making->bytes + making->length, bytes, length);
	making->length += length;
}

/* It was read to its end. */
static void keep(struct entries *entries)
{
	struct listings *listings = entries->listings;
	struct listing *made = entries->making;
	struct listing **bucket;

	if (!made)
		return;
	bucket = bucket_of(listings, made->path);
	pthread_mutex_lock(&listings->lock);
	if (made->room <= listings->left) {
		made->next = *bucket;
		*bucket = made;
		listings->left -= made->room;
		entries->making = NULL;
	}
	pthread_mutex_unlock(&listings->lock);
}

/* ----------------------------------------------------------------- opening --
 */

static int open_it(struct entries *entries)
{
	return openat(entries_fd(entries->in), entries->name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static struct entries *make(struct entries *in, const char *name,
			    const struct listing *kept)
{
	size_t length = strlen(name) + 1;
	struct entries *made = malloc(sizeof(*made) + length +
				      (kept ? 0 : BUFFER + sizeof(uint64_t)));

	if (!made)
		return NULL;
	*made = (struct entries){.in = in, .fd = -1, .kept = kept};
	memcpy(made->name, name, length);
	if (kept) {
		made->bytes = kept->bytes;
		made->end = kept->length;
		made->ended = true;
		made->known = true;
		made->device = kept->device;
		made->inode = kept->inode;
		return made;
	}
	/* As the entries want it. */
	made->buffer = made->name + length;
	made->buffer += -(uintptr_t)made->buffer % sizeof(uint64_t);
	made->bytes = made->buffer;
	return made;
}

struct entries *entries_open(struct entries *in, const char *name,
			     const char *path, struct listings *listings)
{
	const struct listing *kept = listings ? look_up(listings, path) : NULL;
	struct entries *entries = make(in, name, kept);

	if (!entries) {
		errno = ENOMEM;
		return NULL;
	}
	if (kept)
		return entries;
	entries->fd = open_it(entries);
	if (entries->fd < 0) {
		int error = errno;

		free(entries);
		errno = error;
		return NULL;
	}
	entries->listings = listings;
	if (listings)
		entries->making = begin(entries->fd, path);
	if (entries->making) {
		entries->known = true;
		entries->device = entries->making->device;
		entries->inode = entries->making->inode;
	}
	return entries;
}

void entries_close(struct entries *entries)
{
	if (!entries)
		return;
	stop_keeping(entries);
	if (entries->fd >= 0)
		close(entries->fd);
	free(entries);
}

int entries_fd(struct entries *entries)
{
	struct stat status;

	if (!entries)
		return AT_FDCWD;
	if (!entries->kept || entries->tried)
		return entries->fd;
	entries->tried = true;
	entries->fd = open_it(entries);
	if (entries->fd >= 0 && (fstat(entries->fd, &status) ||
				 status.st_dev != entries->kept->device ||
				 status.st_ino != entries->kept->inode)) {
		close(entries->fd);
		entries->fd = -1;
	}
	return entries->fd;
}

int entries_identity(const struct entries *entries, dev_t *device, ino_t *inode)
{
	struct stat status;

	if (entries->known) {
		*device = entries->device;
		*inode = entries->inode;
		return 0;
	}
	if (fstat(entries->fd, &status))
		return -errno;
	*device = status.st_dev;
	*inode = status.st_ino;
	return 0;
}

/* ----------------------------------------------------------------- reading --
 */

/* Only a call that finds nothing more says that there is nothing more: file
 * systems may give as few at once as they like. */
static bool fill(struct entries *entries)
{
	size_t from = entries->second ? 0 : entries->end;
	long got;

	if (entries->ended)
		return false;
	/* The first block is kept in front of an end that comes with the second
	 * call, as it nearly always does. */
	if (from > BUFFER - BUFFER / 4)
		from = 0;
	got = syscall(SYS_getdents64, entries->fd, entries->buffer + from,
		      BUFFER - from);
	if (got <= 0) {
		entries->failed = got < 0;
		entries->ended = true;
		if (got < 0)
			stop_keeping(entries);
		else
			keep(entries);
		return false;
	}
	keep_bytes(entries, entries->buffer + from, (size_t)got);
	entries->second = entries->second || (entries->end > 0 && from == 0);
	entries->at = from;
	entries->end = from + (size_t)got;
	return true;
}

const struct entry *entries_next(struct entries *entries)
{
	for (;;) {
		const struct entry *entry;

		if (entries->at == entries->end && !fill(entries))
			return NULL;
		entry = (const void *)(entries->bytes + entries->at);
		entries->at += entry->length;
		if (strcmp(entry->name, ".") != 0 &&
		    strcmp(entry->name, "..") != 0)
			return entry;
	}
}

bool entries_failed(const struct entries *entries)
{
	return entries->failed;
}

void entries_again(struct entries *entries)
{
	entries->at = 0;
	/* All there is stands in memory? */
	if (entries->ended && !entries->failed && !entries->second)
		return;
	/* What was kept of it so far would be there twice. */
	stop_keeping(entries);
	entries->second = false;
	entries->end = 0;
	entries->failed = lseek(entries->fd, 0, SEEK_SET) != 0;
	entries->ended = entries->failed;
}

unsigned char entries_type(struct entries *entries, const struct entry *entry)
{
	struct stat status;

	if (entry->type != DT_UNKNOWN)
		return entry->type;
	if (fstatat(entries_fd(entries), entry->name, &status,
		    AT_SYMLINK_NOFOLLOW))
		return DT_UNKNOWN;
	return S_ISDIR(status.st_mode)	 ? DT_DIR
	       : S_ISREG(status.st_mode) ? DT_REG
					 : DT_LNK;
}

bool entries_join(char inner[PATH_MAX], const char *path, const char *name)
{
	size_t at = path[1] ? strlen(path) : 0, length = strlen(name);

	if (at + length + 2 > PATH_MAX)
		return false;
	memcpy(inner, path, at);
	inner[at] = '/';
	memcpy(inner + at + 1, name, length + 1);
	return true;
}
