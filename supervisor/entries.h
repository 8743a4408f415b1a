/*
 * The entries of a directory, as getdents64(2) gives them. What looks through
 * thousands of directories before a program starts reads them with this:
 * readdir(3) asks for three more things of each, and hides errors. And several
 * look through the same ones, so what was read can be kept.
 */
#ifndef SUPERVISOR_ENTRIES_H
#define SUPERVISOR_ENTRIES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct entries;

/** getdents64(2): `struct linux_dirent64`. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type; /**< DT_REG and so on; DT_UNKNOWN */
	char name[];
};

/** Directories as they were when they were read first. */
struct listings;

/** None yet; of not more than `most` bytes, what is beyond is read each time.
 * Returns an object for listings_free(), or NULL without memory. */
struct listings *listings_new(size_t most);
void listings_free(struct listings *listings);

/**
 * Open the directory that `name` is, no link, in another one that outlives it
 * (NULL: from the calling process's own). With `listings`, what is kept of
 * `path` is taken instead, or kept if it is read to its end. Returns an object
 * for entries_close(), or NULL with errno.
 */
struct entries *entries_open(struct entries *in, const char *name,
			     const char *path, struct listings *listings);
void entries_close(struct entries *entries);

/** The next one, but for `.` and `..`: the object's, until the next call. NULL:
 * there is none, or it cannot be read. */
const struct entry *entries_next(struct entries *entries);

/** Was the directory not read to its end, by an error? */
bool entries_failed(const struct entries *entries);

/** Begin anew. */
void entries_again(struct entries *entries);

/**
 * The directory's descriptor: the object's. AT_FDCWD of NULL; -1 where what was
 * kept is of another directory than has the name now: all that is asked of it
 * then fails.
 */
int entries_fd(struct entries *entries);

/** Which directory it is. Returns 0 or -errno. */
int entries_identity(const struct entries *entries, dev_t *device,
		     ino_t *inode);

/** What the entry is, asked of the directory where it does not say: DT_REG,
 * DT_DIR, DT_LNK for all else, or DT_UNKNOWN where that cannot be found. */
unsigned char entries_type(struct entries *entries, const struct entry *entry);

/** The path of `name` in the directory. Returns whether there was room. */
bool entries_join(char inner[PATH_MAX], const char *path, const char *name);

#endif
