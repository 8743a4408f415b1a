/* The fence as Landlock has it: landlock(7). */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/fence.h"

/* Landlock's uapi has grown; older headers lack these. */
enum {
	ACCESS_REFER = 1 << 13,	   /* ABI 2 */
	ACCESS_TRUNCATE = 1 << 14, /* ABI 3 */
	SCOPES_ABI = 6,
	SCOPE_ABSTRACT_UNIX = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

/* All but LANDLOCK_ACCESS_FS_EXECUTE, which the supervisor decides about, and
 * IOCTL_DEV, which the filter does. What no tree is granted is handled, too. */
enum {
	HANDLED = (ACCESS_TRUNCATE << 1) - 1 - LANDLOCK_ACCESS_FS_EXECUTE,
	OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE |
		   LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE,
};

/* Trees that are not worth a thread. */
enum { FEW = 64 };

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

static uint64_t access_of(const struct fence_tree *tree)
{
	uint64_t access = 0;

	if (tree->rights & FENCE_READ)
		access |= LANDLOCK_ACCESS_FS_READ_FILE |
			  LANDLOCK_ACCESS_FS_READ_DIR;
	if (tree->rights & FENCE_WRITE)
		access |= LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE |
			  LANDLOCK_ACCESS_FS_REMOVE_FILE;
	if (tree->rights & FENCE_NAMES)
		access |= LANDLOCK_ACCESS_FS_MAKE_REG |
			  LANDLOCK_ACCESS_FS_MAKE_DIR |
			  LANDLOCK_ACCESS_FS_MAKE_SYM |
			  LANDLOCK_ACCESS_FS_REMOVE_DIR | ACCESS_REFER;
	return tree->directory ? access : access & OF_FILES;
}

static int add_rule(int ruleset, const struct fence_tree *tree)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	auto_fd fd = (int)syscall(SYS_openat2, AT_FDCWD, tree->path, &how,
				  sizeof(how));
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access_of(tree),
		.parent_fd = fd,
	};
	struct stat status;

	if (fd < 0 || fstat(fd, &status) || status.st_dev != tree->device ||
	    status.st_ino != tree->inode ||
	    S_ISDIR(status.st_mode) != tree->directory)
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? -errno
		       : 0;
}

/* Some of the trees. */
struct share {
	int ruleset;
	const struct fence_tree *trees;
	size_t count;
	int error;
};

static void *add_share(void *context)
{
	struct share *share = context;

	for (size_t i = 0; !share->error && i < share->count; i++)
		share->error = add_rule(share->ruleset, &share->trees[i]);
	return NULL;
}

/* Nearly all the time goes into finding the trees again, and two can do that.
 */
static int add_rules(const struct fence *fence, int ruleset)
{
	const size_t half = fence->count < FEW ? 0 : fence->count / 2;
	struct share one = {ruleset, fence->trees, half, 0};
	struct share other = {ruleset, fence->trees + half, fence->count - half,
			      0};
	pthread_t thread;
	bool threaded =
		half && pthread_create(&thread, NULL, add_share, &one) == 0;

	(void)add_share(&other);
	if (threaded)
		pthread_join(thread, NULL);
	else
		(void)add_share(&one);
	return one.error ? one.error : other.error;
}

int fence_ruleset_add(int ruleset, int file)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = file,
	};

	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? -errno
		       : 0;
}

int fence_ruleset(const struct fence *fence, int abi)
{
	struct ruleset ruleset = {.handled_access_fs = HANDLED};
	size_t size = sizeof(ruleset.handled_access_fs);
	int error;

	if (abi < FENCE_ABI)
		return -EOPNOTSUPP;
	if (abi >= SCOPES_ABI) {
		ruleset.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(ruleset);
	}
	auto_fd fd =
		(int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);

	if (fd < 0)
		return -errno;
	error = add_rules(fence, fd);
	return error ? error : take_fd(&fd);
}
