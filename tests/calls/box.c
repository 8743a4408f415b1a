/*
 * The tree of files that calls are tried on (box.h).
 */
#include "tests/calls/box.h"

#include "tests/calls/calls.h"

#include <dirent.h>
#include <linux/limits.h>

static char here[PATH_MAX];
static uint64_t before;
static int fifo = -1;

static void remove_all(int dirfd, const char *name)
{
	struct stat status;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(status.st_mode))
		fchmodat(dirfd, name, 0700, 0);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0) {
		unlinkat(dirfd, name, 0);
		return;
	}
	DIR *directory = fdopendir(fd);
	struct dirent *entry;

	while ((entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			remove_all(fd, entry->d_name);
	closedir(directory);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* Names, modes, owners, links, sizes and times, as one number. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ from[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static uint64_t tree_sum(int dirfd, const char *name, bool print, int depth)
{
	struct stat status;
	char target[64];
	uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), name, strlen(name));

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW))
		return sum;
	if (print)
		printf(" %d:%s(%o,%u,%u,%lu,%ld)", depth, name, status.st_mode,
		       status.st_uid, status.st_gid,
		       (unsigned long)status.st_nlink,
		       S_ISDIR(status.st_mode) ? 0L : (long)status.st_size);
	sum = mix(sum, &status.st_mode, sizeof(status.st_mode));
	sum = mix(sum, &status.st_uid, sizeof(status.st_uid));
	sum = mix(sum, &status.st_gid, sizeof(status.st_gid));
	sum = mix(sum, &status.st_nlink, sizeof(status.st_nlink));
	/* A time that was set is before anything that happens by itself. */
	if (status.st_mtime < 1000000)
		sum = mix(sum, &status.st_mtime, sizeof(status.st_mtime));
	if (S_ISREG(status.st_mode))
		sum = mix(sum, &status.st_size, sizeof(status.st_size));
	if (S_ISLNK(status.st_mode)) {
		ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

		return n > 0 ? mix(sum, target, (size_t)n) : sum;
	}
	if (!S_ISDIR(status.st_mode))
		return sum;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent **entries = NULL;

	if (!directory)
		return sum;
	closedir(directory);
	int count = scandirat(dirfd, name, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *inner = entries[i]->d_name;

		if (strcmp(inner, ".") && strcmp(inner, "..")) {
			fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY);
			uint64_t part = tree_sum(fd, inner, print, depth + 1);

			sum = mix(sum, &part, sizeof(part));
			close(fd);
		}
		free(entries[i]);
	}
	free(entries);
	return sum;
}

void box_furnish(void)
{
	char name[32], target[32];

	umask(022);
	need(chdir(here));
	remove_all(AT_FDCWD, "box");
	need(mkdir("box", 0755));
	need(chdir("box"));
	write_file("file", "content");
	need(mkdir("dir", 0755));
	write_file("dir/inner", "inner");
	need(mkdir("empty", 0755));
	need(mkdir("deep", 0755));
	need(mkdir("deep/a", 0755));
	need(mkdir("deep/a/b", 0755));
	write_file("deep/a/b/c", "c");
	need(symlink("file", "tofile"));
	need(symlink("dir", "todir"));
	need(symlink("nowhere", "dangling"));
	need(symlink("dir/new", "tonew"));
	need(symlink("loop", "loop"));
	need(symlink("..", "up"));
	need(symlink("dir/.", "todots"));
	need(symlink("/dev/null", "abs"));
	need(symlink("dir/", "toslash"));
	need(symlink("file/", "tofileslash"));
	need(symlink("../box/./dir/inner", "around"));
	need(symlink("deep/round", "inward"));
	need(symlink("todir/inner", "inward2"));
	need(symlink("../dir/inner", "deep/round"));
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "chain%d", i);
		snprintf(target, sizeof(target), i == 1 ? "dir" : "chain%d",
			 i - 1);
		need(symlink(target, name));
	}
	need(mkfifo("fifo", 0644));
	/* Both its ends, so that no open of it waits. */
	if (fifo >= 0)
		close(fifo);
	fifo = need(open("fifo", O_RDWR | O_CLOEXEC));
	need(mknod("sock", S_IFSOCK | 0644, 0));
	need(mkdir("locked", 0755));
	write_file("locked/x", "x");
	need(chmod("locked", 0));
	before = tree_sum(AT_FDCWD, ".", false, 0);
}

void box_begin(void)
{
	need(getcwd(here, sizeof(here)) ? 0 : -1);
	box_furnish();
}

bool box_changed(void)
{
	(void)!chdir(here);
	(void)!chdir("box");
	return tree_sum(AT_FDCWD, ".", false, 0) != before;
}

void box_print(void)
{
	(void)tree_sum(AT_FDCWD, ".", true, 0);
}

void box_end(void)
{
	need(chdir(here));
	remove_all(AT_FDCWD, "box");
}
