/*
 * Each level of the walk holds a descriptor, so the walk goes no deeper than
 * DEPTH: a directory that lies deeper is moved up to the top, where a later
 * pass finds it.
 */
#include "supervisor/remove_tree.h"

#include "policy/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

enum { DEPTH = 32 };

struct removal {
	int top;
	unsigned moved; /* names given to directories moved to the top */
	bool progress;	/* in this pass something was deleted or moved */
	int error;	/* the pass's first */
};

static void note(struct removal *removal, int error)
{
	if (error && error != -ENOENT && !removal->error)
		removal->error = error;
}

static void note_done(struct removal *removal, int result)
{
	if (result)
		note(removal, -errno);
	else
		removal->progress = true;
}

/* Open one component, no link and no mount in it. A descriptor or -errno. */
static int open_at(int parent, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_DIRECTORY | O_NOFOLLOW |
					      O_CLOEXEC),
		.resolve =
			RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Open a directory so that its entries can be deleted. */
static int open_directory(int parent, const char *name)
{
	auto_fd fd = open_at(parent, name, O_RDONLY);
	struct stat st;

	if (fd == -EACCES) {
		auto_fd handle = open_at(parent, name, O_PATH);
		char path[64];

		if (handle < 0)
			return handle;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
		if (chmod(path, 0700))
			return -errno;
		fd = open_at(parent, name, O_RDONLY);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || ((st.st_mode & 0700) != 0700 && fchmod(fd, 0700)))
		return -errno;
	return take_fd(&fd);
}

static void empty(struct removal *removal, int fd, int depth);

static void remove_entry(struct removal *removal, int parent, const char *name,
			 int depth)
{
	char moved[32];
	int fd;

	if (!unlinkat(parent, name, 0)) {
		removal->progress = true;
		return;
	}
	if (errno != EISDIR && errno != EPERM) {
		note(removal, -errno);
		return;
	}
	if (depth == DEPTH) {
		do
			snprintf(moved, sizeof(moved), ".moved-%u",
				 removal->moved++);
		while (!faccessat(removal->top, moved, F_OK,
				  AT_SYMLINK_NOFOLLOW));
		note_done(removal, renameat(parent, name, removal->top, moved));
		return;
	}
	fd = open_directory(parent, name);
	if (fd < 0) {
		note(removal, fd);
		return;
	}
	empty(removal, fd, depth + 1);
	note_done(removal, unlinkat(parent, name, AT_REMOVEDIR));
}

/* Delete what is in a directory; takes its descriptor. */
static void empty(struct removal *removal, int fd, int depth)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;

	if (!directory) {
		note(removal, -errno);
		close(fd);
		return;
	}
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			remove_entry(removal, fd, entry->d_name, depth);
	closedir(directory);
}

int remove_tree(int parent, const char *name)
{
	struct removal removal = {.top = -1};
	auto_fd top = open_directory(parent, name);

	if (top < 0)
		return top == -ENOENT ? 0 : top;
	removal.top = top;
	do {
		int fd = open_directory(top, ".");

		if (fd < 0)
			return fd;
		removal.progress = false;
		removal.error = 0;
		empty(&removal, fd, 1);
		if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		note(&removal, -errno);
	} while (removal.progress);
	return removal.error;
}
