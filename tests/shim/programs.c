/*
 * What a program may do around its file calls: signals that come in the middle,
 * forks, cancellation, bad pointers, registers. Run bare and with the shim;
 * what is printed must be the same.
 *
 *   programs hammer|cancel|errors|listings|raw|starts|registers|stacks|tight|begin
 *            DIRECTORY
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;
static const char *early = "no constructor ran";

/* Before main, and before most: nothing of the shim may be there to see. */
__attribute__((constructor)) static void at_the_beginning(void)
{
	early = getenv("LD_PRELOAD") ? "LD_PRELOAD is set" : "it is not set";
}

/* -- signals, threads, forks -------------------------------------------------
 */

enum { ROUNDS = 400, FORKS = 60 };
static atomic_long wrong;
static atomic_bool over;

static void check(bool right)
{
	if (!right)
		atomic_fetch_add(&wrong, 1);
}

static void use_files(void)
{
	struct stat status;
	char link[PATH_MAX];
	int fd = open("there", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	check(fstat(fd, &status) == 0 && status.st_size == 6);
	close(fd);
	check(open("missing", O_RDONLY) < 0 && errno == ENOENT);
	check(stat("there", &status) == 0 && S_ISREG(status.st_mode));
	check(access("there", R_OK) == 0);
	check(readlink("there", link, sizeof(link)) < 0 && errno == EINVAL);
	check(readlink("link", link, sizeof(link)) == 5 &&
	      memcmp(link, "there", 5) == 0);
}

static void on_signal(int number)
{
	int kept = errno;

	(void)number;
	use_files();
	errno = kept;
}

static void *in_thread(void *context)
{
	(void)context;
	while (!atomic_load(&over))
		use_files();
	return NULL;
}

static void fork_and_exec(bool vforks)
{
	char *arguments[] = {(char *)(uintptr_t) "true", NULL};
	pid_t pid = vforks ? vfork() : fork();
	int status;

	if (pid == 0) {
		if (!vforks)
			use_files();
		execv("/bin/true", arguments);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	check(pid > 0 && status == 0);
}

static int hammer(void)
{
	struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
	struct sigaction action = {.sa_handler = on_signal,
				   .sa_flags = SA_RESTART};
	pthread_t threads[2];

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, in_thread, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < ROUNDS; i++)
		use_files();
	for (int i = 0; i < FORKS; i++)
		fork_and_exec(i % 2);
	setitimer(ITIMER_REAL, &never, NULL);
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("%ld wrong\n", atomic_load(&wrong));
	return atomic_load(&wrong) != 0;
}

/* -- cancellation
 * -------------------------------------------------------------- */

static atomic_int cleaned;

static void clean(void *context)
{
	(void)context;
	atomic_fetch_add(&cleaned, 1);
}

static void *wait_in_open(void *context)
{
	pthread_cleanup_push(clean, NULL);
	int fd = open(context, O_RDONLY);

	printf("opened %d\n", fd >= 0);
	pthread_cleanup_pop(0);
	return NULL;
}

static int cancel(void)
{
	pthread_t thread;
	void *result = NULL;

	mkfifo("fifo", 0600);
	pthread_create(&thread, NULL, wait_in_open, (void *)(uintptr_t) "fifo");
	/* Whether it has come to the open by now or not, it ends there. */
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("cancelled %d, cleaned up %d\n", result == PTHREAD_CANCELED,
	       atomic_load(&cleaned));
	unlink("fifo");
	return 0;
}

/* -- errors
 * ---------------------------------------------------------------------- */

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

static int errors(void)
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

/* -- listings, and the working directory
 * ---------------------------------------- */

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

static int listings(void)
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

/* -- calls by syscall(2), and programs that are not there
 * ----------------------- */

static int raw(void)
{
	struct stat status;
	int value = 1, child;

	for (int i = 0; i < 300; i++)
		check(syscall(SYS_newfstatat, AT_FDCWD, "there", &status, 0) ==
		      0);
	printf("stat %ld",
	       syscall(SYS_newfstatat, AT_FDCWD, "there", &status, 0));
	printf(" %ld\n", (long)status.st_size);
	errno = 0;
	printf("bad flags %ld",
	       syscall(SYS_newfstatat, AT_FDCWD, 16, &status, 1));
	printf(" %d\n", errno);
	errno = 0;
	printf("bad mode %ld", syscall(SYS_faccessat, AT_FDCWD, 16, 0x80));
	printf(" %d\n", errno);
	printf("a descriptor %ld\n",
	       syscall(SYS_newfstatat, 0, "", &status, AT_EMPTY_PATH));
	printf("six arguments %d\n",
	       syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1);
	printf("a thread %d\n", syscall(SYS_gettid) == getpid());
	printf("waits %ld", syscall(202 /* futex */, &value, 0, 0, NULL));
	printf(" %d\n", errno);
	printf("no call %ld", syscall(100000));
	printf(" %d\n", errno);
	fflush(stdout);
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		value = access("there", R_OK) + 3;
		syscall(SYS_exit_group, value);
	}
	printf("forks %d", waitpid((pid_t)pid, &child, 0) == (pid_t)pid);
	printf(" %d, %d\n", WEXITSTATUS(child), value);
	return 0;
}

static void start(const char *what, const char *path)
{
	char *arguments[] = {(char *)(uintptr_t) "true", NULL};

	errno = 0;
	printf("%s: %d", what, execv(path, arguments));
	printf(" %d\n", errno);
}

static int starts(void)
{
	/* Not for the compiler to see. */
	char *volatile bad = (char *)(uintptr_t)16;
	pid_t pid;
	int status = 1;

	start("nothing", "missing");
	start("below a file", "there/below");
	start("a directory", "directory");
	start("a file that is none", "there");
	start("a link that leads nowhere", "dangling");
	start("a loop", "loop");
	start("the empty path", "");
	start("a bad pointer", bad);
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		execl("missing", "missing", NULL);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	printf("then the right one: %d\n", status);
	return 0;
}

/* -- registers
 * ---------------------------------------------------------------------- */

#ifdef __x86_64__
/* access(2)'s function in libc is its call and little else. */
static int registers(void)
{
	static const char path[] = "there";
	uint64_t before[13], after[13];
	unsigned char vectors[2][16 * 16], *from = vectors[0], *to = vectors[1];
	long result;

	for (int i = 0; i < 13; i++)
		before[i] = 0x1111111111111111UL * (unsigned)(i + 1);
	before[4] = (uint64_t)(uintptr_t)path; /* rdi */
	before[5] = R_OK;		       /* rsi */
	for (int i = 0; i < 256; i++)
		from[i] = (unsigned char)i;
	memset(after, 0, sizeof(after));
	void *context[] = {before, after, from, to, (void *)(uintptr_t)access};
	/* clang-format off */
	__asm__ volatile(
		"push %%rbp\n\tpush %%rbx\n\tpush %%rax\n\t"
		"mov 16(%%rax), %%rcx\n\t"
		"movdqu 0(%%rcx), %%xmm0\n\tmovdqu 16(%%rcx), %%xmm1\n\t"
		"movdqu 32(%%rcx), %%xmm2\n\tmovdqu 112(%%rcx), %%xmm7\n\t"
		"movdqu 240(%%rcx), %%xmm15\n\t"
		"mov 0(%%rax), %%rcx\n\t"
		"mov 0(%%rcx), %%rbx\n\tmov 8(%%rcx), %%rbp\n\t"
		"mov 24(%%rcx), %%rdx\n\tmov 32(%%rcx), %%rdi\n\t"
		"mov 40(%%rcx), %%rsi\n\tmov 48(%%rcx), %%r8\n\t"
		"mov 56(%%rcx), %%r9\n\tmov 64(%%rcx), %%r10\n\t"
		"mov 72(%%rcx), %%r12\n\tmov 80(%%rcx), %%r13\n\t"
		"mov 88(%%rcx), %%r14\n\tmov 96(%%rcx), %%r15\n\t"
		"call *32(%%rax)\n\t"
		"mov %%rax, %%r11\n\tmov (%%rsp), %%rcx\n\t"
		"mov 8(%%rcx), %%rax\n\t"
		"mov %%rbx, 0(%%rax)\n\tmov %%rbp, 8(%%rax)\n\t"
		"mov %%rdx, 24(%%rax)\n\tmov %%rdi, 32(%%rax)\n\t"
		"mov %%rsi, 40(%%rax)\n\tmov %%r8, 48(%%rax)\n\t"
		"mov %%r9, 56(%%rax)\n\tmov %%r10, 64(%%rax)\n\t"
		"mov %%r12, 72(%%rax)\n\tmov %%r13, 80(%%rax)\n\t"
		"mov %%r14, 88(%%rax)\n\tmov %%r15, 96(%%rax)\n\t"
		"mov 24(%%rcx), %%rax\n\t"
		"movdqu %%xmm0, 0(%%rax)\n\tmovdqu %%xmm1, 16(%%rax)\n\t"
		"movdqu %%xmm2, 32(%%rax)\n\tmovdqu %%xmm7, 112(%%rax)\n\t"
		"movdqu %%xmm15, 240(%%rax)\n\t"
		"mov %%r11, %%rax\n\t"
		"add $8, %%rsp\n\tpop %%rbx\n\tpop %%rbp\n\t"
		: "=a"(result)
		: "0"(context)
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm7", "xmm15",
		  "memory", "cc");
	/* clang-format on */
	for (int i = 0; i < 13; i++)
		if (i != 2 && before[i] != after[i])
			printf("register %d was changed\n", i);
	for (int i = 0; i < 256; i++)
		if ((i < 48 || (i >= 112 && i < 128) || i >= 240) &&
		    from[i] != to[i])
			printf("byte %d of the vectors was changed\n", i);
	printf("access: %d\n", (int)result);
	return 0;
}
#else
static int registers(void)
{
	return 0;
}
#endif

/* -- a stack of one's own, by syscall(2) --------------------------------------
 */

#ifdef __x86_64__
static const char *seen = "nothing";

static void on_another_stack(void)
{
	struct stat status;

	_exit(strcmp(seen, "what was said") == 0 && stat(".", &status) == 0
		      ? 42
		      : 43);
}

static int stacks(void)
{
	/* At its top the address to return to. */
	static _Alignas(16) uintptr_t stack[8192];
	int status = 0;

	seen = "what was said";
	for (int with = 0; with < 2; with++) {
		stack[8000] = (uintptr_t)on_another_stack;
		long child = syscall(SYS_clone, with * (CLONE_VM | CLONE_VFORK) | SIGCHLD,
				     &stack[8000], NULL, NULL, NULL);

		if (child < 0 || waitpid((pid_t)child, &status, 0) != child)
			return 1;
		printf("ended with %d\n", status);
	}
	/* Without one, as fork(2). */
	fflush(stdout);
	long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(44);
	waitpid((pid_t)child, &status, 0);
	printf("ended with %d\n", status);
	errno = 0;
	printf("refused: %ld", syscall(SYS_clone, CLONE_SIGHAND, NULL, NULL, NULL,
				       NULL));
	printf(" %d\n", errno);
	return 0;
}
#else
static int stacks(void)
{
	return 0;
}
#endif

/* -- little stack ------------------------------------------------------------
 */

static ucontext_t tight_back, tight_there;

static void tight_calls(void)
{
	static struct stat status;
	static char text[PATH_MAX];

	close(open("there", O_RDONLY));
	close(open("missing", O_RDONLY));
	printf("stat %d", stat("there", &status));
	printf(" access %d", access("missing", R_OK));
	printf(" readlink %zd", readlink("there", text, sizeof(text)));
	printf(" mkdir %d", mkdir("tight", 0700));
	printf(" rmdir %d\n", rmdir("tight"));
}

static void tight_open(void)
{
	int fd = open("there", O_RDONLY);

	if (fd < 0 || access("missing", R_OK) == 0 || close(fd))
		_exit(1);
	setcontext(&tight_back);
}

static void *tight_thread(void *unused)
{
	tight_calls();
	return unused;
}

/* The smallest stack that a thread may have, and what interpose(1) says that a call
 * takes, with what the call's own function needs. */
static int tight(void)
{
	enum { ROOM = 1300 + 160 };
	char *low = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile bool been = false;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	if (low == MAP_FAILED || mprotect(low + 4096, 4096, PROT_READ | PROT_WRITE) ||
	    pthread_attr_setstacksize(&small, (size_t)sysconf(_SC_THREAD_STACK_MIN)) ||
	    pthread_create(&thread, &small, tight_thread, NULL) ||
	    pthread_join(thread, NULL))
		return 1;
	getcontext(&tight_there);
	tight_there.uc_stack.ss_sp = low + 4096;
	tight_there.uc_stack.ss_size = ROOM;
	makecontext(&tight_there, tight_open, 0);
	getcontext(&tight_back);
	if (!been) {
		been = true;
		setcontext(&tight_there);
	}
	puts("with little stack");
	return 0;
}

/* -- the beginning ------------------------------------------------------------
 */

static int begin(void)
{
	printf("in a constructor: %s\n", early);
	for (char **variable = environ; *variable; variable++)
		printf("%s\n", *variable);
	/* Behind the environment stands the auxiliary vector. */
	char **end = environ;

	while (*end)
		end++;
	printf("behind it: %d\n", end[1] != NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} runs[] = {
		{"hammer", hammer},	{"cancel", cancel},
		{"errors", errors},	{"listings", listings},
		{"raw", raw},		{"starts", starts},
		{"begin", begin},	{"registers", registers},
		{"stacks", stacks},	{"tight", tight},
	};

	if (argc != 3 || chdir(argv[2]))
		return 2;
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		if (strcmp(argv[1], runs[i].name) == 0)
			return runs[i].run();
	return 2;
}
