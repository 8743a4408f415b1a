#include "supervisor/identities.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/fence.h"
#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/entries.h"
#include "supervisor/fence_places.h"
#include "supervisor/mounts.h"
#include "supervisor/project.h"
#include "supervisor/worker.h"

enum {
	MOST_ENTRIES = 1000000, /* looked at, in all */
	MOST_DEPTH = 24,
	BUCKETS = 4096,	      /* a power of two */
	FEW_LEVELS = 4,	      /* not worth more than asking for each path */
	MOST_ASKED_DEPTH = 3, /* of directories that may be such a tree */
	MOST_SCANNED = 512, /* of which it is known; others are scanned anew */
};

struct identity {
	struct identity *next;
	dev_t device;
	ino_t inode;
	char path[];
};

struct identities {
	struct identity *buckets[BUCKETS];
	size_t looked_at, count;
	uint64_t inodes[BUCKETS / 4]; /* a bit for each, by its hash */
	struct scanned {
		char *path;
		size_t length;
		unsigned loose;
	} scanned[MOST_SCANNED]; /* the thread's own */
	size_t scanned_count;
	const struct policy *policy;
	const char *project;
	struct listings *listings; /* while it is looked for; or NULL */
	/* Of read and write, where only names that float are refused. */
	struct policy_fence_names *names[2];
	bool by_name; /* no such name stands above */
	/* Where a file may have another name without another link. */
	struct mounts_twice *twice;
	bool floats; /* a pattern that begins anywhere */
	bool led_to; /* a protected name is a link to such a file */
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock;
	pthread_cond_t change;
	atomic_bool complete, ending;
};

static size_t bucket_of(dev_t device, ino_t inode)
{
	uint64_t mixed = ((uint64_t)inode * UINT64_C(0x9e3779b97f4a7c15)) ^
			 (uint64_t)device;

	return (size_t)(mixed >> 20) & (BUCKETS - 1);
}

static bool refused(const struct identities *identities, const char *path,
		    enum action action)
{
	struct policy_decision decision;
	struct policy_query query = {
		.action = action,
		.text = path,
		.length = strlen(path),
	};

	policy_decide(identities->policy, &query, &decision);
	return decision.rule && decision.verdict != VERDICT_ALLOW;
}

/* The system's own, but for a project that lies there: known by its name, and
 * there writing is refused as a whole. */
static bool is_system(const struct identities *identities, const char *path)
{
	return fence_places_system(path) &&
	       !(identities->project &&
		 path_is_below(path, identities->project));
}

/* Does a rule keep anything of this path from the session? */
static bool is_protected(const struct identities *identities, const char *path)
{
	return refused(identities, path, ACTION_READ) ||
	       (!is_system(identities, path) &&
		refused(identities, path, ACTION_WRITE));
}

/* Has the file another name, by a link or a mount? */
static bool may_have_another(const struct identities *identities,
			     const char *path, const struct stat *status)
{
	return status->st_nlink > 1 ||
	       mounts_twice_has(identities->twice, path);
}

static void add(struct identities *identities, const char *path,
		const struct stat *status)
{
	size_t length = strlen(path) + 1;
	struct identity *identity = malloc(sizeof(*identity) + length);

	/* As with the bound: known by its name only. */
	if (!identity)
		return;
	struct identity **bucket =
		&identities->buckets[bucket_of(status->st_dev, status->st_ino)];

	identity->device = status->st_dev;
	identity->inode = status->st_ino;
	memcpy(identity->path, path, length);
	identity->next = *bucket;
	*bucket = identity;
	identities->count++;
	size_t bit = bucket_of(0, status->st_ino) * 16 + status->st_ino % 16;

	identities->inodes[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* A protected name that is a link: what it leads to is what was meant, and has
 * a name of its own, as .env may be a link to config/production. Not of the
 * system's files, which are everybody's. */
static void add_target(struct identities *identities, struct entries *in,
		       const char *name, const char *path)
{
	char link[40], target[PATH_MAX];
	auto_fd fd = openat(entries_fd(in), name, O_PATH | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, target, sizeof(target) - 1);

	target[length > 0 ? length : 0] = '\0';
	if (length <= 0 || is_system(identities, target))
		return;
	add(identities, path, &status);
	identities->led_to = true;
}

static void scan(struct identities *identities, struct entries *in,
		 const char *name, const char *path, unsigned char type,
		 unsigned depth, unsigned loose);

static void leave_floating(struct identities *identities)
{
	for (size_t i = 0; i < 2; i++) {
		free(identities->names[i]);
		identities->names[i] = NULL;
	}
}

/* A directory in the one that is scanned. */
struct below {
	struct below *next;
	char name[];
};

static bool add_below(struct below **first, const char *name)
{
	size_t length = strlen(name) + 1;
	struct below *below = malloc(sizeof(*below) + length);

	if (!below)
		return false;
	memcpy(below->name, name, length);
	below->next = *first;
	*first = below;
	return true;
}

static bool has_time(const struct identities *identities)
{
	return identities->looked_at < MOST_ENTRIES &&
	       !atomic_load(&identities->ending);
}

/*
 * First what is in it, then the directories, from the last to the first: the
 * search for the fence goes through them the other way at the same time, and so
 * each reads half of them for both.
 */
static void scan_directory(struct identities *identities, struct entries *in,
			   const char *name, const char *path, unsigned depth,
			   unsigned loose)
{
	struct entries *entries =
		entries_open(in, name, path, identities->listings);
	const struct entry *entry;
	struct below *first = NULL, *below;
	char inner[PATH_MAX];

	while (entries && has_time(identities) &&
	       (entry = entries_next(entries)))
		if (entries_join(inner, path, entry->name) &&
		    (entry->type != DT_DIR || !add_below(&first, entry->name)))
			scan(identities, entries, entry->name, inner,
			     entry->type, depth + 1, loose);
	while ((below = first)) {
		first = below->next;
		if (has_time(identities) && entries_join(inner, path, below->name))
			scan(identities, entries, below->name, inner, DT_DIR,
			     depth + 1, loose);
		free(below);
	}
	entries_close(entries);
}

/* Are only names that float refused in the directory? Then each entry is asked
 * about by its name, which costs less than its whole path. */
static bool enter_floating(struct identities *identities, const char *path)
{
	static const enum action actions[] = {ACTION_READ, ACTION_WRITE};
	const struct policy_rule *why;

	for (size_t i = 0; i < 2; i++)
		if (policy_fence(identities->policy, actions[i], path, &why) <
		    FENCE_FLOATS)
			return false;
	for (size_t i = 0; i < 2; i++)
		identities->names[i] = policy_fence_names(identities->policy,
							  actions[i], path);
	if (identities->names[0] && identities->names[1])
		return true;
	leave_floating(identities);
	return false;
}

/* Is no rule about the entry, for it is like no name that floats? */
static bool is_plain(const struct identities *identities, const char *name)
{
	return identities->by_name &&
	       !policy_fence_name(identities->names[0], name) &&
	       !policy_fence_name(identities->names[1], name);
}

/*
 * Go into a directory, `loose` as for scan(). Below a name that floats all is
 * asked about by its path again.
 */
static void descend(struct identities *identities, struct entries *in,
		    const char *name, const char *path, unsigned depth,
		    unsigned loose, bool plain)
{
	bool by_name = identities->by_name;
	bool entered = !by_name && loose > FEW_LEVELS &&
		       depth <= MOST_ASKED_DEPTH && !identities->names[0] &&
		       enter_floating(identities, path);

	identities->by_name = entered || (by_name && plain);
	scan_directory(identities, in, name, path, depth, loose);
	identities->by_name = by_name;
	if (entered)
		leave_floating(identities);
}

/*
 * Look at an entry, and at what is below it. `type` is the directory's word on
 * it (DT_REG and so on). `loose` says how many more levels are searched of
 * directories that are not protected themselves: what a pattern with a wildcard
 * may match lies among the children of its literal start.
 */
static void scan(struct identities *identities, struct entries *in,
		 const char *name, const char *path, unsigned char type,
		 unsigned depth, unsigned loose)
{
	bool plain = is_plain(identities, name), kept;
	struct stat status;

	if (identities->looked_at++ >= MOST_ENTRIES)
		return;
	if (type == DT_UNKNOWN) {
		if (fstatat(entries_fd(in), name, &status, AT_SYMLINK_NOFOLLOW))
			return;
		type = (unsigned char)IFTODT(status.st_mode);
	}
	if (type != DT_REG && type != DT_LNK && type != DT_DIR)
		return;
	kept = !plain && is_protected(identities, path);
	/* Directories cannot have other names but by mounts, which show in
	 * what lies in them. */
	if (type == DT_REG && kept &&
	    fstatat(entries_fd(in), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(status.st_mode) &&
	    may_have_another(identities, path, &status))
		add(identities, path, &status);
	if (type == DT_LNK && kept)
		add_target(identities, in, name, path);
	if (type != DT_DIR || depth >= MOST_DEPTH)
		return;
	if (!kept && loose-- == 0)
		return;
	descend(identities, in, name, path, depth, loose, plain);
}

/* Scan what a rule is about, unless another rule's scan went as far: a policy
 * has dozens of rules about the project. */
static void scan_once(struct identities *identities, const char *path,
		      unsigned loose)
{
	const size_t length = strlen(path);

	for (size_t i = 0; i < identities->scanned_count; i++)
		if (identities->scanned[i].length == length &&
		    identities->scanned[i].loose >= loose &&
		    memcmp(identities->scanned[i].path, path, length) == 0)
			return;
	if (identities->scanned_count < MOST_SCANNED) {
		struct scanned *scanned =
			&identities->scanned[identities->scanned_count];

		scanned->path = strdup(path);
		scanned->length = length;
		scanned->loose = loose;
		identities->scanned_count += scanned->path != NULL;
	}
	scan(identities, NULL, path, path, DT_UNKNOWN, 0, loose);
}

static bool worth_scanning(const struct identities *identities,
			   const char *path, bool read)
{
	/* Trees of the kernel's own have no links. */
	static const char *const kernel[] = {"/proc", "/sys", "/dev"};
	/* Kept from being written as a whole, like the system's. */
	static const char *const machine[] = {"/opt",	    "/var",
					      "/var/cache", "/var/lib",
					      "/var/log",   "/var/spool"};

	if (path[1] == '\0')
		return false;
	for (size_t i = 0; i < sizeof(kernel) / sizeof(*kernel); i++)
		if (strncmp(path, kernel[i], strlen(kernel[i])) == 0)
			return false;
	for (size_t i = 0; !read && i < sizeof(machine) / sizeof(*machine); i++)
		if (strcmp(path, machine[i]) == 0)
			return false;
	/* Of what is in /usr, or /etc, only what may not be read is kept, and
	 * that has rules of its own. */
	return read || !is_system(identities, path);
}

static bool is_project(const struct identities *identities, const char *path)
{
	return identities->project && strcmp(path, identities->project) == 0;
}

/* Where all leave their files: what is there already is little used. */
static bool is_scratch(const char *path)
{
	return strcmp(path, "/tmp") == 0 || strcmp(path, "/var/tmp") == 0;
}

/* How many levels below its literal start a pattern is looked for, where what
 * is between is not protected. */
static unsigned levels_of(const struct identities *identities,
			  const struct policy_prefix *prefix)
{
	if (prefix->levels != 1 && is_system(identities, prefix->path))
		return 2;
	if (prefix->levels == 0)
		return is_scratch(prefix->path) ? 1 : MOST_DEPTH;
	return prefix->levels < MOST_DEPTH ? prefix->levels : MOST_DEPTH;
}

/* One pattern. Those that may match on all levels have their own turn. */
static bool visit(struct identities *identities,
		  const struct policy_prefix *prefix, bool deep)
{
	struct policy_rule_info info;

	if (!prefix->path || (prefix->levels == 0) != deep ||
	    (identities->floats && is_project(identities, prefix->path)))
		return true;
	policy_rule_info(prefix->rule, &info);
	if (info.layer != POLICY_LAYER_GUARD &&
	    worth_scanning(identities, prefix->path,
			   info.actions & (1U << ACTION_READ)))
		scan_once(identities, prefix->path,
			  levels_of(identities, prefix));
	return !atomic_load(&identities->ending);
}

static bool visit_near(void *context, const struct policy_prefix *prefix)
{
	return visit(context, prefix, false);
}

static bool visit_deep(void *context, const struct policy_prefix *prefix)
{
	return visit(context, prefix, true);
}

static bool find_floating(void *context, const struct policy_prefix *prefix)
{
	bool *floats = context;

	*floats = *floats || !prefix->path;
	return !*floats;
}

static void *run(void *context)
{
	struct identities *identities = context;

	policy_prefixes(identities->policy, find_floating, &identities->floats);
	policy_prefixes(identities->policy, visit_near, identities);
	/* Whole trees come last, the project first, lest they use up what may
	 * be looked at. */
	if (identities->floats && identities->project)
		scan_once(identities, identities->project, MOST_DEPTH);
	policy_prefixes(identities->policy, visit_deep, identities);
	for (size_t i = 0; i < identities->scanned_count; i++)
		free(identities->scanned[i].path);
	pthread_mutex_lock(&identities->lock);
	atomic_store(&identities->complete, true);
	pthread_cond_broadcast(&identities->change);
	pthread_mutex_unlock(&identities->lock);
	return NULL;
}

static void release(struct identities *identities)
{
	mounts_twice_free(identities->twice);
	free(identities);
}

static struct identities *make(const struct policy *policy, const char *project)
{
	struct identities *identities = calloc(1, sizeof(*identities));

	if (!identities)
		return NULL;
	identities->policy = policy;
	identities->project = project;
	identities->twice = mounts_twice_new(NULL);
	if (!identities->twice) {
		free(identities);
		return NULL;
	}
	pthread_mutex_init(&identities->lock, NULL);
	pthread_cond_init(&identities->change, NULL);
	return identities;
}

int identities_start(const struct policy *policy, const char *project,
		     bool early, struct listings *listings,
		     struct identities **result)
{
	struct identities *identities = make(policy, project);

	*result = NULL;
	if (!identities)
		return -ENOMEM;
	if (early && mounts_twice_any(identities->twice)) {
		release(identities);
		return 0;
	}
	identities->listings = listings;
	int error = worker_thread(&identities->thread, run, identities);

	if (error) {
		release(identities);
		return error;
	}
	identities->threaded = true;
	*result = identities;
	return 0;
}

void identities_await(struct identities *identities)
{
	if (identities->threaded)
		pthread_join(identities->thread, NULL);
	identities->threaded = false;
	identities->listings = NULL;
}

int identities_scan(const struct policy *policy, const char *project,
		    struct listings *listings, struct identities **result)
{
	struct identities *identities = make(policy, project);

	if (!identities)
		return -ENOMEM;
	identities->listings = listings;
	run(identities);
	identities->listings = NULL;
	*result = identities;
	return 0;
}

bool identities_inode(const struct identities *identities, ino_t inode)
{
	size_t bit = bucket_of(0, inode) * 16 + inode % 16;

	return identities->inodes[bit / 64] >> bit % 64 & 1;
}

bool identities_any(const struct identities *identities)
{
	return identities->count > 0;
}

void identities_free(struct identities *identities)
{
	if (!identities)
		return;
	atomic_store(&identities->ending, true);
	if (identities->threaded)
		pthread_join(identities->thread, NULL);
	for (size_t i = 0; i < BUCKETS; i++) {
		while (identities->buckets[i]) {
			struct identity *next = identities->buckets[i]->next;

			free(identities->buckets[i]);
			identities->buckets[i] = next;
		}
	}
	release(identities);
}

static void wait_for_scan(struct identities *identities)
{
	pthread_mutex_lock(&identities->lock);
	while (!atomic_load(&identities->complete))
		pthread_cond_wait(&identities->change, &identities->lock);
	pthread_mutex_unlock(&identities->lock);
}

const char *identities_find(struct identities *identities, const char *path,
			    const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return NULL;
	if (!atomic_load_explicit(&identities->complete,
				  memory_order_acquire)) {
		/* Every program maps the system's libraries; a link from there
		 * to a user's secret takes root to make. */
		if (is_system(identities, path))
			return NULL;
		wait_for_scan(identities);
	}
	if (!identities->led_to && !may_have_another(identities, path, status))
		return NULL;
	const struct identity *identity =
		identities->buckets[bucket_of(status->st_dev, status->st_ino)];

	while (identity && (identity->device != status->st_dev ||
			    identity->inode != status->st_ino))
		identity = identity->next;
	return identity ? identity->path : NULL;
}
