/*
 * Hostile code at the gate: it maps the page itself, jumps there with whatever
 * arguments it likes, and gets nothing that the policy does not allow outright.
 *
 * Usage: gate HOME PROJECT [TRIES INODE INODE INODE INODE], laid out by gate.sh:
 * how often to race, and what it races for, ~/veil/x, ~/veil, ~/lone and
 * ~/faux/link. Prints FAILED: for what it got. gate HOME names, gate HOME guard:
 * under other policies.
 *
 * gate DIRECTORY hold: have a secret in a pipe, a memory file and a file
 * without a name, print the process's number, and wait for the end of the
 * input. gate PID pry: look for it there. Prints `pried` for what it got.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/gate_call.h"

static int failed;
static char home[2048], project[2048];

static void fail(const char *what, const char *path, long got)
{
	printf("FAILED: %s %s: %ld\n", what, path, got);
	failed = 1;
}

/* A descriptor with a secret in it? Closes it. */
static bool tells(long fd)
{
	char text[256] = "";
	ssize_t n = fd < 0 ? -1 : read((int)fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close((int)fd);
	return n > 0 && strstr(text, "TOPSECRET");
}

/* ------------------------------------------------------------- reading -- */

static void must_not_tell(const char *path)
{
	static const int flags[] = {
		O_RDONLY,
		O_RDWR,
		O_RDONLY | O_CREAT,
		O_RDONLY | O_NOFOLLOW,
		O_PATH,
		O_RDONLY | O_NONBLOCK | O_NOCTTY,
		O_RDWR | O_APPEND,
	};
	char link[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		long fd = open_at_gate(path, flags[i]);

		/* What an O_PATH descriptor leads to, opened again. */
		if (fd >= 0 && (flags[i] & O_PATH)) {
			snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
			if (tells(open_at_gate(link, O_RDONLY)))
				fail("reading by O_PATH", path, flags[i]);
		}
		if (tells(fd))
			fail("reading", path, flags[i]);
	}
	if (tells(gate(SYS_openat, -1, in("/proc/self/root", path), O_RDONLY, 0,
		       0)))
		fail("reading by /proc/self/root", path, 0);
#ifdef SYS_open
	if (tells(gate(SYS_open, path, O_RDONLY, 0)))
		fail("reading by open", path, 0);
#endif
}

static void by_descriptor(void)
{
	static const char *const ways[] = {"../../home/.ssh/id_rsa", "../.env",
					   "hard", "link"};
	/* Not of the fence, since there are links in it: by the supervisor. */
	long src = open(in(project, "src"), O_RDONLY | O_DIRECTORY);

	if (src < 0) {
		fail("opening the directory", "src", src);
		return;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (tells(gate(SYS_openat, src, ways[i], O_RDONLY, 0, 0)))
			fail("reading by descriptor", ways[i], 0);
	close((int)src);
	if (open_at_gate(in(home, "private"), O_RDONLY | O_DIRECTORY) >= 0)
		fail("listing", "private", 0);
}

static void reading(void)
{
	must_not_tell(in(home, ".ssh/id_rsa"));
	must_not_tell(in(home, ".aws/credentials"));
	must_not_tell(in(home, "private/other"));
	must_not_tell(in(home, "lone/x"));
	must_not_tell(in(home, "lone/below/x"));
	must_not_tell(in(project, ".env"));
	must_not_tell(in(project, "sub/deep/.env"));
	must_not_tell(in(project, "sub/id_rsa"));
	must_not_tell(in(project, "src/hard"));
	must_not_tell(in(project, "src/link"));
	must_not_tell(in(project, "src/linked/id_rsa"));
	must_not_tell(in(project, "config/production"));
	by_descriptor();
}

/* ------------------------------------------------------------- changing -- */

static void must_fail(const char *what, const char *path, long got)
{
	if (got >= 0)
		fail(what, path, got);
}

static void no_write(const char *path)
{
	must_fail("writing", path, open_at_gate(path, O_WRONLY));
	must_fail("writing", path, open_at_gate(path, O_RDWR));
	must_fail("truncating", path, open_at_gate(path, O_RDONLY | O_TRUNC));
	must_fail("truncating", path,
		  open_at_gate(path, O_WRONLY | O_TRUNC | O_CREAT));
	must_fail("removing", path, gate(SYS_unlinkat, AT_FDCWD, path, 0));
	must_fail("renaming over", path,
		  gate(SYS_renameat2, AT_FDCWD, in(project, "src/plain"),
		       AT_FDCWD, path, 0));
	must_fail("renaming away", path,
		  gate(SYS_renameat2, AT_FDCWD, path, AT_FDCWD,
		       in(project, "src/moved"), 0));
	must_fail("exchanging", path,
		  gate(SYS_renameat2, AT_FDCWD, path, AT_FDCWD,
		       in(project, "src/plain"), RENAME_EXCHANGE));
	must_fail("linking", path,
		  gate(SYS_linkat, AT_FDCWD, path, AT_FDCWD,
		       in(project, "src/linked2"), 0));
	must_fail("linking", path,
		  gate(SYS_linkat, AT_FDCWD, path, AT_FDCWD,
		       in(project, "src/linked2"), AT_SYMLINK_FOLLOW));
}

static void no_making(const char *path)
{
	must_fail("creating", path, open_at_gate(path, O_WRONLY | O_CREAT));
	must_fail("creating", path,
		  open_at_gate(path, O_RDWR | O_CREAT | O_EXCL));
	must_fail("making", path,
		  gate(SYS_mknodat, AT_FDCWD, path, S_IFREG | 0700, 0));
	must_fail("a FIFO at", path,
		  gate(SYS_mknodat, AT_FDCWD, path, S_IFIFO | 0700, 0));
	must_fail("a symlink at", path,
		  gate(SYS_symlinkat, "/etc/passwd", AT_FDCWD, path));
	must_fail("renaming to", path,
		  gate(SYS_renameat2, AT_FDCWD, in(project, "src/plain"),
		       AT_FDCWD, path, RENAME_NOREPLACE));
	must_fail("renaming to", path,
		  gate(SYS_renameat2, AT_FDCWD, in(project, "src/tree/a"),
		       AT_FDCWD, path, 0));
	must_fail("linking to", path,
		  gate(SYS_linkat, AT_FDCWD, in(project, "src/plain"), AT_FDCWD,
		       path, 0));
}

static void changing(void)
{
	static const char *const planted[] = {
		".git/hooks/post-checkout",
		".mcp.json",
		"src/.mcp.json",
		".claude/settings.json",
		"src/.claude/settings.json",
		"src/.vscode/tasks.json",
		"src/.envrc",
		"src/.exrc",
		"src/x.code-workspace",
		"src/.git/hooks/post-checkout",
	};
	static const char *const directories[] = {
		".idea", "src/.idea", "src/.codex", "src/.devcontainer"};

	/* Made so that only the last step is in the way. */
	(void)mkdir(in(project, ".claude"), 0700);
	(void)mkdir(in(project, "src/.claude"), 0700);
	(void)mkdir(in(project, "src/.vscode"), 0700);
	(void)mkdir(in(project, "src/.git"), 0700);
	(void)mkdir(in(project, "src/.git/hooks"), 0700);
	for (size_t i = 0; i < sizeof(planted) / sizeof(*planted); i++)
		no_making(in(project, planted[i]));
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories);
	     i++) {
		const char *path = in(project, directories[i]);

		must_fail("making the directory", path,
			  gate(SYS_mkdirat, AT_FDCWD, path, 0700));
		must_fail("renaming to the directory", path,
			  gate(SYS_renameat2, AT_FDCWD, in(project, "src/tree"),
			       AT_FDCWD, path, 0));
	}
	no_making(in(home, "private/new"));
	no_making(in(home, ".ssh/authorized_keys"));
	no_write(in(home, ".bashrc"));
	no_write(in(home, "private/other"));
	no_write(in(home, ".ssh/id_rsa"));
	no_write(in(project, ".git/config"));
	no_write(in(project, "src/hardrc"));
	/* No more of a file that the machine needs: if this fails, it is there
	   still. */
	must_fail("writing", "/etc/passwd",
		  open_at_gate("/etc/passwd", O_WRONLY));
	must_fail("writing", "/etc/passwd",
		  open_at_gate("/etc/passwd", O_RDWR | O_CREAT));
	must_fail("removing", ".ssh",
		  gate(SYS_unlinkat, AT_FDCWD, in(home, ".ssh"), AT_REMOVEDIR));
	must_fail("renaming", ".ssh",
		  gate(SYS_renameat2, AT_FDCWD, in(home, ".ssh"), AT_FDCWD,
		       in(project, "src/ssh"), 0));
	must_fail("a link for", ".claude",
		  gate(SYS_symlinkat, "src", AT_FDCWD,
		       in(project, "sub/.claude")));
}

/* What Landlock does not rule passes nowhere: it is served, or refused. */
static void never(void)
{
	char text[512];
	long got = gate(SYS_readlinkat, AT_FDCWD, in(home, ".ssh/link"), text,
			sizeof(text));

	must_fail("reading the link", ".ssh/link", got);
	must_fail("chmod of", ".bashrc",
		  gate(SYS_fchmodat, AT_FDCWD, in(home, ".bashrc"), 0777));
	must_fail("truncate of", ".bashrc",
		  gate(SYS_truncate, in(home, ".bashrc"), 0));
	must_fail("a tmpfile in", "private",
		  open_at_gate(in(home, "private"), O_TMPFILE | O_RDWR));
	must_fail("mount", "",
		  gate(SYS_mount, home, project, "none", MS_BIND, 0));
	struct {
		uint64_t flags, mode, resolve;
	} how = {O_RDONLY, 0, 0};

	if (tells(gate(SYS_openat2, AT_FDCWD, in(home, ".ssh/id_rsa"), &how,
		       sizeof(how))))
		fail("reading by openat2", ".ssh/id_rsa", 0);
}

/* -------------------------------------------------------------- the race -- */

static atomic_bool over;

/* With all that it may use: by the supervisor, and by the gate. */
static void *swap(void *unused)
{
	(void)unused;
	while (!atomic_load(&over)) {
		unlink(in(project, "turn"));
		(void)!symlink(in(home, ".ssh/id_rsa"), in(project, "turn"));
		unlink(in(project, "turn"));
		(void)!symlink(in(project, "src/plain"), in(project, "turn"));
	}
	return NULL;
}

static void racing(int tries)
{
	char turn[2100];
	long read_well = 0;
	pthread_t other;

	snprintf(turn, sizeof(turn), "%s/turn", project);
	if (pthread_create(&other, NULL, swap, NULL))
		exit(99);
	for (int i = 0; i < tries; i++) {
		long fd = open_at_gate(turn, O_RDONLY);

		read_well += fd >= 0;
		if (tells(fd)) {
			fail("the race for", turn, i);
			break;
		}
	}
	atomic_store(&over, true);
	pthread_join(other, NULL);
	printf("read %ld of %d\n", read_well, tries);
}

/* ----------------------------------------------------------- what passes -- */

static void must_pass(const char *what, const char *path, long got)
{
	if (got < 0)
		fail(what, path, got);
	else if (strcmp(what, "opening") == 0)
		close((int)got);
}

/* The gate is one: else the above would show nothing. */
static void passing(void)
{
	struct stat status;

	must_pass("opening", "plain",
		  open_at_gate(in(project, "src/plain"), O_RDONLY));
	must_pass("opening", "plain to write",
		  open_at_gate(in(project, "src/plain"), O_RDWR | O_CREAT));
	must_pass("opening", "the C library",
		  open_at_gate("/usr/bin/env", O_RDONLY));
	must_pass("newfstatat", "plain",
		  gate(SYS_newfstatat, AT_FDCWD, in(project, "src/plain"),
		       &status, 0));
	/* The leak that SECURITY.md tells of, and no more. */
	if (gate(SYS_newfstatat, AT_FDCWD, in(home, ".ssh/id_rsa"), &status,
		 0) == 0)
		printf("metadata passes\n");
	must_pass("unlinking", "gone",
		  gate(SYS_unlinkat, AT_FDCWD, in(project, "clean/gone"), 0));
	must_pass("opening", "a directory",
		  open_at_gate(in(project, "clean"), O_RDONLY | O_DIRECTORY));
}

/* ----------------------------------------------------------------- names -- */

static long rename_at_gate(const char *from, const char *to)
{
	return gate(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static long link_at_gate(const char *from, const char *to)
{
	return gate(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/*
 * Under a policy of which trees may be used for names as well: `open` and
 * `other` are, `half` may be read only, `private` nothing; `hid` is hidden, and
 * the unix sockets of `sockets` may be connected to, whoever made them.
 */
static void names(void)
{
	static const char *const closed[] = {"private", "half", "hid"};
	char from[64], to[64];

	for (size_t i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "%s/x", closed[i]);
		snprintf(to, sizeof(to), "%s/new", closed[i]);
		must_fail("renaming out of", from,
			  rename_at_gate(in(home, from), in(home, "open/got")));
		must_fail("linking out of", from,
			  link_at_gate(in(home, from), in(home, "open/got")));
		must_fail("renaming into", to,
			  rename_at_gate(in(home, "open/a"), in(home, to)));
		must_fail("linking into", to,
			  link_at_gate(in(home, "open/a"), in(home, to)));
		must_fail("making", to,
			  gate(SYS_mkdirat, AT_FDCWD, in(home, to), 0700));
		must_fail("a link at", to,
			  gate(SYS_symlinkat, "x", AT_FDCWD, in(home, to)));
		must_fail("removing", from,
			  gate(SYS_unlinkat, AT_FDCWD, in(home, from), 0));
		must_fail("renaming the tree", closed[i],
			  rename_at_gate(in(home, closed[i]),
					 in(home, "open/tree")));
		must_fail("renaming another over it", closed[i],
			  rename_at_gate(in(home, "open/dir"),
					 in(home, closed[i])));
	}
	must_not_tell(in(home, "private/x"));
	must_not_tell(in(home, "hid/x"));
	must_fail(
		"moving a directory", "to where sockets are open",
		rename_at_gate(in(home, "open/dir"), in(home, "sockets/dir")));
	must_pass("making", "open/new",
		  gate(SYS_mkdirat, AT_FDCWD, in(home, "open/new"), 0700));
	must_pass("creating", "open/file",
		  open_at_gate(in(home, "open/file"), O_CREAT | O_WRONLY));
	must_pass("a link", "open/link",
		  gate(SYS_symlinkat, "file", AT_FDCWD, in(home, "open/link")));
	must_pass("linking", "open/hard",
		  link_at_gate(in(home, "open/file"), in(home, "open/hard")));
	must_pass("renaming", "to the other tree",
		  rename_at_gate(in(home, "open/new"), in(home, "other/new")));
	must_pass("removing", "other/new",
		  gate(SYS_unlinkat, AT_FDCWD, in(home, "other/new"),
		       AT_REMOVEDIR));
}

/* ------------------------------------------------- what guards a session -- */

/*
 * Under a policy that allows all, but for what is asked about, faked, denied
 * for a time or logged. What guards the session is kept from it nevertheless.
 */
static void guard(bool fenced)
{
	static const char *const files[] = {
		"config/interpose/policy",
		"config/interpose/trust",
		"asked/x",
		"until/x",
	};
	static const char *const making[] = {
		"config/interpose/policies/own",
		"state/interpose/x",
		"state/interpose/sessions/x",
		"run/interpose/x",
		"asked/new",
		"until/new",
	};
	static const char *const trees[] = {"config/interpose",
					    "state/interpose", "run/interpose",
					    "asked", "until"};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *path = in(home, files[i]);

		must_not_tell(path);
		no_write(in(home, files[i]));
	}
	for (size_t i = 0; i < sizeof(making) / sizeof(*making); i++)
		no_making(in(home, making[i]));
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		must_fail("renaming", trees[i],
			  rename_at_gate(in(home, trees[i]),
					 in(home, "open/tree")));
		must_fail("renaming another over", trees[i],
			  rename_at_gate(in(home, "open/dir"),
					 in(home, trees[i])));
		must_fail("a link in place of", trees[i],
			  gate(SYS_symlinkat, "open", AT_FDCWD,
			       in(home, trees[i])));
	}
	must_not_tell(in(home, "faked/.env"));
	if (fenced)
		must_fail("reading what is logged", "logged/x",
			  open_at_gate(in(home, "logged/x"), O_RDONLY));
	must_pass("opening", "open/a",
		  open_at_gate(in(home, "open/a"), O_RDWR));
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 99;
	snprintf(home, sizeof(home), "%s", argv[1]);
	snprintf(project, sizeof(project), "%s", argv[2]);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (strcmp(argv[2], "hold") == 0)
		return gate_hold(argv[1]);
	if (gate_map()) {
		fail("mapping", "the gate", errno);
		return 1;
	}
	if (strcmp(argv[2], "pry") == 0)
		return gate_pry(argv[1]);
	if (strcmp(argv[2], "names") == 0) {
		names();
		return failed;
	}
	if (strcmp(argv[2], "guard") == 0) {
		strcpy(project, home);
		guard(argc > 3);
		return failed;
	}
	if (argv[2][0] != '/')
		return 99;
	reading();
	changing();
	never();
	if (argc > 7) {
		racing(atoi(argv[3]));
		failed |= gate_turned(in(home, "veil/x"), argv[4],
				      in(home, "show/x"), project,
				      atoi(argv[3]));
		failed |= gate_turned(in(home, "veil"), argv[5],
				      in(home, "show"), project, atoi(argv[3]));
		failed |= gate_turned(in(home, "lone"), argv[6],
				      in(home, "show"), project, atoi(argv[3]));
		failed |= gate_turned(in(home, "faux/link"), argv[7],
				      in(home, "show/link"), project,
				      atoi(argv[3]));
	}
	passing();
	return failed;
}
