#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/cgroup_place.h"

#define PREFIX "interpose-"

enum {
	ATTEMPTS = 8,
	DIGITS = 16, /* of a name, after the prefix */
	PATIENCE_MS = 2000,
	/* PID_MAX_LIMIT of the kernel: pids.max takes no more. */
	MOST_PIDS = 4 * 1024 * 1024,
};

struct cgroup {
	int parent, directory; /* the second one is locked */
	char name[sizeof(PREFIX) + DIGITS];
	int64_t memory, most_pids;
};

/* -------------------------------------------------------------- its files --
 */

static int write_at(int directory, const char *file, const char *text)
{
	auto_fd fd = openat(directory, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_number(int directory, const char *file, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return write_at(directory, file, text);
}

int cgroup_open(const struct cgroup *cgroup, const char *file)
{
	int fd = openat(cgroup->directory, file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int64_t cgroup_number(const struct cgroup *cgroup, const char *file)
{
	char text[64];
	auto_fd fd = cgroup_open(cgroup, file);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return -1;
	text[length] = '\0';
	return strtoll(text, NULL, 10);
}

long cgroup_processes(const struct cgroup *cgroup)
{
	char text[4096];
	auto_fd fd = cgroup_open(cgroup, "cgroup.procs");
	ssize_t length = -1;
	long count = 0;

	if (fd < 0)
		return fd;
	while ((length = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < length; i++)
			count += text[i] == '\n';
	return length < 0 ? -errno : count;
}

uint64_t cgroup_keyed(int fd, const char *key)
{
	char text[4096];
	size_t size = strlen(key);
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, size) == 0 && line[size] == ' ')
			return strtoull(line + size, NULL, 10);
	}
	return 0;
}

int cgroup_directory(const struct cgroup *cgroup)
{
	return cgroup->directory;
}

int64_t cgroup_memory(const struct cgroup *cgroup)
{
	return cgroup->memory;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int cgroup_set_pids(const struct cgroup *cgroup, int64_t most)
{
	return write_number(
		cgroup->directory, "pids.max",
		smaller(smaller(most, cgroup->most_pids), MOST_PIDS));
}

/* ---------------------------------------------------------------- the end --
 */

/* Linux 5.14 */
static void kill_all(int directory)
{
	(void)write_at(directory, "cgroup.kill", "1");
}

void cgroup_kill(const struct cgroup *cgroup)
{
	if (cgroup)
		kill_all(cgroup->directory);
}

/* Who is killed goes a little later. */
static int remove_at(int parent, const char *name, int directory)
{
	auto_fd events =
		openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != EBUSY)
		return errno == ENOENT ? 0 : -errno;
	kill_all(directory);
	for (int i = 0; i < ATTEMPTS; i++) {
		struct pollfd change = {.fd = events, .events = POLLPRI};

		if (events >= 0 && cgroup_keyed(events, "populated"))
			(void)poll(&change, 1, PATIENCE_MS / ATTEMPTS);
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			return 0;
	}
	return -EBUSY;
}

int cgroup_remove(const struct cgroup *cgroup)
{
	return cgroup ? remove_at(cgroup->parent, cgroup->name,
				  cgroup->directory)
		      : 0;
}

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	scope_close_fd(&cgroup->directory);
	scope_close_fd(&cgroup->parent);
	free(cgroup);
}

/* To the letter: interpose-test.scope is a unit of systemd's. */
bool cgroup_is_named(const char *name)
{
	const char *rest = name + strlen(PREFIX);

	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	       strspn(rest, "0123456789abcdef") == DIGITS && !rest[DIGITS];
}

/* One that looks like ours: nobody holds it any more? */
static void clear_one(int parent, const char *name)
{
	struct stat status;
	auto_fd directory = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0 || fstat(directory, &status) ||
	    status.st_uid != geteuid() || flock(directory, LOCK_EX | LOCK_NB))
		return;
	(void)remove_at(parent, name, directory);
}

static void clear_dead(int parent)
{
	auto_fd own = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = own < 0 ? NULL : fdopendir(own);

	if (!list)
		return;
	own = -1;
	for (struct dirent *entry; (entry = readdir(list));)
		if (cgroup_is_named(entry->d_name))
			clear_one(parent, entry->d_name);
	closedir(list);
}

/* -------------------------------------------------------------- the start --
 */

/* Make the directory, and lock it. Between the two somebody may take it for
 * one of the dead: then another one. */
static int make_directory(struct cgroup *cgroup)
{
	uint64_t number;

	for (int i = 0; i < ATTEMPTS; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		snprintf(cgroup->name, sizeof(cgroup->name),
			 PREFIX "%016" PRIx64, number);
		if (mkdirat(cgroup->parent, cgroup->name, 0755))
			return -errno;
		cgroup->directory =
			openat(cgroup->parent, cgroup->name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (cgroup->directory >= 0 &&
		    flock(cgroup->directory, LOCK_EX | LOCK_NB) == 0 &&
		    faccessat(cgroup->parent, cgroup->name, F_OK, 0) == 0)
			return 0;
		scope_close_fd(&cgroup->directory);
		cgroup->directory = -1;
	}
	return -EAGAIN;
}

static int set_limits(struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	int error = 0;

	/* Also what only the groups have that are left for this one. */
	if (cgroup->memory >= 0)
		error = write_number(cgroup->directory, "memory.max",
				     cgroup->memory);
	if (!error && limits->memory >= 0) {
		/* Or it would be slowed down where it is to be stopped. The
		 * kernel may be without. */
		int swap =
			write_number(cgroup->directory, "memory.swap.max", 0);

		if (swap != -ENOENT)
			error = swap;
	}
	if (!error && (limits->pids >= 0 || cgroup->most_pids >= 0))
		error = cgroup_set_pids(cgroup, limits->pids);
	return error;
}

static int give_controllers(int parent, unsigned missing)
{
	if (!missing)
		return 0;
	return write_at(parent, "cgroup.subtree_control",
			missing == CGROUP_MEMORY ? "+memory"
			: missing == CGROUP_PIDS ? "+pids"
						 : "+memory +pids");
}

static int make_at(const struct cgroup_place *place,
		   const struct cgroup_limits *limits, struct cgroup *cgroup)
{
	cgroup->parent = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->parent < 0)
		return -errno;
	clear_dead(cgroup->parent);
	cgroup->memory = smaller(limits->memory, place->memory);
	cgroup->most_pids = place->pids;
	int error = give_controllers(cgroup->parent, place->missing);

	if (!error)
		error = make_directory(cgroup);
	if (error)
		return error;
	error = set_limits(cgroup, limits);
	if (error)
		(void)cgroup_remove(cgroup);
	return error;
}

int cgroup_new(const struct cgroup_limits *limits, struct cgroup **result)
{
	unsigned needs = (limits->memory >= 0 ? CGROUP_MEMORY : 0u) |
			 (limits->pids >= 0 ? CGROUP_PIDS : 0u);
	auto_free struct cgroup_tree *tree = malloc(sizeof(*tree));
	struct cgroup_place place = CGROUP_PLACE_START;
	int error = tree ? cgroup_learn("/proc/self", tree) : -ENOMEM;

	while (!error && !(error = cgroup_next(tree, needs, &place))) {
		struct cgroup *cgroup = malloc(sizeof(*cgroup));

		if (!cgroup)
			return -ENOMEM;
		*cgroup = (struct cgroup){.parent = -1, .directory = -1};
		if (make_at(&place, limits, cgroup) == 0) {
			*result = cgroup;
			return 0;
		}
		cgroup_free(cgroup);
	}
	return error;
}

int cgroup_possible(char *path, size_t size)
{
	auto_free struct cgroup_tree *tree = malloc(sizeof(*tree));
	struct cgroup_place place = CGROUP_PLACE_START;
	int error = tree ? cgroup_learn("/proc/self", tree) : -ENOMEM;

	if (!error)
		error = cgroup_next(tree, CGROUP_MEMORY | CGROUP_PIDS, &place);
	if (!error)
		snprintf(path, size, "%s", place.path);
	return error;
}

/* ---------------------------------------------------------------- the wall --
 */

bool cgroup_guards(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) == 0 &&
	       system.f_type == CGROUP2_SUPER_MAGIC;
}
