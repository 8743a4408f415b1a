#include "tests/unit/standin_world.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world world;

/* What the policy of a test says: the fake of each path below a prefix. */
static struct {
	const char *prefix;
	const struct policy_fake *fake;
} rules[4];

static int read_real(void *context, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC);

	(void)context;
	atomic_fetch_add(&world.reads, 1);
	return fd < 0 ? -errno : fd;
}

static const struct policy_fake *fake_of(void *context, const char *path)
{
	const struct policy_fake *fake = NULL;

	(void)context;
	for (size_t i = 0; i < 4 && rules[i].prefix; i++) {
		size_t size = strlen(rules[i].prefix);

		if (strncmp(path, rules[i].prefix, size) == 0 &&
		    (path[size] == '/' || !path[size]))
			fake = rules[i].fake;
	}
	return fake;
}

const struct standin_host world_host = {.read = read_real, .fake = fake_of};

/* A path below the real files, in one of a few buffers. */
const char *world_at(const char *name)
{
	static char paths[8][PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", world.real, name);
	return path;
}

/* The same, in the mirror. */
const char *world_mirrored(const char *name)
{
	static char paths[8][2 * PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s%s/%s",
		 standins_root_path(world.standins), world.real, name);
	return path;
}

void world_put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

const char *world_get(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "r");
	size_t length;

	if (!file)
		return NULL;
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

bool world_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void world_rule(unsigned index, const char *prefix,
		const struct policy_fake *fake)
{
	free((char *)(uintptr_t)rules[index].prefix);
	rules[index].prefix = strdup(prefix);
	rules[index].fake = fake;
}

int world_prepare(const char *path)
{
	return standins_prepare(world.standins, fake_of(NULL, path), path,
				&world_host);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void world_make(void)
{
	char path[PATH_MAX];

	strcpy(world.base, "/tmp/standin-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world.base));
	snprintf(path, sizeof(path), "%s/real", world.base);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_ptr_nonnull(realpath(path, world.real));
	world.session = open(world.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(standins_open(world.session, &world.standins), 0);
	memset(rules, 0, sizeof(rules));
	atomic_store(&world.reads, 0);
}

void world_remove(void)
{
	standins_close(world.standins);
	close(world.session);
	for (size_t i = 0; i < 4; i++)
		free((char *)(uintptr_t)rules[i].prefix);
	nftw(world.base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
