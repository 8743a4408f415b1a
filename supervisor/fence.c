/*
 * Theory of operation. From each path that an `allow` names, go down as far as
 * rules make a difference. A tree that is whole becomes one entry. Where names
 * float (`**` and a name), or where a protected file has a second name, the
 * tree is walked: a directory in which there is nothing of the kind is one
 * entry with all below it; another falls into its parts. Walks are bounded, and
 * what lies beyond goes by the supervisor.
 *
 * Trees of the system are not walked: they are not the user's to keep secrets
 * in, nor to link from (as in supervisor/identities.c). Of the others each
 * directory is read once, by whoever comes first: the search for other names of
 * protected files, the fence for reading, that for writing (entries.h).
 */
#include "supervisor/fence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "policy/fence.h"
#include "policy/scope.h"
#include "supervisor/entries.h"
#include "supervisor/fence_places.h"
#include "supervisor/fence_roots.h"
#include "supervisor/fence_settle.h"
#include "supervisor/identities.h"
#include "supervisor/project.h"

enum {
	MOST_TREES = 4000,
	MOST_GAPS = 200,
	MOST_DEPTH = 64,
	MOST_PARTS_DEPTH = 12,	    /* levels with exceptions */
	PROJECT_ENTRIES = 1000000,  /* walked in the project */
	OTHER_COST = 1000,	    /* of a walk in any other tree: entries, */
	DIRECTORY_COST = 16,	    /* and as many for each directory */
	OVERLAY_MAGIC = 0x794c7630, /* linux/magic.h */
	ALL_OTHER_COST = 2000,	    /* of those walks together */
};

struct finder {
	const struct fence_input *input;
	struct fence *fence;
	struct fence_places *places;
	enum action action;
	unsigned right; /* FENCE_READ or FENCE_WRITE, as the action */
	const struct policy_fence_names *names; /* of the tree that is walked */
	struct fence_roots roots; /* the action's */
	size_t left, other_left; /* what walks may still cost */
	size_t directory_cost;	 /* in the tree that is walked */
	const char *short_of;	 /* why a walk was broken off; or NULL */
	/* Of the file system that was asked about last. */
	dev_t device;
	bool device_known, own_numbers;
	int error;
};

/* ------------------------------------------------------------ the lists -- */

static void add_gap(struct finder *finder, const char *path, const char *why,
		    const struct policy_rule *rule)
{
	struct fence *fence = finder->fence;

	for (size_t i = 0; i < fence->gap_count; i++)
		if (fence->gaps[i].action == finder->action &&
		    fence->gaps[i].path &&
		    strcmp(fence->gaps[i].path, path) == 0)
			return;
	if (fence->gap_count == MOST_GAPS)
		return;
	if (fence->gap_count == fence->gap_capacity) {
		size_t capacity = fence->gap_capacity * 2 + 16;
		struct fence_gap *grown =
			reallocarray(fence->gaps, capacity, sizeof(*grown));

		if (!grown)
			return;
		fence->gaps = grown;
		fence->gap_capacity = capacity;
	}
	fence->gaps[fence->gap_count++] = (struct fence_gap){
		.path = strdup(path),
		.action = finder->action,
		.why = why,
		.rule = rule,
	};
}

static bool add_tree(struct finder *finder, const char *path, bool directory,
		     dev_t device, ino_t inode)
{
	struct fence *fence = finder->fence;

	if (fence->count >= MOST_TREES) {
		finder->short_of = "the fence has no room for more parts";
		return false;
	}
	if (fence->count == fence->capacity) {
		size_t capacity = fence->capacity * 2 + 64;
		struct fence_tree *grown =
			reallocarray(fence->trees, capacity, sizeof(*grown));

		if (!grown) {
			finder->error = -ENOMEM;
			return false;
		}
		fence->trees = grown;
		fence->capacity = capacity;
	}
	struct fence_tree *tree = &fence->trees[fence->count];

	*tree = (struct fence_tree){
		.path = strdup(path),
		.length = path[1] ? strlen(path) : 0,
		.rights = finder->right,
		.directory = directory,
		.device = device,
		.inode = inode,
	};
	if (!tree->path) {
		finder->error = -ENOMEM;
		return false;
	}
	fence->count++;
	return true;
}

/* Forget all from `mark` on. */
static void drop_trees(struct fence *fence, size_t mark)
{
	while (fence->count > mark)
		free(fence->trees[--fence->count].path);
}

/* -------------------------------------------------------------- entries -- */

/* What was read before, for the other action or by the search for other names
 * of what is protected, is not read again. */
static struct entries *open_directory(struct finder *finder, struct entries *in,
				      const char *name, const char *path)
{
	return entries_open(in, name, path, finder->input->listings);
}

/* A directory that is walked. */
struct level {
	struct entries *entries;
	const char *path;
	unsigned depth;
};

/* Does the directory know the files' own numbers? All of a file system do. */
static bool has_own_numbers(struct finder *finder, struct entries *entries)
{
	struct statfs system;
	dev_t device;
	ino_t inode;

	if (entries_identity(entries, &device, &inode))
		return false;
	if (!finder->device_known || finder->device != device) {
		if (fstatfs(entries_fd(entries), &system))
			return false;
		finder->device_known = true;
		finder->device = device;
		finder->own_numbers = system.f_type != OVERLAY_MAGIC;
	}
	return finder->own_numbers;
}

static bool any_protected(const struct finder *finder)
{
	const struct identities *identities = finder->input->identities;

	return identities && identities_any(identities);
}

/* By what the directory says: only where it knows the files' own numbers. */
static bool may_be_protected(struct finder *finder, const struct entry *entry,
			     const struct level *level)
{
	return any_protected(finder) &&
	       (identities_inode(finder->input->identities, entry->inode) ||
		!has_own_numbers(finder, level->entries));
}

/* Is it, under whatever name, a file that a rule protects? */
static bool is_protected(const struct finder *finder, const char *path,
			 const struct stat *status)
{
	return finder->input->identities &&
	       identities_find(finder->input->identities, path, status);
}

static void add_file(struct finder *finder, struct entries *in,
		     const char *name, const char *path)
{
	struct stat status;

	if (fstatat(entries_fd(in), name, &status, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(status.st_mode) || is_protected(finder, path, &status) ||
	    !policy_fence_exact(finder->input->policy, finder->action, path))
		return;
	(void)add_tree(finder, path, false, status.st_dev, status.st_ino);
}

/* Each regular file of the directory by itself. */
static void add_files(struct finder *finder, struct entries *entries,
		      const char *path)
{
	const struct entry *entry;
	char inner[PATH_MAX];

	entries_again(entries);
	while (!finder->error && (entry = entries_next(entries)))
		if (entries_type(entries, entry) == DT_REG &&
		    entries_join(inner, path, entry->name))
			add_file(finder, entries, entry->name, inner);
}

static bool add_directory(struct finder *finder, struct entries *in,
			  const char *name, const char *path)
{
	struct stat status;

	return fstatat(entries_fd(in), name, &status, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       S_ISDIR(status.st_mode) &&
	       add_tree(finder, path, true, status.st_dev, status.st_ino);
}

/* -------------------------------------------------------------- walking -- */

static bool walk(struct finder *finder, struct entries *in, const char *name,
		 const char *path, unsigned depth);

static bool directory_is_clean(struct finder *finder, const struct level *level,
			       const char *name)
{
	char inner[PATH_MAX];

	return entries_join(inner, level->path, name) &&
	       walk(finder, level->entries, name, inner, level->depth + 1);
}

/* Has the entry nothing that a rule could keep, by its name or identity, in it
 * or below? Of the places that are kept there is none in a tree that is walked:
 * find() saw to it. */
static bool entry_is_clean(struct finder *finder, const struct level *level,
			   const struct entry *entry)
{
	bool named = policy_fence_name(finder->names, entry->name);
	unsigned char type = entries_type(level->entries, entry);
	struct stat status;
	char inner[PATH_MAX];

	if (type == DT_DIR)
		return !named && directory_is_clean(finder, level, entry->name);
	if (type != DT_REG)
		return type != DT_UNKNOWN;
	if (!named && !may_be_protected(finder, entry, level))
		return true;
	if (!entries_join(inner, level->path, entry->name))
		return false;
	if (named &&
	    !policy_fence_exact(finder->input->policy, finder->action, inner))
		return false;
	return !may_be_protected(finder, entry, level) ||
	       (fstatat(entries_fd(level->entries), entry->name, &status,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		!is_protected(finder, inner, &status));
}

static bool is_projects(const struct finder *finder, const char *path)
{
	const struct fence_input *input = finder->input;

	return path_is_below(path, input->project) ||
	       (input->repository && path_is_below(path, input->repository));
}

/* Are names at any depth not looked for in the directory, as it is in a place
 * of others' files, of which the first `place` bytes are the path? What a rule
 * names there itself is. */
static bool is_passed_over(const struct finder *finder, const char *path,
			   size_t place)
{
	return place > 0 && !path_is_below(path, finder->input->project) &&
	       !policy_fence_floats_from(finder->input->policy, finder->action,
					 path, place);
}

/* Is the directory where tools keep what they fetch? */
static bool is_store(const struct finder *finder, const char *path)
{
	const struct fence_input *input = finder->input;

	return finder->action == ACTION_READ && !input->strict &&
	       is_passed_over(finder, path,
			      fence_places_store(input->home, path));
}

static void spend(struct finder *finder, size_t cost)
{
	if (finder->left < cost)
		finder->short_of = "it has more files than are looked through";
	else
		finder->left -= cost;
}

/*
 * Look through a directory. True: there is nothing in it, and it was added as
 * one. False: what may be taken of it was added.
 */
static bool walk(struct finder *finder, struct entries *in, const char *name,
		 const char *path, unsigned depth)
{
	if (!any_protected(finder) && is_store(finder, path))
		return add_directory(finder, in, name, path);
	size_t mark = finder->fence->count;
	struct entries *entries =
		depth < MOST_DEPTH ? open_directory(finder, in, name, path)
				   : NULL;
	const struct entry *entry;
	const struct level level = {entries, path, depth};
	bool clean = entries != NULL;
	dev_t device;
	ino_t inode;

	spend(finder, finder->directory_cost);
	while (entries && !finder->error && !finder->short_of &&
	       (entry = entries_next(entries))) {
		finder->fence->looked_at++;
		spend(finder, 1);
		if (!finder->short_of && !entry_is_clean(finder, &level, entry))
			clean = false;
	}
	clean = clean && !entries_failed(entries) && !finder->short_of &&
		!finder->error &&
		entries_identity(entries, &device, &inode) == 0;
	if (clean)
		drop_trees(finder->fence, mark);
	if (clean)
		clean = add_tree(finder, path, true, device, inode);
	else if (entries && !finder->short_of)
		add_files(finder, entries, path);
	entries_close(entries);
	return clean;
}

/* Walk a tree that is allowed but for names that float, and for links. */
static void walk_tree(struct finder *finder, struct entries *in,
		      const char *name, const char *path,
		      const struct policy_rule *why)
{
	const struct fence_input *input = finder->input;
	bool project = is_projects(finder, path);
	struct policy_fence_names *names =
		policy_fence_names(input->policy, finder->action, path);
	size_t given = project ? PROJECT_ENTRIES : OTHER_COST;

	if (!names) {
		finder->error = -ENOMEM;
		return;
	}
	if (!project && given > finder->other_left)
		given = finder->other_left;
	finder->names = names;
	finder->left = given;
	finder->directory_cost = project ? 0 : DIRECTORY_COST;
	finder->short_of = NULL;
	if (!walk(finder, in, name, path, 0))
		add_gap(finder, path,
			finder->short_of ?: "there are such files in it", why);
	if (!project)
		finder->other_left -= given - finder->left;
	finder->names = NULL;
	free(names);
}

/* -------------------------------------------------------------- finding -- */

static void find(struct finder *finder, struct entries *in, const char *name,
		 const char *path, unsigned depth);

/* Where others leave their files, too: what is there already is little used. */
static bool is_scratch(const struct finder *finder, const char *path)
{
	return (path_is_below(path, "/tmp") ||
		path_is_below(path, "/var/tmp")) &&
	       !is_projects(finder, path);
}

/* A tree with exceptions in it: its parts. */
static void find_parts(struct finder *finder, struct entries *in,
		       const char *name, const char *path, unsigned depth)
{
	struct entries *entries =
		depth < MOST_PARTS_DEPTH
			? open_directory(finder, in, name, path)
			: NULL;
	const struct entry *entry;
	char inner[PATH_MAX];

	if (!entries)
		return;
	while (!finder->error && finder->fence->count < MOST_TREES &&
	       (entry = entries_next(entries))) {
		finder->fence->looked_at++;
		if (entries_type(entries, entry) == DT_DIR &&
		    entries_join(inner, path, entry->name))
			find(finder, entries, entry->name, inner, depth + 1);
	}
	if (!is_scratch(finder, path))
		add_files(finder, entries, path);
	entries_close(entries);
}

static bool must_walk(const struct finder *finder, enum policy_fence fence,
		      const char *path)
{
	if (is_passed_over(finder, path, fence_places_system(path)))
		return false;
	return any_protected(finder) ||
	       (fence == FENCE_FLOATS && !is_store(finder, path));
}

/* `path` is a directory, as far as its own entry says. */
static void find(struct finder *finder, struct entries *in, const char *name,
		 const char *path, unsigned depth)
{
	const struct fence_input *input = finder->input;
	const struct policy_rule *why;
	enum policy_fence fence;

	if (fence_places_kept(finder->places, path) ||
	    fence_holds(finder->fence, finder->right, path))
		return;
	fence = policy_fence(input->policy, finder->action, path, &why);
	/* Below what is hidden nothing is there. */
	if (fence == FENCE_PARTS && policy_fence_hides(input->policy, path))
		return;
	if (fence == FENCE_OTHER || (fence == FENCE_FLOATS && input->strict &&
				     must_walk(finder, fence, path))) {
		if (why)
			add_gap(finder, path,
				"the rule may match anywhere in it", why);
	} else if (fence == FENCE_PARTS ||
		   fence_places_above_kept(finder->places, path) ||
		   (strcmp(path, input->project) != 0 &&
		    path_is_below(input->project, path))) {
		if (fence == FENCE_PARTS && why)
			add_gap(finder, path, "what the rule names is in it",
				why);
		find_parts(finder, in, name, path, depth);
	} else if (fence == FENCE_FLOATS && is_scratch(finder, path)) {
		add_gap(finder, path, "it is not looked through", why);
	} else if (must_walk(finder, fence, path)) {
		walk_tree(finder, in, name, path, why);
	} else {
		(void)add_directory(finder, in, name, path);
	}
}

/* A path, no link in it: as canonical paths are. */
static int open_path(const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static bool visit_root(void *context, const char *path, bool tree)
{
	struct finder *finder = context;
	auto_fd fd = -1;
	struct stat status;

	if (fence_places_kept(finder->places, path) ||
	    fence_holds(finder->fence, finder->right, path) ||
	    (tree && fence_roots_visited(&finder->roots, path)))
		return true;
	fd = open_path(path);
	if (fd < 0 || fstat(fd, &status) || fence_roots_hidden(&finder->roots, finder->input->policy, path))
		return true;
	if (S_ISDIR(status.st_mode) && tree)
		find(finder, NULL, path, path, 0);
	else if (S_ISREG(status.st_mode))
		add_file(finder, NULL, path, path);
	return !finder->error;
}

/* Devices that are the same for everybody and keep nothing: shells open
 * /dev/null all the time. */
static void find_devices(struct finder *finder)
{
	static const struct {
		const char *path;
		unsigned minor; /* of the memory devices: null(4), random(4) */
	} devices[] = {{"/dev/null", 3},
		       {"/dev/zero", 5},
		       {"/dev/full", 7},
		       {"/dev/random", 8},
		       {"/dev/urandom", 9}};
	struct stat status;

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (lstat(devices[i].path, &status) == 0 &&
		    S_ISCHR(status.st_mode) &&
		    status.st_rdev == makedev(1, devices[i].minor) &&
		    policy_fence_exact(finder->input->policy, finder->action,
				       devices[i].path))
			(void)add_tree(finder, devices[i].path, false,
				       status.st_dev, status.st_ino);
}

int fence_find(const struct fence_input *input, struct fence **result)
{
	static const struct {
		enum action action;
		unsigned right;
	} kinds[] = {{ACTION_READ, FENCE_READ}, {ACTION_WRITE, FENCE_WRITE}};
	/* Trees have canonical names; HOME has what the user gave it. */
	auto_free char *home = input->home ? realpath(input->home, NULL) : NULL;
	struct fence_input own = *input;
	struct finder finder = {
		.input = &own,
		.fence = calloc(1, sizeof(*finder.fence)),
		.places = fence_places_new(input->kept),
		.other_left = ALL_OTHER_COST,
	};

	own.home = home;
	if (!finder.fence || !finder.places)
		finder.error = -ENOMEM;
	for (size_t i = 0; !finder.error && i < 2; i++) {
		finder.action = kinds[i].action;
		finder.right = kinds[i].right;
		if (input->program)
			(void)visit_root(&finder, input->program, false);
		/* First the one that most is done in. */
		(void)visit_root(&finder, input->project, true);
		policy_fence_roots(input->policy, finder.action, visit_root,
				   &finder);
		fence_roots_forget(&finder.roots);
		find_devices(&finder);
	}
	fence_places_free(finder.places);
	if (!finder.error)
		finder.error = fence_settle(finder.fence, input);
	if (finder.error) {
		fence_free(finder.fence);
		return finder.error;
	}
	*result = finder.fence;
	return 0;
}
