#include "supervisor/fence_places.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/mounts.h"
#include "supervisor/project.h"

enum { MOST_PLACES = 4096 };

struct fence_places {
	size_t count;
	char *paths[MOST_PLACES];
};

static bool add(struct fence_places *places, const char *path)
{
	if (places->count == MOST_PLACES)
		return false;
	places->paths[places->count] = strdup(path);
	return places->paths[places->count++] != NULL;
}

struct adding {
	struct fence_places *places;
	bool right;
};

static bool add_mount(void *context, const struct mount_line *line)
{
	struct adding *adding = context;
	struct stat status;

	/* A file that is mounted over another: of the two, a directory has the
	 * number of the one that is not seen. */
	if (mounts_special(line->type) ||
	    (stat(line->point, &status) == 0 && S_ISREG(status.st_mode)))
		adding->right = add(adding->places, line->point);
	return adding->right;
}

static bool add_mounts(struct fence_places *places)
{
	struct adding adding = {places, true};

	return mounts_each(add_mount, &adding) == 0 && adding.right;
}

struct fence_places *fence_places_new(const char *const *kept)
{
	static const char *const always[] = {"/proc", "/sys", "/dev", "/run",
					     "/var/run"};
	struct fence_places *places = calloc(1, sizeof(*places));
	bool right = places != NULL;

	for (size_t i = 0; right && i < sizeof(always) / sizeof(*always); i++)
		right = add(places, always[i]);
	for (size_t i = 0; right && kept && kept[i]; i++)
		right = add(places, kept[i]);
	if (right && add_mounts(places))
		return places;
	fence_places_free(places);
	return NULL;
}

void fence_places_free(struct fence_places *places)
{
	if (!places)
		return;
	for (size_t i = 0; i < places->count; i++)
		free(places->paths[i]);
	free(places);
}

bool fence_places_kept(const struct fence_places *places, const char *path)
{
	for (size_t i = 0; i < places->count; i++)
		if (path_is_below(path, places->paths[i]))
			return true;
	return false;
}

bool fence_places_above_kept(const struct fence_places *places,
			     const char *directory)
{
	for (size_t i = 0; i < places->count; i++)
		if (path_is_below(places->paths[i], directory))
			return true;
	return false;
}

size_t fence_places_system(const char *path)
{
	static const char *const trees[] = {
		"/usr",		  "/etc",
		"/bin",		  "/sbin",
		"/lib",		  "/lib32",
		"/lib64",	  "/libx32",
		"/nix",		  "/gnu/store",
		"/snap",	  "/boot",
		"/var/cache/apt", "/var/cache/fontconfig",
		"/var/cache/man", "/var/lib/apt",
		"/var/lib/dpkg",  "/var/lib/pacman",
		"/var/lib/rpm",
	};

	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++)
		if (path_is_below(path, trees[i]))
			return strlen(trees[i]);
	return 0;
}

size_t fence_places_store(const char *home, const char *path)
{
	static const char *const stores[] = {
		".rustup",
		".cargo/registry",
		".cargo/git",
		"go/pkg",
		".cache/go-build",
		".npm/_cacache",
		".nvm",
		".volta",
		".local/share/fnm",
		".local/share/pnpm",
		".cache/yarn",
		".bun/install",
		".deno",
		".pyenv",
		".cache/pip",
		".cache/pypoetry",
		".cache/uv",
		".local/share/uv",
		"miniconda3",
		"miniforge3",
		"anaconda3",
		".rbenv",
		".sdkman",
		".m2/repository",
		".gradle/caches",
		".gradle/wrapper",
		".nuget/packages",
		".dotnet",
		".ghcup",
		".stack",
		".opam",
		".asdf",
		".local/share/mise",
		".cache/bazel",
		".cache/ms-playwright",
	};
	size_t length = home ? strlen(home) : 0;

	if (length <= 1 || !path_is_below(path, home) || path[length] != '/')
		return 0;
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++)
		if (path_is_below(path + length + 1, stores[i]))
			return length + 1 + strlen(stores[i]);
	return 0;
}
