/*
 * Claim: a create can be made with another process's umask where unshare is
 * refused and clone3 is absent, as under Docker's profile. Two ways, both
 * sound with glibc: one lock around umask() and the create, shared by all
 * threads of the supervisor; and a helper made by clone(CLONE_FILES) at start,
 * a process with memory, umask and cwd of its own but the same descriptors.
 */
#include "trial.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define THREADS 4
#define ROUNDS	5000

/* A create to be made by the helper: filled in, made, read back. */
struct order {
	_Atomic uint32_t turn; /* 0 idle, 1 to be made, 2 done */
	mode_t umask;
	int directory, result;
	char name[32];
};

static struct order *order;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t wrong;
static int directory;

static void turn_wait(_Atomic uint32_t *turn, uint32_t wanted)
{
	uint32_t now;

	while ((now = atomic_load(turn)) != wanted)
		syscall(SYS_futex, turn, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void turn_set(_Atomic uint32_t *turn, uint32_t value)
{
	atomic_store(turn, value);
	syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int make(int at, const char *name)
{
	return openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
}

_Noreturn static void helper(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;) {
		turn_wait(&order->turn, 1);
		umask(order->umask);
		order->result = make(order->directory, order->name);
		turn_set(&order->turn, 2);
	}
}

static int make_by_helper(mode_t mask, const char *name)
{
	order->umask = mask;
	order->directory = directory;
	snprintf(order->name, sizeof(order->name), "%s", name);
	turn_set(&order->turn, 1);
	turn_wait(&order->turn, 2);
	return order->result;
}

static int make_locked(mode_t mask, const char *name)
{
	int fd;

	pthread_mutex_lock(&lock);
	umask(mask);
	fd = make(directory, name);
	pthread_mutex_unlock(&lock);
	return fd;
}

static void check(int fd, mode_t mask, const char *name)
{
	struct stat s;

	if (fd < 0 || fstat(fd, &s) || (s.st_mode & 0777) != (0666 & ~mask))
		wrong++;
	close(fd);
	unlinkat(directory, name, 0);
}

static void *make_many(void *argument)
{
	mode_t mask = *(mode_t *)argument;
	char name[32];

	snprintf(name, sizeof(name), "locked-%o", mask);
	for (int i = 0; i < ROUNDS; i++)
		check(make_locked(mask, name), mask, name);
	return NULL;
}

static pid_t start_helper(void)
{
	/* As fork, but the descriptors are shared; while still one thread. */
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL,
			      NULL, NULL);
}

int main(void)
{
	static const int eperm[] = {SYS_unshare, SYS_pidfd_getfd, SYS_setns};
	static const int enosys[] = {SYS_clone3};
	static mode_t masks[THREADS] = {0, 022, 077, 027};
	char base[] = "/tmp/trial-XXXXXX";
	pthread_t thread[THREADS];
	double begin;
	pid_t pid;

	trial_begin(60);
	CLAIM(mkdtemp(base));
	directory = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(order != MAP_FAILED);
	NEED(!trial_filter(eperm, 3, SECCOMP_RET_ERRNO | EPERM, 0));
	NEED(!trial_filter(enosys, 1, SECCOMP_RET_ERRNO | ENOSYS, 0));
	CLAIM(unshare(CLONE_FS) == -1 && errno == EPERM);
	pid = start_helper();
	CLAIM(pid >= 0);
	if (pid == 0)
		helper();

	begin = trial_now_us();
	for (int i = 0; i < ROUNDS; i++)
		check(make_locked(masks[i % 4], "x"), masks[i % 4], "x");
	printf("locked, one thread: %.1f us a create, close and unlink\n",
	       (trial_now_us() - begin) / ROUNDS);
	begin = trial_now_us();
	for (int i = 0; i < ROUNDS; i++)
		check(make_by_helper(masks[i % 4], "x"), masks[i % 4], "x");
	printf("helper process: %.1f us a create, close and unlink\n",
	       (trial_now_us() - begin) / ROUNDS);
	CLAIM(wrong == 0);
	begin = trial_now_us();
	for (int i = 0; i < THREADS; i++)
		CLAIM(!pthread_create(&thread[i], NULL, make_many, &masks[i]));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("locked, %d threads with masks of their own: %.1f us, wrong "
	       "%llu\n",
	       THREADS, (trial_now_us() - begin) / ROUNDS / THREADS,
	       (unsigned long long)wrong);
	CLAIM(wrong == 0);
	kill(pid, SIGKILL);
	rmdir(base);
	return TRIAL_HOLDS;
}
