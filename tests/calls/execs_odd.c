/*
 * Programs that are run in odd ways: no arguments, as many as there can be,
 * first lines at their limits, interpreters by descriptor, files that are no
 * program.
 *
 * covers: execve execveat
 */
#include "tests/calls/calls.h"

#include <elf.h>
#include <limits.h>
#include <sys/resource.h>

extern char **environ;

static char self[PATH_MAX];

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

/* What the new image finds. */
static int show(int argc, char **argv)
{
	size_t variables = 0, sum = 0;

	while (environ[variables])
		variables++;
	for (int i = 0; i < argc; i++)
		sum += strlen(argv[i]) + 1;
	printf("  argc %d, %zu bytes, argv[0] \"%s\", last \"%.40s\", %zu "
	       "variables\n",
	       argc, sum, argc ? argv[0] : "none",
	       argc > 1 ? argv[argc - 1] : "", variables);
	fflush(stdout);
	return 7;
}

static void child_at(const char *what, int dirfd, const char *path, char **argv,
		     char **envp, int flags)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		if (flags < 0)
			execve(path, argv, envp);
		else
			syscall(SYS_execveat, dirfd, path, argv, envp, flags);
		tell("  exec", -1);
		_exit(99);
	}
	tell_child(what, pid);
}

static void child(const char *what, const char *path, char **argv)
{
	child_at(what, AT_FDCWD, path, argv, WORDS("A=1"), -1);
}

static void script(const char *name, const char *text)
{
	write_file(name, text);
	need(chmod(name, 0755));
}

/* ----------------------------------------------------------- arguments -- */

static void none(void)
{
	child("no argv[0]", self, WORDS(NULL));
	child("no argv", self, NULL);
	child_at("nothing", AT_FDCWD, self, NULL, NULL, -1);
	child_at("nothing, at", AT_FDCWD, self, NULL, NULL, 0);
	script("tells", "#!/bin/sh\necho \"  $# $0\"\n");
	child("a script, no argv[0]", "./tells", WORDS(NULL));
	child("a script, no argv", "./tells", NULL);
	script("empty_first", "#!/bin/echo one\n");
	child("an empty argv[0]", "./empty_first", WORDS("", "two"));
}

/* How many words of this size there can be: the first that is one too many. */
static void most(const char *what, const char *path, size_t size)
{
	const size_t room = (4UL << 20) / (size + 8);
	char *word = malloc(size);
	char **words = calloc(room + 2, sizeof(*words));
	size_t fits = 0, over = room;

	memset(word, 'x', size - 1);
	word[size - 1] = '\0';
	while (over - fits > 1) {
		size_t count = fits + (over - fits) / 2;
		int status, quiet = need(open("/dev/null", O_WRONLY));

		for (size_t i = 0; i <= room; i++)
			words[i] = i < count ? word : NULL;
		pid_t pid = fork();

		if (pid == 0) {
			dup2(quiet, 1);
			execve(path, words, WORDS("A=1"));
			_exit(errno == E2BIG ? 99 : 98);
		}
		close(quiet);
		need(waitpid(pid, &status, 0));
		if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
			over = count;
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			fits = count;
		else {
			printf("  %zu: status %x\n", count, (unsigned)status);
			break;
		}
	}
	printf("%s: %zu\n", what, fits);
	free(words);
	free(word);
}

static int run_many(char **words, int count)
{
	int ran = 0, status;

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execve("/bin/true", words, WORDS("A=1"));
			_exit(99);
		}
		need(waitpid(pid, &status, 0));
		ran += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return ran;
}

/* More pointers than the kernel has room mapped for, often enough to end at any
 * place of a page; and at once, as of xargs -P, more than the log is written. */
static void many(void)
{
	enum { AT_ONCE = 24, EACH = 15 };
	char *word = (char[]){"word"}, **words = calloc(20001, sizeof(*words));
	int ran = 0, status;

	for (size_t i = 0; i < 20000; i++)
		words[i] = word;
	for (int i = 0; i < AT_ONCE; i++)
		if (fork() == 0)
			_exit(run_many(words, EACH));
	for (int i = 0; i < AT_ONCE; i++) {
		need(wait(&status));
		ran += WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	}
	tell("many words", ran);
	free(words);
}

static void limits(void)
{
	const struct rlimit little = {1 << 20, 1 << 20};

	most("words of 100 kB", "/bin/true", 100000);
	most("words of 1 kB", "/bin/true", 1000);
	most("words of nothing", "/bin/true", 1);
	script("runs_true", "#!/bin/true\n");
	most("of a script", "./runs_true", 1000);
	need(setrlimit(RLIMIT_STACK, &little));
	most("with a stack of 1 MB", "/bin/true", 1000);
}

/* ---------------------------------------------------------- first lines -- */

static void long_line(size_t length, bool with_word, bool ends)
{
	char text[1024] = "#!", what[64];
	const char *program = "/bin/echo";
	size_t at = 2;

	/* Slashes in front: a path of any length. */
	while (at < length - strlen(program) - (with_word ? 4 : 0))
		text[at++] = '/';
	strcpy(text + at, program);
	if (with_word)
		strcat(text, " abc");
	if (ends)
		strcat(text, "\n");
	script("line", text);
	snprintf(what, sizeof(what), "a line of %zu%s%s", length,
		 with_word ? " with a word" : "", ends ? "" : ", not ended");
	child(what, "./line", WORDS("zero", "rest"));
}

static void lines(void)
{
	static const size_t lengths[] = {126, 127, 128, 129, 253, 254,
					 255, 256, 257, 258, 300};
	static const char *const texts[] = {
		"#!/bin/echo\tone\ttwo \t\n",
		"#! \t/bin/echo   \n",
		"#!/bin/echo",
		"#!/bin/echo one",
		"#!/bin/echo\r\n",
		"#!   \t \n/bin/echo\n",
		"#!  ",
		"#",
		"#!",
		"#!/\n",
		"#!.\n",
		"#!tells\n",
		"#!./absent\n",
		"#!./plain\n",
		"#!/bin/echo/\n",
		"#!/dev/null\n",
		" #!/bin/echo\n",
		"\n#!/bin/echo\n",
		"MZ\n",
		"\x7f\x45L\n",
		"\xca\xfe\xba\xbe\n",
	};
	char what[64];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (int kind = 0; kind < 4; kind++)
			long_line(lengths[i], kind & 1, kind & 2);
	write_file("plain", "echo plain\n");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		snprintf(what, sizeof(what), "text %zu", i);
		script("text", texts[i]);
		child(what, "./text", WORDS("zero", "rest"));
	}
	int fd = need(open("text", O_WRONLY | O_TRUNC));

	need(write(fd, "#!/bin/echo\0 one\n", 17));
	close(fd);
	child("a zero in it", "./text", WORDS("zero", "rest"));
}

/* Six scripts, each run by the one before. */
static void nested(void)
{
	char name[16], text[64], path[32];

	script("n0", "#!/bin/echo n0\n");
	for (int i = 1; i < 7; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(text, sizeof(text), "#!./n%d n%d\n", i - 1, i);
		script(name, text);
		snprintf(path, sizeof(path), "./%s", name);
		child(path, path, WORDS("zero", "rest"));
	}
	script("self", "#!./self\n");
	child("itself", "./self", WORDS("zero"));
}

/* -------------------------------------------------------- by descriptor -- */

static void by_descriptor(void)
{
	const int echo = need(open("/bin/echo", O_RDONLY));
	const int dir = need(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const int path = need(open(".", O_PATH | O_CLOEXEC));
	char **words = WORDS("zero", "rest");

	need(dup2(echo, 9));
	script("dev", "#!/dev/fd/9 one\n");
	script("proc", "#!/proc/self/fd/9 one\n");
	script("exe", "#!/proc/self/exe one\n");
	child("#!/dev/fd", "./dev", words);
	child("#!/proc/self/fd", "./proc", words);
	child("#!/proc/self/exe", "./exe", WORDS("show", "rest"));
	need(fcntl(9, F_SETFD, FD_CLOEXEC));
	child("#!/dev/fd that closes", "./dev", words);
	close(9);
	child("#!/dev/fd that is closed", "./dev", words);
	child_at("a directory", dir, "", words, NULL, AT_EMPTY_PATH);
	child_at("an O_PATH one", path, "", words, NULL, AT_EMPTY_PATH);
	child_at("the working directory", AT_FDCWD, "", words, NULL,
		 AT_EMPTY_PATH);
	child_at("a script that closes", dir, "n1", words, NULL, 0);
	child_at("the same, open", need(dup(dir)), "n1", words, NULL, 0);
	child_at("nowhere", dir, NULL, words, NULL, AT_EMPTY_PATH);
}

static void copy(int to)
{
	const int from = need(open("/bin/echo", O_RDONLY));
	char bytes[4096];
	ssize_t got;

	while ((got = need(read(from, bytes, sizeof(bytes)))) > 0)
		need(write(to, bytes, (size_t)got));
	close(from);
}

static void memory(void)
{
	const int fd = need(memfd_create("memory", MFD_ALLOW_SEALING));
	char path[64], **words = WORDS("zero", "rest");

	copy(fd);
	child_at("a memfd", fd, "", words, NULL, AT_EMPTY_PATH);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const int reads = need(open(path, O_RDONLY));

	child_at("one that can be written to", reads, "", words, NULL,
		 AT_EMPTY_PATH);
	child("by its name", path, words);
	need(fcntl(fd, F_ADD_SEALS,
		   F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK));
	child_at("sealed", fd, "", words, NULL, AT_EMPTY_PATH);
	close(fd);
	child_at("and closed", reads, "", words, NULL, AT_EMPTY_PATH);
	/* Changed between two runs. */
	const int other = need(memfd_create("other", 0));

	need(write(other, "#!/bin/echo one\n", 16));
	child_at("a script", other, "", words, NULL, AT_EMPTY_PATH);
	need(ftruncate(other, 0));
	need(lseek(other, 0, SEEK_SET));
	copy(other);
	child_at("which is a program now", other, "", words, NULL,
		 AT_EMPTY_PATH);
	need(ftruncate(other, 100));
	child_at("which is cut", other, "", words, NULL, AT_EMPTY_PATH);
}

/* ------------------------------------------------------------- no program --
 */

static void headers(void)
{
	Elf64_Ehdr header;
	const int from = need(open("/bin/echo", O_RDONLY));
	static const struct {
		const char *what;
		unsigned char class;
		unsigned short type, machine;
	} cases[] = {
		{"only a head", ELFCLASS64, ET_DYN, EM_X86_64},
		{"an object", ELFCLASS64, ET_REL, EM_X86_64},
		{"a core", ELFCLASS64, ET_CORE, EM_X86_64},
		{"of 32 bits", ELFCLASS32, ET_EXEC, EM_386},
		{"of another machine", ELFCLASS64, ET_EXEC, EM_RISCV},
	};

	need(read(from, &header, sizeof(header)));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		Elf64_Ehdr changed = header;

		changed.e_ident[EI_CLASS] = cases[i].class;
		changed.e_type = cases[i].type;
		changed.e_machine = cases[i].machine;
		script("head", "");
		int fd = need(open("head", O_WRONLY));

		need(write(fd, &changed, sizeof(changed)));
		close(fd);
		child(cases[i].what, "./head", WORDS("zero"));
	}
	close(from);
}

static void kinds(void)
{
	char name[PATH_MAX + 2];

	need(mkfifo("fifo", 0777));
	child("a FIFO", "./fifo", WORDS("zero"));
	child("a device", "/dev/null", WORDS("zero"));
	child("of /proc", "/proc/self/maps", WORDS("zero"));
	child("a slash behind", "./tells/", WORDS("zero"));
	child("no name", "", WORDS("zero"));
	child("none", NULL, WORDS("zero"));
	memset(name, '/', sizeof(name));
	strcpy(name + PATH_MAX - 10, "bin/echo");
	child("a path of 4094", name, WORDS("zero", "rest"));
	strcpy(name + PATH_MAX - 9, "bin/echo");
	child("a path of 4095", name, WORDS("zero", "rest"));
	strcpy(name + PATH_MAX - 8, "bin/echo");
	child("a path of 4096", name, WORDS("zero", "rest"));
	need(mkdir("gone", 0700));
	need(chdir("gone"));
	need(rmdir("../gone"));
	child("where nothing is", "./tells", WORDS("zero"));
	child("from a removed place", "/bin/echo", WORDS("zero", "rest"));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 0 || !*argv[0] || strcmp(argv[0], "show") == 0 ||
	    strstr(argv[0], "/proc/self/exe"))
		return show(argc, argv);
	need(close_range(3, ~0U, 0));
	need(readlink("/proc/self/exe", self, sizeof(self) - 1));
	none();
	lines();
	nested();
	by_descriptor();
	memory();
	headers();
	many();
	in_child("limits", limits);
	kinds();
	return 0;
}
