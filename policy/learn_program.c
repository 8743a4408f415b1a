#include "policy/learn_program.h"

#include <string.h>

#include "policy/names.h"

/*
 * Told by name, as the language's own list of interpreters is. What a program
 * that is granted something gets from its starter's environment is cut down
 * (interpose-policy(5), `by`): those that scripts steer by it are named here,
 * too.
 */
/* clang-format off */
static const char *const general[] = {
	/* coreutils, findutils, diffutils and what else stands in scripts */
	"base32", "base64", "basename", "b2sum", "cat", "chgrp", "chmod",
	"chown", "cksum", "cmp", "comm", "cp", "csplit", "cut", "date", "dd",
	"df", "diff", "diff3", "dir", "dirname", "du", "echo", "env", "expand",
	"expr", "file", "find", "fmt", "fold", "getopt", "head", "hexdump",
	"install", "join", "link", "ln", "locate", "logger", "ls", "md5sum",
	"mkdir", "mkfifo", "mknod", "mktemp", "mv", "nice", "nl", "nohup",
	"numfmt", "od", "paste", "patch", "pr", "printenv", "printf", "ptx",
	"readlink", "realpath", "rename", "rm", "rmdir", "sdiff", "seq",
	"setsid", "sha1sum", "sha224sum", "sha256sum", "sha384sum",
	"sha512sum", "shred", "shuf", "sort", "split", "stat", "stdbuf",
	"strings", "sum", "sync", "tac", "tail", "tee", "test", "time",
	"timeout", "touch", "tr", "truncate", "tsort", "unexpand", "uniq",
	"unlink", "vdir", "wc", "which", "xargs", "xxd", "yes",
	/* text, archives, downloads, editors, pagers, data bases */
	"ag", "bat", "bsdtar", "bunzip2", "bzcat", "bzip2", "cpio", "curl",
	"ed", "egrep", "emacs", "ex", "fd", "fdfind", "fgrep", "fzf", "grep",
	"gunzip", "gzip", "jq", "less", "lz4", "lzma", "m4", "more", "mysql",
	"nano", "nvim", "openssl", "pager", "psql", "rg", "rsync", "sed",
	"sqlite3", "tar", "tree", "unxz", "unzip", "unzstd", "vi", "view",
	"vim", "wget", "xmllint", "xz", "xzcat", "yq", "zcat", "zip", "zstd",
	"zstdcat",
	/* what is told by options and environment, by builds for the most */
	"ar", "as", "c++", "c89", "c99", "cc", "ccache", "clang", "clang++",
	"clippy-driver", "cmake", "cpp", "ctest", "distcc", "g++", "gcc",
	"gcov", "gdb", "gdbserver", "gfortran", "git", "git-lfs", "gmake",
	"gold", "javac", "ld", "ld.bfd", "ld.gold", "ld.lld", "lld", "lldb",
	"ltrace", "make", "meson", "mold", "ninja", "nm", "objcopy", "objdump",
	"perf", "pkg-config", "pkgconf", "protoc", "ranlib", "readelf",
	"rustc", "rustdoc", "samu", "sccache", "size", "ssh", "strace",
	"strip", "valgrind",
	/* shells and interpreters, beside those that the language knows */
	"R", "Rscript", "ash", "awk", "bash", "bun", "busybox", "coreutils",
	"csh", "dash", "deno", "elixir", "elvish", "erl", "escript", "fish",
	"gawk", "ghc", "guile", "java", "julia", "ksh", "lua", "luajit",
	"mawk", "mksh", "nawk", "node", "nodejs", "nu", "ocaml", "octave",
	"original-awk", "perl", "php", "pwsh", "pypy", "python", "racket",
	"rbash", "ruby", "runghc", "sbcl", "sh", "swipl", "tclsh", "tcsh",
	"toybox", "uv", "wish", "xonsh", "zsh",
	NULL,
};
/* clang-format on */

/* Programs that a person starts stand in such a directory; what stands in
 * another is the helper of one, or a version of it. */
static bool is_bin(const char *exe, const char *name)
{
	const char *end = name - 1, *start = end;

	while (start > exe && start[-1] != '/')
		start--;
	return end - start == 3	  ? !strncmp(start, "bin", 3)
	       : end - start == 4 ? !strncmp(start, "sbin", 4)
				  : false;
}

/* python3.11 is python, x86_64-linux-gnu-gcc-12 is gcc. */
static void trim(const char **start, const char **end)
{
	static const char *const targets[] = {"-gnu-", "-musl-", "-elf-"};

	while (*end > *start && strchr("0123456789.-", (*end)[-1]))
		--*end;
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		const char *at = memmem(*start, (size_t)(*end - *start),
					targets[i], strlen(targets[i]));

		if (at)
			*start = at + strlen(targets[i]);
	}
}

bool learn_program_has_purpose(const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *start, *end = exe + strlen(exe);

	if (!slash || exe[0] != '/' || !slash[1] || !is_bin(exe, slash + 1))
		return false;
	start = slash + 1;
	if (word_index(general, start, (size_t)(end - start)) >= 0)
		return false;
	trim(&start, &end);
	/* A name of digits is a version. */
	return end > start &&
	       word_index(general, start, (size_t)(end - start)) < 0;
}
