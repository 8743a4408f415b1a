/*
 * Memory: paths and structures that end at a page's edge, go over it, or lie
 * where nothing is; results to where nothing can be written.
 *
 * covers: openat openat2 newfstatat statx readlinkat getcwd getdents64 getxattr
 * covers: setxattr statfs renameat2 linkat symlinkat execve utimensat
 */
#include "tests/calls/calls.h"

#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

/* An address that a program may well pass by mistake. */
static char *nowhere(void)
{
	return (char *)(uintptr_t)0xdead0000U;
}

/* Every call that takes a path, with it there. */
static void with_path(const char *how, const char *path)
{
	struct stat status;
	struct statfs mounted;
	struct statx more;
	char text[64];

	printf("-- a path %s\n", how);
	tell_fd("openat", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY));
	TELL_FD(SYS_openat, AT_FDCWD, path, O_RDONLY | O_PATH);
	tell("newfstatat", syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0));
	tell("statx", syscall(SYS_statx, AT_FDCWD, path, 0, STATX_ALL, &more));
	TELL(SYS_faccessat, AT_FDCWD, path, R_OK);
	TELL(SYS_readlinkat, AT_FDCWD, path, text, sizeof(text));
	TELL(SYS_chdir, path);
	tell("statfs", syscall(SYS_statfs, path, &mounted));
	TELL(SYS_getxattr, path, "user.none", text, sizeof(text));
	TELL(SYS_truncate, path, 4L);
	TELL(SYS_fchmodat, AT_FDCWD, path, 0644);
	TELL(SYS_utimensat, AT_FDCWD, path, NULL, 0);
	TELL(SYS_mkdirat, AT_FDCWD, path, 0755);
	TELL(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
	TELL(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, path, 0);
	TELL(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, path, 0);
	TELL(SYS_linkat, AT_FDCWD, path, AT_FDCWD, path, 0);
	TELL(SYS_symlinkat, "x", AT_FDCWD, path);
	TELL(SYS_symlinkat, path, AT_FDCWD, "file");
	TELL(SYS_execve, path, NULL, NULL);
}

/* A result to there, of each size that it may have. */
static void with_result(const char *how, char *to)
{
	int dir = need(open(".", O_RDONLY | O_DIRECTORY));

	printf("-- a result %s\n", how);
	TELL(SYS_newfstatat, AT_FDCWD, "file", to, 0);
	TELL(SYS_fstat, dir, to);
	TELL(SYS_statx, AT_FDCWD, "file", 0, STATX_ALL, to);
	TELL(SYS_statfs, "file", to);
	tell_done("readlinkat",
		  syscall(SYS_readlinkat, AT_FDCWD, "link", to, 4L));
	TELL(SYS_readlinkat, AT_FDCWD, "link", to, 0L);
	tell_done("getcwd", syscall(SYS_getcwd, to, 4096L));
	TELL(SYS_getcwd, to, 1L);
	tell_done("getdents64", syscall(SYS_getdents64, dir, to, 4096L));
	tell_done("getxattr", syscall(SYS_getxattr, "file", "user.x", to, 3L));
	tell_done("listxattr", syscall(SYS_listxattr, "file", to, 4096L));
	close(dir);
}

/* A structure that is read: from there. */
static void with_structure(const char *how, char *from)
{
	printf("-- a structure %s\n", how);
	tell_fd("openat2", syscall(SYS_openat2, AT_FDCWD, "file", from,
				   sizeof(struct open_how)));
	TELL(SYS_utimensat, AT_FDCWD, "file", from, 0);
	TELL(SYS_setxattr, "file", "user.y", from, 16L, 0);
	TELL(SYS_setxattr, "file", from, "x", 1L, 0);
	TELL(SYS_execve, "/bin/true", from, NULL);
	TELL(SYS_execve, "/bin/true", NULL, from);
}

static void how_sizes(void)
{
	struct {
		struct open_how how;
		uint64_t more[4];
	} large = {.how = {.flags = O_RDONLY}};

	printf("-- sizes of open_how\n");
	for (size_t size = 0; size <= sizeof(large); size += 4)
		tell_fd("openat2",
			syscall(SYS_openat2, AT_FDCWD, "file", &large, size));
	TELL(SYS_openat2, AT_FDCWD, "file", &large, 4097L);
	large.more[1] = 1;
	TELL(SYS_openat2, AT_FDCWD, "file", &large, sizeof(large));
	large.more[1] = 0;
	large.how.flags = UINT64_MAX;
	TELL(SYS_openat2, AT_FDCWD, "file", &large, sizeof(large));
	large.how.flags = O_RDONLY;
	large.how.mode = 0600;
	TELL(SYS_openat2, AT_FDCWD, "file", &large, sizeof(large));
	large.how.mode = 0;
	large.how.resolve = UINT64_MAX;
	TELL(SYS_openat2, AT_FDCWD, "file", &large, sizeof(large));
}

/* Deeper than the stack has ever been: what lies below is not mapped yet. */
__attribute__((noinline)) static int deep(unsigned levels)
{
	volatile char room[200];
	struct stat status;
	char link[64];
	int wrong = 0;

	room[0] = (char)levels;
	if (levels % 7 == 0) {
		int fd = open("file", O_PATH);

		wrong = (fd < 0) + (chdir(".") != 0);
		close(fd);
	} else {
		wrong = (stat("file", &status) != 0) +
			(readlink("link", link, sizeof(link)) != 4);
	}
	if (levels)
		wrong += deep(levels - 1);
	/* Behind the call, so that it is none that ends this function. */
	room[0]++;
	return wrong;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	write_file("file", "text");
	need(symlink("file", "link"));
	(void)setxattr("file", "user.x", "abc", 3, 0);
	char *none = mmap(NULL, CALLS_PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	with_path("at the edge", at_edge("file"));
	with_path("over the edge", over_edge("file"));
	with_path("at the edge, absent", at_edge("absent"));
	with_path("nowhere", nowhere());
	with_path("of PROT_NONE", none);
	with_path("NULL", NULL);
	with_result("nowhere", nowhere());
	with_result("that can be read only", read_only());
	with_result("of PROT_NONE", none);
	with_result("one byte before the edge", edge() - 1);
	with_result("sixteen bytes before the edge", edge() - 16);
	with_result("NULL", NULL);
	with_structure("nowhere", nowhere());
	with_structure("of PROT_NONE", none);
	with_structure("over the edge", edge() - 8);
	how_sizes();
	tell("deep in the stack", deep(7000));
	/* The last: it is an argument vector, too, and ends this program. */
	with_structure("at the edge", memset(edge() - sizeof(struct open_how),
					     0, sizeof(struct open_how)));
	return 0;
}
