#include "supervisor/images.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/members.h"
#include "supervisor/tracee.h"

enum {
	BUCKETS = 4096,
	FIRST_PRUNE = 16384, /* images; later at twice what is alive */
	KEPT_YOUNG = 1024,   /* never pruned: their forks may be on the way */
	MOST_PROGRAMS = 1 << 16,
	MOST_STARTERS = 256,
};

/* Where an exec has put things: code, stack, heap, arguments. */
struct key {
	dev_t device;
	ino_t inode;
	uint64_t start_code, end_code, start_stack, start_data, start_brk,
		arg_start;
};

struct image {
	struct key key;
	const struct policy_program *program;
	struct image *next;
	uint64_t number; /* in the order of their births */
	bool alive;
};

/* A program as it is kept: each different one once. */
struct kept {
	struct policy_program program;
	struct kept *next;
	char text[];
};

struct pin {
	struct pin *next;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
	char path[];
};

struct images {
	const struct policy *policy;
	struct policy_program_use use;
	struct pin *pins;
	struct policy_program self;
	pthread_rwlock_t lock; /* of the images; programs are never changed */
	struct image *buckets[BUCKETS];
	size_t count, prune_at;
	uint64_t born;
	struct kept *programs[BUCKETS]; /* the tracer's */
	size_t program_count;
};

/* ----------------------------------------------------------------- pins -- */

static bool pin(void *context, const char *path)
{
	struct images *images = context;
	struct stat status;

	if (stat(path, &status))
		return true;
	struct pin *pin = calloc(1, sizeof(*pin) + strlen(path) + 1);

	if (!pin)
		return false;
	strcpy(pin->path, path);
	pin->device = status.st_dev;
	pin->inode = status.st_ino;
	pin->size = status.st_size;
	pin->changed = status.st_ctim;
	pin->next = images->pins;
	images->pins = pin;
	return true;
}

static bool is_pinned(const struct images *images, const char *path,
		      const struct stat *status)
{
	for (const struct pin *at = images->pins; at; at = at->next)
		if (strcmp(at->path, path) == 0 &&
		    at->device == status->st_dev &&
		    at->inode == status->st_ino &&
		    at->size == status->st_size &&
		    at->changed.tv_sec == status->st_ctim.tv_sec &&
		    at->changed.tv_nsec == status->st_ctim.tv_nsec)
			return true;
	return false;
}

bool images_unsure(const struct images *images, const char *path,
		   const struct stat *status)
{
	struct policy_query query = {
		.action = ACTION_WRITE,
		.text = path,
		.length = strlen(path),
	};
	struct policy_decision decision;

	if (path[0] != '/')
		return true;
	policy_decide(images->policy, &query, &decision);
	if (decision.verdict != VERDICT_ALLOW &&
	    !policy_depends_on_program(images->policy, &query))
		return false;
	return !is_pinned(images, path, status);
}

/* ------------------------------------------------------------- the object --
 */

int images_new(const struct policy *policy, const char *path,
	       struct images **result)
{
	struct images *images = calloc(1, sizeof(*images));
	auto_free char *real = realpath(path, NULL);

	if (!images)
		return -ENOMEM;
	images->policy = policy;
	images->use = policy_program_use(policy);
	images->prune_at = FIRST_PRUNE;
	images->self.exe = "";
	pthread_rwlock_init(&images->lock, NULL);
	if (images->use.any) {
		policy_granted_programs(policy, pin, images);
		(void)pin(images, real ? real : path);
	}
	*result = images;
	return 0;
}

void images_free(struct images *images)
{
	if (!images)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct image *at = images->buckets[i], *next; at;
		     at = next) {
			next = at->next;
			free(at);
		}
		for (struct kept *at = images->programs[i], *next; at;
		     at = next) {
			next = at->next;
			free(at);
		}
	}
	for (struct pin *at = images->pins, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	pthread_rwlock_destroy(&images->lock);
	free(images);
}

bool images_wanted(const struct images *images)
{
	return images->use.any;
}

const struct policy_program *images_self(const struct images *images)
{
	return &images->self;
}

/* ----------------------------------------------------------------- keys -- */

/* What the kernel says of the process's memory. proc(5), /proc/PID/stat. */
static int key_of(pid_t tid, struct key *key)
{
	char text[2048], name[48];
	struct stat exe;
	auto_fd directory = tracee_proc_open(tid, "", O_PATH | O_DIRECTORY);

	memset(key, 0, sizeof(*key));
	if (directory < 0 || fstatat(directory, "exe", &exe, 0))
		return -ESRCH;
	/* That of the process adds up what each of its threads has used. */
	snprintf(name, sizeof(name), "task/%d/stat", tid);
	auto_fd fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got <= 0)
		return -ESRCH;
	text[got] = '\0';
	const char *at = strrchr(text, ')');

	if (!at)
		return -EIO;
	key->device = exe.st_dev;
	key->inode = exe.st_ino;
	at++; /* behind the second field */
	for (int field = 3; *at; field++) {
		while (*at == ' ')
			at++;
		uint64_t value = strtoull(at, NULL, 10);

		at += strcspn(at, " ");
		if (field == 26)
			key->start_code = value;
		else if (field == 27)
			key->end_code = value;
		else if (field == 28)
			key->start_stack = value;
		else if (field == 45)
			key->start_data = value;
		else if (field == 47)
			key->start_brk = value;
		else if (field == 48)
			key->arg_start = value;
	}
	/* 0 or 1 where the kernel does not tell. */
	return key->start_code > 1 && key->start_stack && key->arg_start
		       ? 0
		       : -EPERM;
}

static size_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

static size_t key_bucket(const struct key *key)
{
	uint64_t hash = mix(key->inode, key->start_stack);

	hash = mix(hash, key->start_code);
	return mix(hash, key->arg_start) % BUCKETS;
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->start_code == b->start_code && a->end_code == b->end_code &&
	       a->start_stack == b->start_stack &&
	       a->start_data == b->start_data && a->start_brk == b->start_brk &&
	       a->arg_start == b->arg_start;
}

static struct image *find(struct images *images, const struct key *key)
{
	struct image *at = images->buckets[key_bucket(key)];

	while (at && !same_key(&at->key, key))
		at = at->next;
	return at;
}

const struct policy_program *images_program(struct images *images, pid_t tid)
{
	const struct policy_program *program = NULL;
	struct key key;

	if (!images->use.any || key_of(tid, &key))
		return NULL;
	pthread_rwlock_rdlock(&images->lock);
	struct image *image = find(images, &key);

	if (image)
		program = image->program;
	pthread_rwlock_unlock(&images->lock);
	return program;
}

uint64_t images_number(struct images *images, pid_t tid)
{
	uint64_t number = 0;
	struct key key;

	if (!images->use.any || key_of(tid, &key))
		return 0;
	pthread_rwlock_rdlock(&images->lock);
	struct image *image = find(images, &key);

	if (image)
		number = image->number + 1;
	pthread_rwlock_unlock(&images->lock);
	return number;
}

/* ---------------------------------------------------------------- pruning --
 */

static bool mark(void *context, pid_t pid, pid_t group)
{
	struct images *images = context;
	struct key key;

	(void)group;
	if (key_of(pid, &key) == 0) {
		struct image *image = find(images, &key);

		if (image)
			image->alive = true;
	}
	return true;
}

/* Forget images that no process has any more. Only the tracer changes the
 * table, so that it may read it without the lock. */
static void prune(struct images *images, pid_t supervisor)
{
	members_below(supervisor, mark, images);
	pthread_rwlock_wrlock(&images->lock);
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct image **at = &images->buckets[i]; *at;) {
			struct image *image = *at;

			if (image->alive ||
			    image->number + KEPT_YOUNG > images->born) {
				image->alive = false;
				at = &image->next;
				continue;
			}
			*at = image->next;
			free(image);
			images->count--;
		}
	}
	pthread_rwlock_unlock(&images->lock);
	images->prune_at = images->count * 2 > FIRST_PRUNE ? images->count * 2
							   : FIRST_PRUNE;
}

/* --------------------------------------------------------------- programs --
 */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_program(const struct policy_program *a,
			 const struct policy_program *b)
{
	return same_text(a->exe, b->exe) && same_text(a->argv0, b->argv0) &&
	       same_text(a->script, b->script) && a->unsure == b->unsure &&
	       a->script_unsure == b->script_unsure;
}

static size_t program_bucket(const struct policy_program *program)
{
	uint64_t hash = (uintptr_t)program->parent;

	for (const char *at = program->exe; *at; at++)
		hash = mix(hash, (unsigned char)*at);
	for (const char *at = program->argv0; at && *at; at++)
		hash = mix(hash, (unsigned char)*at);
	return hash % BUCKETS;
}

static char *put(char **to, const char *text)
{
	char *start = *to;

	if (!text)
		return NULL;
	*to = stpcpy(start, text) + 1;
	return start;
}

/* A starter that stands above already is not kept twice, so that programs which
 * start each other for ever do not make a chain without end. */
static const struct policy_program *
starter_of(const struct policy_program *program,
	   const struct policy_program *starter)
{
	while (starter && same_program(starter, program))
		starter = starter->parent;
	for (const struct policy_program *at = starter ? starter->parent : NULL;
	     at; at = at->parent)
		if (same_program(at, starter))
			return starter->parent;
	return starter;
}

static int keep(struct images *images, const struct policy_program *given,
		const struct policy_program *starter,
		const struct policy_program **kept)
{
	struct policy_program program = *given;
	size_t room = strlen(program.exe) + 1;
	unsigned depth = 0;

	if (!images->use.argv0)
		program.argv0 = NULL;
	program.parent =
		images->use.under ? starter_of(&program, starter) : NULL;
	for (const struct policy_program *at = program.parent; at;
	     at = at->parent)
		depth++;
	size_t bucket = program_bucket(&program);

	for (struct kept *at = images->programs[bucket]; at; at = at->next) {
		if (at->program.parent == program.parent &&
		    same_program(&at->program, &program)) {
			*kept = &at->program;
			return 0;
		}
	}
	if (depth > MOST_STARTERS || images->program_count == MOST_PROGRAMS)
		return -E2BIG;
	room += program.argv0 ? strlen(program.argv0) + 1 : 0;
	room += program.script ? strlen(program.script) + 1 : 0;
	struct kept *made = calloc(1, sizeof(*made) + room);

	if (!made)
		return -ENOMEM;
	char *to = made->text;

	made->program = program;
	made->program.exe = put(&to, program.exe);
	made->program.argv0 = put(&to, program.argv0);
	made->program.script = put(&to, program.script);
	made->next = images->programs[bucket];
	images->programs[bucket] = made;
	images->program_count++;
	*kept = &made->program;
	return 0;
}

int images_add(struct images *images, pid_t pid, pid_t supervisor,
	       const struct policy_program *program,
	       const struct policy_program *starter,
	       const struct policy_program **kept)
{
	struct key key;
	int error = key_of(pid, &key);

	*kept = NULL;
	if (error)
		return error;
	if (program == &images->self)
		*kept = program;
	else
		error = keep(images, program, starter, kept);
	if (error)
		return error;
	if (images->count >= images->prune_at)
		prune(images, supervisor);
	struct image *image = find(images, &key);

	if (image) {
		/* What a dead process had, by a chance of one in 2^40. A living
		 * one would be taken for this: for the lesser of the two. */
		pthread_rwlock_wrlock(&images->lock);
		if (image->program != *kept)
			image->program = NULL;
		pthread_rwlock_unlock(&images->lock);
		return 0;
	}
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	image->key = key;
	image->program = *kept;
	image->number = images->born++;
	size_t bucket = key_bucket(&key);

	pthread_rwlock_wrlock(&images->lock);
	image->next = images->buckets[bucket];
	images->buckets[bucket] = image;
	images->count++;
	pthread_rwlock_unlock(&images->lock);
	return 0;
}
