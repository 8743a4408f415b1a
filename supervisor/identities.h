/*
 * What was protected when the session started, by device and inode: so a hard
 * link or a bind mount made earlier does not free it. Where a
 * protected name is a link, what it leads to is known as well.
 */
#ifndef SUPERVISOR_IDENTITIES_H
#define SUPERVISOR_IDENTITIES_H

#include <stdbool.h>
#include <sys/stat.h>

struct identities;
struct listings;
struct policy;

/**
 * Start to find the files that rules other than `allow` protect and that may
 * have another name: in the trees that the rules name and, for patterns that
 * float, in the project. A thread of its own scans; who asks about a file that
 * may be among them waits for it. The scan is bounded: what lies beyond is
 * known by its name only.
 *
 * `policy` and `project` must outlive the object, and so must `listings`, where
 * the directories are kept, until identities_await() (NULL: they are not kept).
 * `early`: the session's own files are not there yet. Where a file may have
 * another name without a second link, by a mount, they would be among those
 * that are looked for: then nothing is started, and there is no object (NULL).
 *
 * Returns 0 and an object for identities_free(), or -errno.
 */
int identities_start(const struct policy *policy, const char *project,
		     bool early, struct listings *listings,
		     struct identities **identities);

/** Wait until they were looked for, and the thread has ended. */
void identities_await(struct identities *identities);

/** The same, looked for at once and by this thread. */
int identities_scan(const struct policy *policy, const char *project,
		    struct listings *listings, struct identities **identities);
void identities_free(struct identities *identities);

/** Could any file be among them? Only once they were looked for. */
bool identities_any(const struct identities *identities);

/** Could a file with this inode, on whatever file system? Errs on the side of
 * true. Only once they were looked for. */
bool identities_inode(const struct identities *identities, ino_t inode);

/** The protected name of a file that was found at `path`, or NULL. The string
 * is the object's. */
const char *identities_find(struct identities *identities, const char *path,
			    const struct stat *status);

#endif
