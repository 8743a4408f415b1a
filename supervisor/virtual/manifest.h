/*
 * The manifest: of each stand-in, which real file it was made from and where
 * its placeholders are. It holds no value of either. Text, one record after
 * the other; the last one of a path counts.
 */
#ifndef SUPERVISOR_VIRTUAL_MANIFEST_H
#define SUPERVISOR_VIRTUAL_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"
#include "supervisor/virtual/marks.h"

#define MANIFEST_DIGEST 32

struct manifest_entry {
	char *path; /**< absolute, as the program sees it */
	enum fake_kind kind;
	bool opaque;   /**< the real file was binary */
	bool has_real; /**< there was a real file, with this SHA-256 */
	unsigned char digest[MANIFEST_DIGEST];
	struct marks marks;
};

struct manifest {
	struct manifest_entry *entries;
	size_t count;
};

/** SHA-256. Returns 0 or -ENOMEM. */
int manifest_digest(const void *bytes, size_t length,
		    unsigned char digest[MANIFEST_DIGEST]);

/** Append a record to an open file. Returns 0 or -errno. */
int manifest_append(int fd, const struct manifest_entry *entry);

/**
 * Read a manifest from an open file. Returns 0 and entries for
 * manifest_free(), -EBADMSG where it is damaged, or -errno.
 */
int manifest_read(int fd, struct manifest *manifest);
void manifest_free(struct manifest *manifest);

/** The record of a path, or NULL. */
const struct manifest_entry *manifest_find(const struct manifest *manifest,
					   const char *path);

#endif
