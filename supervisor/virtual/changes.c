#include "supervisor/virtual/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"

#define DEPTH_MAX 128

struct walk {
	change_visit *visit;
	void *context;
	bool ended;
	size_t length; /* of the path */
	char path[PATH_MAX];
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct listing {
	char **names;
	size_t count;
};

static void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i]);
	free(listing->names);
	*listing = (struct listing){0};
}

static int add_name(struct listing *listing, const char *name)
{
	char **names = reallocarray(listing->names, listing->count + 1,
				    sizeof(*names));

	if (!names)
		return -ENOMEM;
	listing->names = names;
	names[listing->count] = strdup(name);
	return names[listing->count++] ? 0 : -ENOMEM;
}

/* The names in a directory, in order; none where it is not open. */
static int list(int directory, struct listing *listing)
{
	struct dirent *entry;
	DIR *stream;
	int fd, error = 0;

	if (directory < 0)
		return 0;
	fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return -ENOMEM;
	}
	while (!error && (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			error = add_name(listing, entry->d_name);
	}
	closedir(stream);
	if (listing->count)
		qsort(listing->names, listing->count, sizeof(char *),
		      compare_names);
	return error;
}

static int same_bytes(int one, int two)
{
	char a[8192], b[8192];

	for (;;) {
		ssize_t got = read(one, a, sizeof(a)), had = 0;

		if (got < 0)
			return -errno;
		while (had < got) {
			ssize_t more = read(two, b + had, (size_t)(got - had));

			if (more < 0)
				return -errno;
			if (more == 0)
				return 0;
			had += more;
		}
		if (got == 0)
			return read(two, b, 1) == 0;
		if (memcmp(a, b, (size_t)got) != 0)
			return 0;
	}
}

static int same_file(int made, int mirror, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	auto_fd one = openat(made, name, flags);
	auto_fd two = -1;

	if (one < 0)
		return -errno;
	two = openat(mirror, name, flags);
	/* A program may have taken the permission away: it was changed. */
	if (two < 0)
		return errno == EACCES ? 0 : -errno;
	return same_bytes(one, two);
}

static int same_link(int made, int mirror, const char *name)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t one = readlinkat(made, name, a, sizeof(a));
	ssize_t two = readlinkat(mirror, name, b, sizeof(b));

	if (one < 0 || two < 0)
		return -errno;
	return one == two && memcmp(a, b, (size_t)one) == 0;
}

static void tell(struct walk *walk, enum change_kind kind)
{
	if (!walk->ended && !walk->visit(walk->context, kind, walk->path))
		walk->ended = true;
}

static int walk_pair(struct walk *walk, int made, int mirror, unsigned depth);

static int open_below(int directory, const char *name)
{
	return openat(directory, name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A name that is a directory in one of the trees or in both. */
static int walk_directory(struct walk *walk, int made, int mirror,
			  const char *name, unsigned depth)
{
	auto_fd one = made < 0 ? -1 : open_below(made, name);
	auto_fd two = mirror < 0 ? -1 : open_below(mirror, name);
	int error;

	if ((made >= 0 && one < 0) || (mirror >= 0 && two < 0))
		return -errno;
	if (made < 0)
		tell(walk, CHANGE_ADDED);
	error = walk_pair(walk, one, two, depth + 1);
	if (!error && mirror < 0)
		tell(walk, CHANGE_REMOVED);
	return error;
}

static int compare(struct walk *walk, int made, int mirror, const char *name,
		   mode_t type, unsigned depth)
{
	int same = 1;

	if (S_ISDIR(type))
		return walk_directory(walk, made, mirror, name, depth);
	if (S_ISREG(type))
		same = same_file(made, mirror, name);
	else if (S_ISLNK(type))
		same = same_link(made, mirror, name);
	if (same == 0)
		tell(walk, CHANGE_WRITTEN);
	return same < 0 ? same : 0;
}

static int walk_name(struct walk *walk, int made, int mirror, const char *name,
		     unsigned depth)
{
	struct stat one, two;
	bool was = made >= 0 &&
		   fstatat(made, name, &one, AT_SYMLINK_NOFOLLOW) == 0;
	bool is = mirror >= 0 &&
		  fstatat(mirror, name, &two, AT_SYMLINK_NOFOLLOW) == 0;
	int error = 0;

	if (was && is && (one.st_mode & S_IFMT) == (two.st_mode & S_IFMT))
		return compare(walk, made, mirror, name, one.st_mode, depth);
	if (was && is && !S_ISDIR(one.st_mode) && !S_ISDIR(two.st_mode)) {
		tell(walk, CHANGE_WRITTEN);
		return 0;
	}
	if (was) {
		if (S_ISDIR(one.st_mode))
			error = walk_directory(walk, made, -1, name, depth);
		else
			tell(walk, CHANGE_REMOVED);
	}
	if (is && !error) {
		if (S_ISDIR(two.st_mode))
			error = walk_directory(walk, -1, mirror, name, depth);
		else
			tell(walk, CHANGE_ADDED);
	}
	return error;
}

/* Both listings at once, each name a single time. */
static int walk_names(struct walk *walk, int made, int mirror,
		      const struct listing *one, const struct listing *two,
		      unsigned depth)
{
	size_t i = 0, j = 0, length = walk->length;
	int error = 0;

	while (!error && !walk->ended && (i < one->count || j < two->count)) {
		int order = i == one->count ? 1
			    : j == two->count
				    ? -1
				    : strcmp(one->names[i], two->names[j]);
		const char *name = order <= 0 ? one->names[i] : two->names[j];
		size_t size = strlen(name);

		i += order <= 0;
		j += order >= 0;
		if (length + 1 + size >= PATH_MAX)
			return -ENAMETOOLONG;
		walk->path[length] = '/';
		memcpy(walk->path + length + 1, name, size + 1);
		walk->length = length + 1 + size;
		error = walk_name(walk, made, mirror, name, depth);
		walk->length = length;
		walk->path[length] = '\0';
	}
	return error;
}

static int walk_pair(struct walk *walk, int made, int mirror, unsigned depth)
{
	struct listing one = {0}, two = {0};
	int error = depth > DEPTH_MAX ? -ELOOP : list(made, &one);

	if (!error)
		error = list(mirror, &two);
	if (!error)
		error = walk_names(walk, made, mirror, &one, &two, depth);
	listing_free(&one);
	listing_free(&two);
	return error;
}

int changes_walk(int made, int mirror, change_visit *visit, void *context)
{
	auto_free struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	walk->visit = visit;
	walk->context = context;
	return walk_pair(walk, made, mirror, 0);
}
