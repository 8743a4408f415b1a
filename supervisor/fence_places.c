#include "supervisor/fence_places.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_PLACES = 4096, MOUNT_LINE = 16384 };

struct fence_places {
	size_t count;
	char *paths[MOST_PLACES];
};

/* File systems of the kernel's own: their files are not what they seem. */
static bool is_special(const char *type)
{
	static const char *const types[] = {
		"proc",	   "sysfs",	  "devtmpfs",	"devpts",
		"cgroup",  "cgroup2",	  "debugfs",	"tracefs",
		"mqueue",  "bpf",	  "securityfs", "configfs",
		"pstore",  "efivarfs",	  "autofs",	"fusectl",
		"nsfs",	   "binfmt_misc", "selinuxfs",	"rpc_pipefs",
		"resctrl",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static bool add(struct fence_places *places, const char *path)
{
	if (places->count == MOST_PLACES)
		return false;
	places->paths[places->count] = strdup(path);
	return places->paths[places->count++] != NULL;
}

/* proc_pid_mountinfo(5): a space, tab, line end or backslash is \ooo. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		unsigned byte;

		if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool add_mounts(struct fence_places *places)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = malloc(MOUNT_LINE), point[PATH_MAX], type[64];
	bool right = mounts && line;
	struct stat status;

	while (right && fgets(line, MOUNT_LINE, mounts)) {
		const char *rest = strstr(line, " - ");

		right = sscanf(line, "%*d %*d %*s %*s %4095s", point) == 1 &&
			rest && sscanf(rest, " - %63s", type) == 1;
		if (!right)
			break;
		unescape(point);
		/* A file that is mounted over another: of the two, a directory
		 * has the number of the one that is not seen. */
		if (!is_special(type) &&
		    (stat(point, &status) || !S_ISREG(status.st_mode)))
			continue;
		right = add(places, point);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return right;
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

static bool is_in(const char *path, const char *directory)
{
	size_t length = directory[1] ? strlen(directory) : 0;

	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

bool fence_places_kept(const struct fence_places *places, const char *path)
{
	for (size_t i = 0; i < places->count; i++)
		if (is_in(path, places->paths[i]))
			return true;
	return false;
}

bool fence_places_above_kept(const struct fence_places *places,
			     const char *directory)
{
	for (size_t i = 0; i < places->count; i++)
		if (is_in(places->paths[i], directory))
			return true;
	return false;
}

bool fence_places_system(const char *path)
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
		if (is_in(path, trees[i]))
			return true;
	return false;
}
