/*
 * Programs that are run: what they are told, what is kept, what refuses to run.
 * The program runs itself to show it.
 *
 * covers: execve execveat fork vfork clone
 */
#include "tests/calls/calls.h"

#include <pthread.h>
#include <signal.h>
#include <limits.h>
#include <spawn.h>
#include <sys/prctl.h>

extern char **environ;

static char self[PATH_MAX];

/* What the new image finds. */
static int show(int argc, char **argv)
{
	char exe[PATH_MAX] = "", name[32] = "";
	sigset_t mask;

	printf("  argc %d:", argc);
	for (int i = 0; i < argc; i++)
		printf(" [%s]", argv[i]);
	for (char **variable = environ; *variable; variable++)
		printf(" {%s}", *variable);
	(void)!readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	prctl(PR_GET_NAME, name);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf(" exe %s, name %s, SIGUSR1 %s %s, fds",
	       strrchr(exe, '/') ? strrchr(exe, '/') : exe, name,
	       sigismember(&mask, SIGUSR1) ? "blocked" : "free",
	       signal(SIGUSR2, SIG_DFL) == SIG_IGN ? "ignored" : "default");
	for (int fd = 0; fd < 16; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf(", umask 0%o\n", umask(0));
	fflush(stdout);
	return 7;
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void child(const char *what, const char *path, char **argv, char **envp)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, envp);
		tell("  execve", -1);
		_exit(99);
	}
	tell_child(what, pid);
}

static void child_at(const char *what, int dirfd, const char *path, int flags)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_execveat, dirfd, path, WORDS("show", "at"),
			WORDS("A=1"), flags);
		tell("  execveat", -1);
		_exit(99);
	}
	tell_child(what, pid);
}

static void arguments(void)
{
	child("plain", self, WORDS("show", "one", ""), WORDS("A=1", "B="));
	child("no environment", self, WORDS("show"), WORDS(NULL));
	child("argv[0] of its own", self, WORDS("show", "x"), NULL);
	char *large = malloc(130000);

	memset(large, 'x', 129999);
	large[129999] = '\0';
	child("a long one", "/bin/sh",
	      WORDS("sh", "-c", "echo ${#1}", "sh", large), NULL);
	large = realloc(large, 140000);
	memset(large, 'x', 139999);
	large[139999] = '\0';
	child("too long", "/bin/true", WORDS("true", large), NULL);
	char **many = calloc(5001, sizeof(*many));

	for (int i = 0; i < 5000; i++)
		many[i] = (char[]){"word"};
	child("many", "/bin/true", many, NULL);
	free(many);
	free(large);
}

static void files(void)
{
	write_file("script", "#!/bin/sh\necho script: $0 $*\n");
	write_file("blank", "#!\n");
	write_file("odd", "#! /bin/sh   -e  \necho odd: $0 $*\nfalse\necho not "
			  "reached\n");
	write_file("nested", "#!./script with one\n");
	write_file("deep", "#!./nested\n");
	write_file("nowhere", "#!/absent/interpreter\n");
	write_file("bare", "echo bare\n");
	write_file("empty", "");
	write_file("binary", "\x7f"
			     "ELF and then nothing of the kind");
	write_file("locked", "#!/bin/sh\n");
	for (const char *const *name =
		     (const char *[]){"script", "blank", "odd", "nested",
				      "deep", "nowhere", "bare", "empty",
				      "binary", NULL};
	     *name; name++) {
		char path[64];

		need(chmod(*name, 0755));
		snprintf(path, sizeof(path), "./%s", *name);
		child(*name, path, WORDS("zero", "a b", "c"), WORDS("A=1"));
		child(*name, *name, WORDS("zero"), NULL);
	}
	child("no permission", "./locked", WORDS("x"), NULL);
	child("a directory", ".", WORDS("x"), NULL);
	child("absent", "./absent", WORDS("x"), NULL);
	child("below a file", "./script/x", WORDS("x"), NULL);
	need(symlink("script", "link"));
	child("a link", "./link", WORDS("x"), NULL);
	need(symlink("loop", "loop"));
	child("a loop", "./loop", WORDS("x"), NULL);
	int fd = need(open("script", O_WRONLY));

	child("open for writing", "./script", WORDS("x"), NULL);
	close(fd);
}

/* The file is looked at before the arguments. */
static void unreadable(void)
{
	char **nowhere = (char **)8;
	char *words[] = {(char[]){"zero"}, (char *)8, NULL};

	child("absent, argv unreadable", "./absent", nowhere, NULL);
	child("a directory, argv unreadable", ".", nowhere, NULL);
	child("no permission, a word unreadable", "./locked", words, NULL);
	child("no program, a word unreadable", "./binary", words, NULL);
	child("no interpreter, a word unreadable", "./nowhere", words, NULL);
	child("a program, argv unreadable", self, nowhere, NULL);
	child("a program, a word unreadable", self, words, NULL);
	child("a program, envp unreadable", self, WORDS("show"), nowhere);
}

static void at(void)
{
	int dir = need(open(".", O_RDONLY | O_DIRECTORY));
	int here = need(open(self, O_RDONLY | O_CLOEXEC));
	int path = need(open(self, O_PATH | O_CLOEXEC));
	int script = need(open("script", O_RDONLY | O_CLOEXEC));
	int kept = need(open("script", O_RDONLY));

	child_at("relative", dir, "script", 0);
	child_at("by descriptor", here, "", AT_EMPTY_PATH);
	child_at("by O_PATH", path, "", AT_EMPTY_PATH);
	child_at("a script that closes", script, "", AT_EMPTY_PATH);
	child_at("a script that stays", kept, "", AT_EMPTY_PATH);
	child_at("no path, no flag", here, "", 0);
	child_at("a link, not followed", dir, "link", AT_SYMLINK_NOFOLLOW);
	child_at("a file, not followed", dir, "script", AT_SYMLINK_NOFOLLOW);
	child_at("a bad flag", dir, "script", 0x8000);
	child_at("a bad descriptor", 77, "script", 0);
	child_at("no directory", here, "x", 0);
	close(dir);
	close(here);
	close(path);
	close(script);
	close(kept);
}

/* ------------------------------------------------------------ who runs it --
 */

static void *exec_in_thread(void *unused)
{
	(void)unused;
	execve(self, WORDS("show", "thread"), NULL);
	tell("  execve", -1);
	_exit(99);
}

/* From a thread that is not the first: the process id stays. */
static void from_thread(void)
{
	pthread_t thread;

	need(-pthread_create(&thread, NULL, exec_in_thread, NULL));
	for (;;)
		pause();
}

static void kept(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGUSR2, SIG_IGN);
	need(dup2(1, 9));
	need(fcntl(1, F_DUPFD_CLOEXEC, 11));
	umask(033);
	execve(self, WORDS("show", "kept"), NULL);
}

static void by_vfork(void)
{
	fflush(stdout);
	pid_t pid = vfork();

	if (pid == 0) {
		execve(self, WORDS("show", "vfork"), NULL);
		_exit(99);
	}
	tell_child("vfork", pid);
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		execve("./absent", WORDS("x"), NULL);
		_exit(errno == ENOENT ? 3 : 4);
	}
	tell_child("vfork, absent", pid);
}

static void by_spawn(void)
{
	posix_spawnattr_t attributes;
	pid_t pid;

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	fflush(stdout);
	errno = posix_spawn(&pid, self, NULL, &attributes,
			    WORDS("show", "spawn"), WORDS("A=1"));
	/* The child writes, too: it first. */
	if (errno == 0)
		tell_child("posix_spawn", pid);
	else
		tell("posix_spawn", -1);
	errno = posix_spawn(&pid, "./absent", NULL, NULL, WORDS("x"), NULL);
	tell("posix_spawn, absent", errno ? -1 : 0);
	errno = posix_spawnp(&pid, "bare", NULL, NULL, WORDS("x"), NULL);
	tell("posix_spawnp, not in PATH", errno ? -1 : 0);
}

static void own_place(void)
{
	char path[64];
	int fd = need(memfd_create("name", 0));

	child("/proc/self/exe", "/proc/self/exe", WORDS("show", "exe"), NULL);
	need(write(fd, "#!/bin/sh\necho memfd\n", 21));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	child("a memfd's script", path, WORDS("x"), NULL);
	close(fd);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 0 && strcmp(argv[0], "show") == 0)
		return show(argc, argv);
	/* What the shell of the harness left open. */
	need(close_range(3, ~0U, 0));
	need(readlink("/proc/self/exe", self, sizeof(self) - 1));
	arguments();
	files();
	unreadable();
	at();
	in_child("a thread", from_thread);
	in_child("what is kept", kept);
	by_vfork();
	by_spawn();
	own_place();
	return 0;
}
