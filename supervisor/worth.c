/*
 * Tables of fixed size, in which a newcomer takes its place from who was there:
 * what is forgotten is only learned anew. Workers read and count; the tracer
 * alone changes what a program is known by.
 */
#include "supervisor/worth.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/rows.h"
#include "supervisor/tracee.h"

enum {
	PROGRAMS = 1024,
	THREADS = 4096,
	FIRST = 3,	    /* quick ends before a start without */
	LONGER = 4,	    /* times as many after one that should have */
	MOST = 1 << 20,	    /* of them */
	QUICK_NS = 2000000, /* in which no program makes many calls */
	FEW = 20,	    /* calls, those of the loader included */
	AT_ONCE = 8,	    /* calls of a thread that count for its process */
	MOST_OPTION = 256,  /* bytes of it that tell programs apart */
};

struct known {
	dev_t device;
	ino_t inode;
	uint64_t option;
	unsigned needed;  /* quick ends */
	atomic_uint left; /* how many of them are to come */
	atomic_bool busy; /* one that did without made many calls */
};

enum use {
	ELSEWHERE = 0, /* has run no program: counts for another thread */
	LOADS,
	WITHOUT,
	SETTLED, /* nothing more to be learned */
};

/* Set before its number, and read after it. */
struct counted {
	atomic_int tid;
	atomic_uint calls;
	atomic_int use;
	_Atomic(struct known *) program; /* what it runs, or NULL */
};

struct worth {
	struct known programs[PROGRAMS];
	struct counted threads[THREADS];
};

struct worth *worth_new(void)
{
	return calloc(1, sizeof(struct worth));
}

void worth_free(struct worth *worth)
{
	free(worth);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

/* The second word, where it is an option; 0 where it is not. */
static uint64_t option_of(const struct worth_program *program)
{
	size_t first =
		program->argv_length
			? strnlen(program->argv, program->argv_length) + 1
			: 0;
	uint64_t hash = 0;

	if (first >= program->argv_length || program->argv[first] != '-')
		return 0;
	for (size_t at = first; at < program->argv_length &&
				at < first + MOST_OPTION && program->argv[at];
	     at++)
		hash = mix(hash, (unsigned char)program->argv[at]);
	return hash;
}

static struct known *find(struct worth *worth,
			  const struct worth_program *program)
{
	uint64_t option = option_of(program);
	uint64_t hash = mix(mix(program->inode, program->device), option);
	struct known *known = &worth->programs[hash % PROGRAMS];

	if (known->device == program->device &&
	    known->inode == program->inode && known->option == option &&
	    known->needed)
		return known;
	known->device = program->device;
	known->inode = program->inode;
	known->option = option;
	known->needed = FIRST;
	atomic_store(&known->left, FIRST);
	atomic_store(&known->busy, false);
	return known;
}

static struct counted *thread_of(struct worth *worth, pid_t tid)
{
	return &worth->threads[(unsigned)tid % THREADS];
}

static void set(struct counted *thread, pid_t tid, struct known *program,
		enum use use)
{
	atomic_store(&thread->use, SETTLED);
	atomic_store(&thread->program, program);
	atomic_store(&thread->calls, 0);
	atomic_store(&thread->tid, tid);
	atomic_store(&thread->use, use);
}

bool worth_start(struct worth *worth, pid_t pid,
		 const struct worth_program *program)
{
	if (!worth)
		return true;
	struct known *known = find(worth, program);

	if (atomic_exchange(&known->busy, false)) {
		known->needed = known->needed < MOST / LONGER
					? known->needed * LONGER
					: MOST;
		atomic_store(&known->left, known->needed);
	}
	bool loads = atomic_load(&known->left) > 0;

	set(thread_of(worth, pid), pid, known, loads ? LOADS : WITHOUT);
	return loads;
}

void worth_end(struct worth *worth, pid_t pid, int64_t ns)
{
	if (!worth || ns > QUICK_NS)
		return;
	struct counted *thread = thread_of(worth, pid);
	struct known *program = atomic_load(&thread->program);
	unsigned left = program ? atomic_load(&program->left) : 0;

	if (atomic_load(&thread->tid) != pid ||
	    atomic_exchange(&thread->use, SETTLED) != LOADS)
		return;
	while (left &&
	       !atomic_compare_exchange_weak(&program->left, &left, left - 1))
		;
}

/* So many more calls. One process is told of once. */
static void add(struct counted *thread, unsigned calls)
{
	struct known *program = atomic_load(&thread->program);

	if (atomic_load(&thread->use) == WITHOUT && program &&
	    atomic_fetch_add(&thread->calls, calls) + calls > FEW) {
		atomic_store(&program->busy, true);
		atomic_store(&thread->use, SETTLED);
	}
}

/* For the process that the thread is of; a fork belongs to its parent. */
static void add_elsewhere(struct worth *worth, pid_t tid)
{
	pid_t process = 0, parent = 0;
	int pidfd = tracee_lead(tid, &process, &parent);
	struct counted *thread = thread_of(worth, process);

	if (pidfd >= 0)
		close(pidfd);
	if (process == tid || atomic_load(&thread->tid) != process) {
		process = parent;
		thread = thread_of(worth, process);
	}
	if (process > 0 && atomic_load(&thread->tid) == process)
		add(thread, AT_ONCE);
}

void worth_call(struct worth *worth, pid_t tid, int number)
{
	/* Who starts programs is not who looks at files. */
	if (!worth || number == SYS_execve || !shim_gates((uint32_t)number))
		return;
	struct counted *thread = thread_of(worth, tid);

	if (atomic_load(&thread->tid) != tid)
		set(thread, tid, NULL, ELSEWHERE);
	if (atomic_load(&thread->use) == WITHOUT)
		add(thread, 1);
	else if (atomic_load(&thread->use) == ELSEWHERE &&
		 atomic_fetch_add(&thread->calls, 1) % AT_ONCE == AT_ONCE - 1)
		add_elsewhere(worth, tid);
}
