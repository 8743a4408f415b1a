/*
 * What a file is once it is open: its number, flags and position; what creating
 * makes of mode, umask and a directory's default ACL; files without a name; a
 * working directory that is renamed or gone.
 *
 * covers: open openat openat2 creat mkdir mknod symlink link unlink rmdir umask
 * covers: getcwd chdir fchdir getdents64 fchmod fchown ftruncate fcntl
 */
#include "tests/calls/calls.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static void show_mode(const char *path)
{
	struct stat status;

	if (lstat(path, &status))
		tell(path, -1);
	else
		printf("%s: mode 0%o, %u:%u, size %ld\n", path, status.st_mode,
		       status.st_uid, status.st_gid, (long)status.st_size);
}

/* -------------------------------------------------------------- opening -- */

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{"APPEND", O_APPEND},	  {"CLOEXEC", O_CLOEXEC},
	{"CREAT", O_CREAT},	  {"DIRECTORY", O_DIRECTORY},
	{"EXCL", O_EXCL},	  {"NOFOLLOW", O_NOFOLLOW},
	{"NONBLOCK", O_NONBLOCK}, {"PATH", O_PATH},
	{"TRUNC", O_TRUNC},	  {"NOATIME", O_NOATIME},
	{"SYNC", O_SYNC},	  {"LARGEFILE", 0100000},
};
enum { FLAGS = sizeof(flags) / sizeof(*flags) };

static void open_with(const char *path, int mode, int asked)
{
	char what[256];
	int used = snprintf(what, sizeof(what), "open %s %d", path, mode);

	for (int i = 0; i < FLAGS; i++)
		if ((asked & flags[i].flag) == flags[i].flag)
			used += snprintf(what + used,
					 sizeof(what) - (size_t)used, " %s",
					 flags[i].name);
	tell_fd(what, syscall(SYS_openat, AT_FDCWD, path, mode | asked, 0640));
}

/* Each flag, and each two, on each kind of thing. */
static void opening(void)
{
	static const char *const paths[] = {"file", "dir", "link", "new",
					    "dangling"};

	for (size_t p = 0; p < sizeof(paths) / sizeof(*paths); p++) {
		for (int i = 0; i < FLAGS; i++) {
			for (int j = i; j < FLAGS; j++) {
				open_with(paths[p], O_RDWR,
					  flags[i].flag | flags[j].flag);
				unlink("new");
				unlink("target");
			}
			open_with(paths[p], O_RDONLY, flags[i].flag);
			open_with(paths[p], O_WRONLY, flags[i].flag);
			open_with(paths[p], 3, flags[i].flag);
			unlink("new");
			unlink("target");
		}
	}
	tell_fd("lowest again", open("file", O_RDONLY));
	close(0);
	tell_fd("lowest, 0 free", open("file", O_RDONLY));
	need(open("/dev/null", O_RDONLY));
}

static void appending(void)
{
	write_file("log", "one\n");
	int fd = need(open("log", O_WRONLY | O_APPEND));
	int other = need(open("log", O_WRONLY | O_APPEND));

	tell("append", write(fd, "two\n", 4));
	tell("append by another", write(other, "three\n", 6));
	tell("rewind", lseek(fd, 0, SEEK_SET));
	tell("append all the same", write(fd, "four\n", 5));
	tell("position", lseek(fd, 0, SEEK_CUR));
	tell("without O_APPEND", fcntl(fd, F_SETFL, 0));
	tell("at the start", pwrite(fd, "ONE", 3, 0));
	close(fd);
	close(other);
	show_mode("log");
	tell("O_TRUNC", fd = open("log", O_WRONLY | O_TRUNC));
	show_mode("log");
	tell("F_SETLK",
	     fcntl(fd, F_SETLK,
		   &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}));
	tell("F_SETLEASE", fcntl(fd, F_SETLEASE, F_WRLCK));
	close(fd);
	int first = need(open("file", O_RDONLY)), second = dup(first);

	tell("a shared position", lseek(first, 2, SEEK_SET));
	tell("is seen", lseek(second, 0, SEEK_CUR));
	close(first);
	close(second);
}

/* What the program has closed, nobody has open any more. */
static void closed(void)
{
	int reader = 0, locked = 0, busy = 0;

	need(mkfifo("fifo", 0600));
	for (int i = 0; i < 1000; i++) {
		close(need(open("fifo", O_RDONLY | O_NONBLOCK)));
		int fd = open("fifo", O_WRONLY | O_NONBLOCK);

		reader += fd >= 0;
		close(fd);
		fd = need(open("lock", O_RDONLY | O_CREAT, 0600));
		locked += flock(fd, LOCK_EX | LOCK_NB) != 0;
		close(fd);
	}
	for (int i = 0; i < 50; i++) {
		int fd = need(
			open("program", O_WRONLY | O_CREAT | O_TRUNC, 0700));

		need(write(fd, "#!/bin/true\n", 12));
		close(fd);
		pid_t child = fork();

		if (child == 0) {
			execl("./program", "program", NULL);
			_exit(errno);
		}
		int status;

		need(waitpid(child, &status, 0));
		busy += WEXITSTATUS(status) == ETXTBSY;
	}
	printf("a reader is left: %d, a lock: %d, a writer: %d\n", reader,
	       locked, busy);
}

/* ------------------------------------------------------------- creating -- */

/* As setfacl(1) would: a default ACL of user::rwx, group::r-x, other::---, and
 * one named user with rw-. */
static int set_default_acl(const char *path)
{
	struct entry {
		uint16_t tag, permission;
		uint32_t id;
	};
	struct {
		uint32_t version;
		struct entry entries[5];
	} acl = {2,
		 {{1, 7, UINT32_MAX},
		  {2, 6, 12345},
		  {4, 5, UINT32_MAX},
		  {16, 7, UINT32_MAX},
		  {32, 0, UINT32_MAX}}};

	return setxattr(path, "system.posix_acl_default", &acl, sizeof(acl), 0);
}

static void create_all(const char *directory)
{
	static const mode_t modes[] = {0777,  0666,  0600, 0444,
				       02755, 04755, 01777};
	char path[64];

	need(chdir(directory));
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(path, sizeof(path), "f%zu", i);
		tell_fd("create", syscall(SYS_openat, AT_FDCWD, path,
					  O_CREAT | O_EXCL | O_RDWR, modes[i]));
		show_mode(path);
		snprintf(path, sizeof(path), "d%zu", i);
		tell("mkdir", syscall(SYS_mkdirat, AT_FDCWD, path, modes[i]));
		show_mode(path);
		snprintf(path, sizeof(path), "n%zu", i);
		tell("mknod", mknod(path, S_IFIFO | modes[i], 0));
		show_mode(path);
		int fd = open(".", O_TMPFILE | O_RDWR, modes[i]);

		snprintf(path, sizeof(path), "t%zu", i);
		if (fd >= 0) {
			char link[40];

			snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
			tell("name it", linkat(AT_FDCWD, link, AT_FDCWD, path,
					       AT_SYMLINK_FOLLOW));
			show_mode(path);
		}
		tell_fd("O_TMPFILE", fd);
	}
	tell("creat", close(creat("c", 0666)));
	show_mode("c");
	need(chdir(".."));
}

static void creating(void)
{
	static const mode_t masks[] = {022, 0, 077, 027, 0777};
	char name[32];

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		printf("umask 0%o\n", masks[i]);
		umask(0);
		snprintf(name, sizeof(name), "plain%zu", i);
		need(mkdir(name, 0777));
		snprintf(name, sizeof(name), "acl%zu", i);
		need(mkdir(name, 0777));
		/* Some file systems have none: then the same, bare and held. */
		tell("default ACL", set_default_acl(name));
		tell("umask was", umask(masks[i]));
		create_all(name);
		snprintf(name, sizeof(name), "plain%zu", i);
		create_all(name);
	}
	umask(022);
}

/* The umask is a process's own, and a thread's with CLONE_FS apart. */
static void own_umask(void)
{
	umask(0);
	tell_fd("in the child", open("child", O_CREAT | O_WRONLY, 0666));
	show_mode("child");
}

/* -------------------------------------------------------- no name, no cwd --
 */

static void nameless(void)
{
	char text[8] = "", path[64], link[128] = "";
	int fd = need(open("gone", O_CREAT | O_RDWR, 0600));

	need(write(fd, "text", 4));
	need(unlink("gone"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDONLY);

	tell("reopen what has no name", again < 0 ? -1 : 0);
	tell("read it", read(again, text, sizeof(text)));
	puts(text);
	close(again);
	tell_fd("/dev/fd", open("/dev/fd/0", O_RDONLY));
	tell("link", linkat(fd, "", AT_FDCWD, "back", AT_EMPTY_PATH));
	show_mode("back");
	struct stat status;

	tell("fstatat, no path", fstatat(fd, "", &status, AT_EMPTY_PATH));
	printf("links %lu\n", (unsigned long)status.st_nlink);
	tell("fchmod", fchmod(fd, 0400));
	tell("ftruncate", ftruncate(fd, 1));
	tell("fstat", fstat(fd, &status));
	printf("mode 0%o, size %ld\n", status.st_mode, (long)status.st_size);
	ssize_t got = readlink(path, link, sizeof(link) - 1);

	tell("readlink", got < 0 ? -1 : 0);
	puts(strrchr(link, '/') ? strrchr(link, '/') : link);
	close(fd);
}

static void list(const char *path)
{
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort);

	tell(path, count);
	for (int i = 0; i < count; i++)
		printf("  %s %d\n", names[i]->d_name, names[i]->d_type);
}

static void moved(void)
{
	char buffer[256];

	need(mkdir("from", 0755));
	need(mkdir("from/in", 0755));
	need(chdir("from/in"));
	write_file("here", "x");
	need(rename("../../from", "../../to"));
	tell("getcwd, renamed", getcwd(buffer, sizeof(buffer)) ? 0 : -1);
	puts(strstr(buffer, "/to/") ? "in the new place" : buffer);
	show_mode("here");
	show_mode("../in/here");
	list(".");
	need(unlink("here"));
	need(rmdir("../../to/in"));
	tell("getcwd, removed", getcwd(buffer, sizeof(buffer)) ? 0 : -1);
	show_mode(".");
	show_mode("..");
	tell("open .", close(open(".", O_RDONLY | O_DIRECTORY)));
	tell_fd("create", open("new", O_CREAT | O_WRONLY, 0600));
	tell("mkdir", mkdir("new", 0700));
	tell("an absolute path", access("/dev/null", R_OK));
	list(".");
	tell("chdir ..", chdir(".."));
}

static void odd_names(void)
{
	static const char *const names[] = {
		"\xff\xfe", "new\nline", "tab\t", "\x1b[31m", "*",  "[a]",
		"{a,b}",    "~",	 "$HOME", "\\",	      "\"", " "};

	need(mkdir("odd", 0755));
	need(chdir("odd"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		write_file(names[i], "x");
		tell("rename", rename(names[i], "between"));
		tell("back", rename("between", names[i]));
		tell("access", access(names[i], R_OK));
	}
	list(".");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	write_file("file", "text of a file\n");
	need(mkdir("dir", 0755));
	need(symlink("file", "link"));
	need(symlink("target", "dangling"));
	opening();
	appending();
	closed();
	creating();
	in_child("umask", own_umask);
	write_file("mask", "");
	show_mode("mask");
	nameless();
	in_child("moved", moved);
	in_child("odd names", odd_names);
	return 0;
}
