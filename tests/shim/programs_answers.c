/* What calls answer: errors, listings and the working directory. See
 * programs.c. */
#include "tests/shim/programs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- errors --------------------------------------------------------------- */

static void show(const char *what, const char *path)
{
	struct stat status;
	char link[PATH_MAX];

	errno = 0;
	int fd = open(path, O_RDONLY);

	printf("%s: open %d %d", what, fd >= 0, errno);
	if (fd >= 0)
		close(fd);
	errno = 0;
	int result = stat(path, &status);

	printf(", stat %d %d", result, errno);
	errno = 0;
	result = lstat(path, &status);
	printf(", lstat %d %d", result, errno);
	errno = 0;
	result = access(path, W_OK);
	printf(", access %d %d", result, errno);
	errno = 0;
	ssize_t length = readlink(path, link, sizeof(link));

	printf(", readlink %zd %d", length, errno);
	errno = 0;
	result = mkdir(path, 0700);
	printf(", mkdir %d %d", result, errno);
	errno = 0;
	result = rename(path, "elsewhere");
	printf(", rename %d %d", result, errno);
	if (result == 0)
		rename("elsewhere", path);
	errno = 0;
	result = rmdir(path);
	printf(", rmdir %d %d\n", result, errno);
}

int programs_errors(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *tail = pages + page - 5, *long_path = malloc(5001);
	struct stat *nowhere = (void *)(uintptr_t)16;
	char one;

	munmap(pages + page, page);
	memcpy(tail, "there", 5);
	memset(long_path, 'a', 5000);
	long_path[5000] = '\0';
	show("a file", "there");
	show("a link", "link");
	show("a link with a slash", "link/");
	show("a link that leads nowhere", "dangling");
	show("a loop", "loop");
	show("nothing", "missing");
	show("the empty path", "");
	show("below a file", "there/below");
	show("a directory", "directory");
	show("a long path", long_path);
	show("NULL", NULL);
	show("a bad pointer", (char *)(uintptr_t)16);
	show("a kernel's pointer", (char *)-4096L);
	show("a path that ends in nothing", tail);
	tail[4] = '\0';
	memmove(tail, "ther", 4);
	show("a path at the end of a page", tail);
	errno = 0;
	printf("a bad buffer: %d", stat("there", nowhere));
	printf(" %d\n", errno);
	errno = 0;
	printf("no room: %zd", readlink("link", &one, 0));
	printf(" %d\n", errno);
	printf("O_TMPFILE: %d\n", open(".", O_TMPFILE | O_RDWR, 0600) >= 0);
	printf("O_PATH: %d\n", open("there", O_PATH) >= 0);
	free(long_path);
	return 0;
}

/* -- listings, and the working directory ---------------------------------- */

static void list_all(const char *when, DIR *directory)
{
	const struct dirent *entry;
	int count = 0;

	errno = 0;
	while ((entry = readdir(directory)))
		count++;
	printf("%s: %d entries, %d\n", when, count, errno);
}

static void list_raw(const char *when, int fd)
{
	char bytes[4096];

	errno = 0;
	long got = syscall(SYS_getdents64, fd, bytes, sizeof(bytes));

	printf("%s: %d %d\n", when, got < 0 ? -1 : got > 0, errno);
}

static void where(const char *when, char *room, size_t size)
{
	errno = 0;
	const char *path = getcwd(room, size);
	const char *last = path ? strrchr(path, '/') : NULL;

	printf("%s: %s %d\n", when, last ?: "none", errno);
}

int programs_listings(void)
{
	enum { FILES = 40 };
	char name[32], room[PATH_MAX];
	DIR *directory;

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "directory/%d", i);
		close(open(name, O_WRONLY | O_CREAT, 0600));
	}
	directory = opendir("directory");
	if (!directory)
		return 2;
	list_all("all", directory);
	list_all("behind the end", directory);
	list_raw("and once more", dirfd(directory));
	unlink("directory/0");
	close(open("directory/new", O_WRONLY | O_CREAT, 0600));
	list_raw("changed meanwhile", dirfd(directory));
	rewinddir(directory);
	list_all("from the start", directory);
	lseek(dirfd(directory), 0, SEEK_SET);
	list_raw("by its position", dirfd(directory));
	lseek(dirfd(directory), INT64_MAX, SEEK_SET);
	list_raw("at the largest", dirfd(directory));
	int file = open("there", O_RDONLY);

	lseek(file, INT64_MAX, SEEK_SET);
	list_raw("a file", file);
	list_raw("no descriptor", -1);
	where("there", room, sizeof(room));
	where("no room", room, 2);
	printf("%ld", syscall(SYS_getcwd, 16, sizeof(room)));
	printf(" %d\n", errno);
	mkdir("gone", 0700);
	closedir(directory);
	directory = opendir("gone");
	if (!directory || chdir("gone"))
		return 2;
	list_all("an empty one", directory);
	rmdir("../gone");
	list_raw("a removed one", dirfd(directory));
	where("in a removed one", room, sizeof(room));
	closedir(directory);
	return 0;
}
