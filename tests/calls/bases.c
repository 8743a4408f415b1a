/*
 * What a relative path starts from: directories that are renamed, removed,
 * moved over and closed to their owner while a program is in them or has them
 * open, and paths of dots and links from there.
 */
#include "tests/calls/calls.h"

static void look(const char *what, int dirfd, const char *path)
{
	struct stat status;

	printf("%s: %s\n", what, path);
	tell("  stat", fstatat(dirfd, path, &status, 0));
	if (fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
		printf("  type %o, size %ld\n", status.st_mode & S_IFMT,
		       S_ISDIR(status.st_mode) ? 0 : (long)status.st_size);
	tell("  access", faccessat(dirfd, path, R_OK, 0));
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	tell_fd("  open", fd);
	tell_fd("  open, no link",
		openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
	tell_fd("  open, a directory", openat(dirfd, path, O_DIRECTORY));
}

static void look_all(const char *what, int dirfd)
{
	static const char *const paths[] = {
		"file",
		"./file",
		"././/file",
		"file/",
		"inner",
		"inner/",
		"inner/.",
		"inner/../file",
		".",
		"..",
		"./",
		"../",
		"../beside",
		"../..",
		"../absent",
		"absent",
		".file",
		"...",
		"link",
		"link/",
		"inner/up",
		"out",
		"out/",
		"dangling",
		"./inner//deep",
		"../held/file",
		"../moved/file",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		look(what, dirfd, paths[i]);
}

/* A writer that waits for its reader must not take a mere look for one. */
static void fifo(int dirfd)
{
	char byte = 0;
	pid_t pid = need(fork());

	if (pid == 0) {
		int out = open("fifo", O_WRONLY);

		_exit(out >= 0 && write(out, "x", 1) == 1 ? 0 : 1);
	}
	int fd = openat(dirfd, "fifo", O_RDONLY);

	tell("fifo: read", read(fd, &byte, 1));
	close(fd);
	int status;

	need(waitpid(pid, &status, 0));
	printf("fifo: writer %d\n", status);
}

int main(void)
{
	struct stat status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	need(mkdir("held", 0755));
	need(mkdir("held/inner", 0755));
	write_file("held/file", "text");
	write_file("held/.file", "dotted");
	write_file("held/inner/deep", "deeper");
	write_file("beside", "beside it");
	need(symlink("file", "held/link"));
	need(symlink("../file", "held/inner/up"));
	need(symlink("..", "held/out"));
	need(symlink("nothing", "held/dangling"));
	need(mkfifo("held/fifo", 0644));
	int held = need(open("held", O_RDONLY | O_DIRECTORY));
	int file = need(open("held/file", O_RDONLY));

	look_all("open", held);
	look("a file as base", file, "deep");
	look("a file as base", file, ".");
	look("a file as base", file, "..");
	look("no base", 999, "file");
	look("the libraries", AT_FDCWD, "/lib");
	look("the libraries", AT_FDCWD, "/lib/");
	tell("the shell", stat("/bin/sh", &status));
	tell("of no library", stat("/lib/absent/absent", &status));
	need(chdir("held"));
	look_all("current", AT_FDCWD);
	fifo(held);
	need(rename("../held", "../moved"));
	look_all("renamed, open", held);
	look_all("renamed, current", AT_FDCWD);
	need(mkdir("../held", 0755));
	write_file("../held/file", "another");
	look("replaced, open", held, "file");
	look("replaced, current", AT_FDCWD, "file");
	need(chmod("..", 0));
	look("unsearchable above", AT_FDCWD, "file");
	look("unsearchable above", AT_FDCWD, "../beside");
	look("unsearchable above", held, "inner/deep");
	need(fchmodat(AT_FDCWD, "..", 0755, 0));
	need(mkdir("gone (deleted)", 0755));
	need(chdir("gone (deleted)"));
	look("an odd name", AT_FDCWD, ".");
	look("an odd name", AT_FDCWD, "../file");
	need(rmdir("../gone (deleted)"));
	look("removed", AT_FDCWD, ".");
	look("removed", AT_FDCWD, "..");
	look("removed", AT_FDCWD, "../file");
	look("removed", AT_FDCWD, "file");
	return 0;
}
