/*
 * A program without a loader: what its calls come to. Its own sites are as
 * compilers make musl's, and one of them is entered in its middle.
 *
 *   static WHAT DIRECTORY [PATH]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 300, ROUNDS = 20000, THREADS = 8 };

/*
 * whole(path, status): stat(2). entered(path, status, follow): lstat(2), or
 * stat(2) by way of all of the site. keeps(path, status, seen): what stat(2)
 * leaves in the registers, flags and red zone.
 */
long whole(const char *path, struct stat *status);
long entered(const char *path, struct stat *status, long follow);
long keeps(const char *path, struct stat *status, uint64_t *seen);
extern const unsigned char whole_site[], entered_site[];
__asm__(".text\n"
	".balign 16\n"
	".skip 64, 0x90\n"
	"whole:\n"
	"	mov	%rsi, %r8\n"
	"	mov	$4, %eax\n"
	"whole_site:\n"
	"	mov	%r8, %rsi\n"
	"	syscall\n"
	"	ret\n"
	".balign 16\n"
	".skip 64, 0x90\n"
	"entered:\n"
	"	mov	$6, %eax\n"
	"	mov	%rsi, %r8\n"
	"	test	%edx, %edx\n"
	"	je	1f\n"
	"	mov	$4, %eax\n"
	"entered_site:\n"
	"	mov	%r8, %rsi\n"
	"1:	syscall\n"
	"	ret\n"
	".balign 16\n"
	".skip 64, 0x90\n"
	"keeps:\n"
	"	push	%rbx\n"
	"	push	%r12\n"
	"	mov	%rdx, %r12\n"
	"	mov	%rdi, %rbx\n"
	"	movq	$0x11, -8(%rsp)\n"
	"	movq	$0x22, -128(%rsp)\n"
	"	mov	$0x33, %edx\n"
	"	mov	$0x44, %r10d\n"
	"	mov	$0x55, %r8d\n"
	"	mov	$0x66, %r9d\n"
	"	stc\n"
	"	mov	$4, %eax\n"
	"	mov	%rbx, %rdi\n"
	"	syscall\n"
	"	setc	(%r12)\n"
	"	mov	%rdi, 8(%r12)\n"
	"	mov	%rsi, 16(%r12)\n"
	"	mov	%rdx, 24(%r12)\n"
	"	mov	%r10, 32(%r12)\n"
	"	mov	%r8, 40(%r12)\n"
	"	mov	%r9, 48(%r12)\n"
	"	mov	-8(%rsp), %rdx\n"
	"	mov	%rdx, 56(%r12)\n"
	"	mov	-128(%rsp), %rdx\n"
	"	mov	%rdx, 64(%r12)\n"
	"	pop	%r12\n"
	"	pop	%rbx\n"
	"	ret\n");

static int failures;

static void check(const char *what, int right)
{
	if (right)
		return;
	printf("%s: wrong, %d\n", what, errno);
	__atomic_fetch_add(&failures, 1, __ATOMIC_SEQ_CST);
}

static size_t list(const char *path)
{
	DIR *directory = opendir(path);
	size_t count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static int many(void)
{
	char name[32], text[32];
	struct stat status;

	mkdir("many", 0700);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		check("write", write(fd, name, strlen(name)) > 0);
		close(fd);
		check("stat", stat(name, &status) == 0 && status.st_size > 5);
		check("lstat", lstat(name, &status) == 0);
		check("access", access(name, R_OK) == 0);
		check("readlink", readlink(name, text, sizeof(text)) == -1 &&
					  errno == EINVAL);
		check("none",
		      open("many/none", O_RDONLY) == -1 && errno == ENOENT);
	}
	for (int i = 0; i < FILES; i++)
		check("list", list("many") == FILES + 2);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		check("unlink", unlink(name) == 0);
	}
	return rmdir("many");
}

static int sites(void)
{
	printf("%02x %02x\n", whole_site[0], entered_site[0]);
	return 0;
}

static int calls(void)
{
	const char *names[] = {"there", "link", "none", "dangling", "loop"};
	struct stat status;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t seen[9] = {0};

		printf("%s: %ld", names[i], whole(names[i], &status));
		printf(", %ld", entered(names[i], &status, 1));
		printf(", %ld", entered(names[i], &status, 0));
		printf(", %ld:", keeps(names[i], &status, seen));
		printf(" %d %d", seen[1] == (uintptr_t)names[i],
		       seen[2] == (uintptr_t)&status);
		printf(" %x", (unsigned)seen[0]);
		for (int at = 3; at < 9; at++)
			printf(" %x", (unsigned)seen[at]);
		printf("\n");
	}
	return 0;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	struct stat status;
	int kept = errno;

	(void)number;
	alarms = alarms + 1;
	check("stat of a handler", whole("there", &status) == 0);
	check("open of a handler", close(open("there", O_RDONLY)) == 0);
	errno = kept;
}

static void *hammer(void *context)
{
	struct stat status;
	char text[64];

	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("there", O_RDONLY | O_CLOEXEC);

		check("open", fd >= 0 && read(fd, text, 5) == 5 &&
				      memcmp(text, "hello", 5) == 0);
		close(fd);
		check("stat", stat("there", &status) == 0);
		check("own stat", whole("there", &status) == 0);
		check("missing",
		      stat("missing", &status) == -1 && errno == ENOENT);
		if (i % 100 == 0)
			check("list", list("directory") == 2);
	}
	return context;
}

static void start_storm(int flags)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval often = {{0, 100}, {0, 100}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static int storm(void)
{
	start_storm(SA_RESTART);
	(void)hammer(NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	printf("alarms: %d\n", alarms > 0);
	return 0;
}

static int threads(void)
{
	pthread_t thread[THREADS];

	start_storm(SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, hammer, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	return 0;
}

static int child(char *self)
{
	char *again[] = {self, "calls", ".", NULL}, *none[] = {NULL};
	struct stat status;

	if (stat("there", &status) || whole("there", &status))
		_exit(1);
	execve("none", again, none);
	execve(self, again, none);
	_exit(2);
}

static int forks(char *self)
{
	int how;

	fflush(stdout);
	for (int i = 0; i < 20; i++) {
		pid_t pid = i % 2 ? vfork() : fork();

		if (pid == 0)
			child(self);
		check("wait", waitpid(pid, &how, 0) == pid && how == 0);
	}
	return 0;
}

static int secret(const char *path)
{
	char text[64] = "";
	struct stat status;
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, text, sizeof(text) - 1);

	printf("%s: open %d", path, fd >= 0 ? 0 : errno);
	printf(", \"%.*s\"", got > 0 ? (int)got - 1 : 0, text);
	if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
		printf(", a link\n");
		return 0;
	}
	printf(", stat %d", stat(path, &status) ? errno : 0);
	printf(", own %ld", whole(path, &status));
	printf(", access %d", access(path, R_OK) ? errno : 0);
	printf(", readlink %d", readlink(path, text, 64) < 0 ? errno : 0);
	printf(", unlink %d", unlink(path) ? errno : 0);
	printf(", list %zu\n", list("p"));
	return 0;
}

int main(int argc, char **argv)
{
	char *self = argc > 2 ? realpath(argv[0], NULL) : NULL;

	if (!self || chdir(argv[2]))
		return 99;
	if (strcmp(argv[1], "many") == 0)
		many();
	else if (strcmp(argv[1], "sites") == 0)
		sites();
	else if (strcmp(argv[1], "calls") == 0)
		calls();
	else if (strcmp(argv[1], "storm") == 0)
		storm();
	else if (strcmp(argv[1], "threads") == 0)
		threads();
	else if (strcmp(argv[1], "forks") == 0)
		forks(self);
	else if (strcmp(argv[1], "secret") == 0 && argc > 3)
		secret(argv[3]);
	else
		return 99;
	return failures != 0;
}
