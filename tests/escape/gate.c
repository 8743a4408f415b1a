/*
 * Hostile code at the gate: it maps the page itself, jumps there with whatever
 * arguments it likes, and gets nothing that the policy does not allow outright.
 *
 * Usage: gate HOME PROJECT, laid out by gate.sh. Prints FAILED: for what it
 * got. gate HOME names, gate HOME guard: under other policies.
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

#include "shim/gate.h"

#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

long gate(long number, ...);

#ifdef __x86_64__
static const unsigned char page[] = {0x0f, 0x05, 0xc3};
__asm__(".globl gate\n"
	"gate:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	mov $0x1f0000, %r11\n"
	"	jmp *%r11\n");
#else
static const unsigned char page[] = {0x01, 0, 0, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
__asm__(".globl gate\n"
	"gate:\n"
	"	mov x8, x0\n"
	"	mov x0, x1\n"
	"	mov x1, x2\n"
	"	mov x2, x3\n"
	"	mov x3, x4\n"
	"	mov x4, x5\n"
	"	mov x5, x6\n"
	"	mov x9, #0x1f0000\n"
	"	br x9\n");
#endif
_Static_assert(GATE_ADDRESS == 0x1f0000, "as the code above has it");

static int failed;
static char home[2048], project[2048];

static void fail(const char *what, const char *path, long got)
{
	printf("FAILED: %s %s: %ld\n", what, path, got);
	failed = 1;
}

static void map_gate(void)
{
	void *at =
		mmap((void *)GATE_ADDRESS, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	/* With the shim it is there already. */
	if (at == (void *)GATE_ADDRESS) {
		memcpy(at, page, sizeof(page));
		mprotect(at, 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache(at, (char *)at + sizeof(page));
	} else if (errno != EEXIST) {
		fail("mapping", "the gate", errno);
		exit(1);
	}
}

static const char *in(const char *directory, const char *name)
{
	static char room[8][4200];
	static unsigned at;
	char *path = room[at++ % 8];

	snprintf(path, sizeof(room[0]), "%s/%s", directory, name);
	return path;
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

static long open_at_gate(const char *path, int flags)
{
	return gate(SYS_openat, AT_FDCWD, path, flags, 0600, 0);
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
 * `other` are, `half` may be read only, `private` nothing; `hid` is hidden.
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

/* ------------------------------------------- what is another program's -- */

static const char secret[] = "TOPSECRET\n";

static int hold(const char *directory)
{
	const size_t length = sizeof(secret) - 1;
	int ends[2], memory = memfd_create("held", MFD_CLOEXEC);
	int nameless = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char byte;

	if (nameless < 0) {
		nameless = open(in(directory, "held"),
				O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		unlink(in(directory, "held"));
	}
	if (memory < 0 || nameless < 0 || pipe2(ends, O_CLOEXEC) ||
	    pwrite(memory, secret, length, 0) != (ssize_t)length ||
	    pwrite(nameless, secret, length, 0) != (ssize_t)length ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, memory, 0) == MAP_FAILED)
		return 99;
	for (int i = 0; i < 64; i++)
		if (write(ends[1], secret, length) != (ssize_t)length)
			return 99;
	printf("%d\n", getpid());
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static void pry(const char *what, const char *path)
{
	static const int flags[] = {
		O_RDONLY | O_NONBLOCK,
		O_RDWR | O_NONBLOCK,
		O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
		O_RDONLY | O_NONBLOCK | O_CREAT,
		O_RDONLY | O_NONBLOCK | O_DIRECTORY,
		O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW,
		O_RDONLY | O_NONBLOCK | O_NOATIME | O_LARGEFILE,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		long fd = open_at_gate(path, flags[i]);
		char text[512] = "";
		ssize_t n = fd < 0 ? -1 : pread((int)fd, text, 500, 0);

		if (n < 0 && fd >= 0)
			n = read((int)fd, text, 500);
		if (fd >= 0)
			close((int)fd);
		if (n > 0 && strstr(text, "TOPSECRET")) {
			printf("pried: %s\n", what);
			return;
		}
	}
}

static void pry_maps(const char *pid)
{
	char path[1024], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, " ")] = '\0';
		snprintf(path, sizeof(path), "/proc/%s/map_files/%s", pid,
			 line);
		if (strstr(line + strlen(line) + 1, "held"))
			pry("map_files", path);
	}
	if (maps)
		fclose(maps);
}

static int pry_all(const char *pid)
{
	static const char *const ways[] = {
		"/proc/%s/fd/%d",
		"/proc/%s/task/%s/fd/%d",
		"/proc/%s/fd/%d/",
		"/proc/%s/fd/%d/.",
		"/proc/%s/cwd/../../../../../../../../proc/%s/fd/%d",
		"/proc/self/root/proc/%s/fd/%d",
	};
	char path[256];

	for (int fd = 3; fd < 12; fd++) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
			if (i == 1 || i == 4)
				snprintf(path, sizeof(path), ways[i], pid, pid,
					 fd);
			else
				snprintf(path, sizeof(path), ways[i], pid, fd);
			pry(ways[i], path);
		}
		/* Links of ours that lead there. */
		snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, fd);
		unlink("turned");
		if (symlink(path, "turned") == 0)
			pry("a link", "turned");
		snprintf(path, sizeof(path), "/proc/%s/fd", pid);
		unlink("turned");
		if (symlink(path, "turned") == 0) {
			snprintf(path, sizeof(path), "turned/%d", fd);
			pry("a link to the directory", path);
		}
		unlink("turned");
	}
	pry_maps(pid);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 99;
	snprintf(home, sizeof(home), "%s", argv[1]);
	snprintf(project, sizeof(project), "%s", argv[2]);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (strcmp(argv[2], "hold") == 0)
		return hold(argv[1]);
	map_gate();
	if (strcmp(argv[2], "pry") == 0)
		return pry_all(argv[1]);
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
	if (argc > 3)
		racing(atoi(argv[3]));
	passing();
	return failed;
}
