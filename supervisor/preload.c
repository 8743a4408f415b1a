#include "supervisor/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "policy/scope.h"
#include "shim/config.h"
#include "shim/object.h"
#include "shim/rows.h"
#include "supervisor/go_image.h"
#include "supervisor/loader_code.h"
#include "supervisor/project.h"
#include "supervisor/static_image.h"

/*
 * The file, and a link to it by which it is loaded. AddressSanitizer's library,
 * where it is one (gcc's default), wants to be the first that is loaded and
 * ends the program where it is not, unless the first one's name has this in it;
 * where it is part of the program (clang's default), it wants no such file
 * mapped. We define nothing that it does, so neither need be.
 */
#define FILE_NAME "interpose-shim.so"
#define LINK_NAME "beside-libasan.so"

enum { MOST_BYTES = 1 << 20 };

/* Found once: the libc and the loader stay where they are. */
static struct {
	bool found;
	size_t base_count, count;
	const unsigned char *bases[SHIM_OBJECTS];
	struct shim_object objects[SHIM_OBJECTS];
	const unsigned char *loader_base;
	const struct shim_object *loader; /* one of the objects, or NULL */
	struct shim_code loader_code;
} loaded;

struct preload {
	int directory;
	char path[SHIM_PATH];
	struct go_images *go;
	struct static_images *statics;
	struct loader_code loader;
	bool has_loader;
};

/* -- what is built -----------------------------------------------------------
 */

static int open_built(void)
{
	const char *built = SHIM_DIR "/interpose-shim.so";
	char exe[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[length > 0 ? length : 0] = '\0';
	if (path_is_below(exe, BUILD_DIR))
		built = BUILD_DIR "/interpose-shim.so";
	int fd = open(built, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int preload_built(void)
{
	auto_fd fd = open_built();

	return fd < 0 ? fd : 0;
}

static int read_built(char **bytes, size_t *size)
{
	struct stat status;
	auto_fd fd = open_built();

	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return -errno;
	if (status.st_size <= 0 || status.st_size > MOST_BYTES)
		return -ENOEXEC;
	*size = (size_t)status.st_size;
	*bytes = malloc(*size);
	if (!*bytes)
		return -ENOMEM;
	return read(fd, *bytes, *size) == status.st_size ? 0 : -EIO;
}

/* The one place where a table belongs. */
static struct shim_config *find_config(char *bytes, size_t size)
{
	struct shim_config *found = NULL;
	size_t last = size < sizeof(*found) ? 0 : size - sizeof(*found) + 1;

	for (size_t at = 0; at < last; at += 64) {
		if (memcmp(bytes + at, SHIM_MAGIC, sizeof(SHIM_MAGIC)) != 0)
			continue;
		if (found)
			return NULL;
		found = (struct shim_config *)(void *)(bytes + at);
	}
	return found;
}

/* -- the table ----------------------------------------------------------------
 */

/* No more than is needed: the loader waits for as long. */
static int add_object(struct dl_phdr_info *info, size_t size, void *context)
{
	const unsigned char *base = (const unsigned char *)info->dlpi_addr;

	(void)size;
	(void)context;
	if (loaded.base_count == SHIM_OBJECTS ||
	    !shim_object_named(info->dlpi_name))
		return 0;
	loaded.bases[loaded.base_count++] = base;
	if (strstr(info->dlpi_name, "/ld-"))
		loaded.loader_base = base;
	return 0;
}

/* Returns whether it is an object that can be known again. */
static bool find_sites(const unsigned char *base, struct shim_object *object,
		       struct shim_code *code)
{
	if (!shim_object_look(base, code, object->id))
		return false;
#ifdef __aarch64__
	object->count = (uint32_t)shim_sites_aarch64(code, shim_gates,
						     object->sites, SHIM_SITES);
#else
	object->count = (uint32_t)shim_sites_x86_64(code, shim_gates, true,
						    object->sites, SHIM_SITES);
#endif
	object->count = (uint32_t)shim_sites_near(object->sites, object->count);
	return true;
}

/* Most programs of the session have the libc and the loader that we have. */
void preload_look(void)
{
	if (loaded.found)
		return;
	dl_iterate_phdr(add_object, NULL);
	for (size_t i = 0; i < loaded.base_count; i++) {
		struct shim_object *object = &loaded.objects[loaded.count];
		struct shim_code code;

		if (!find_sites(loaded.bases[i], object, &code))
			continue;
		loaded.count++;
		if (loaded.bases[i] != loaded.loader_base)
			continue;
		loaded.loader = object;
		loaded.loader_code = code;
	}
	loaded.found = true;
}

static int fill(char *bytes, size_t size, const struct preload *preload,
		const struct shim_names *names, bool apart)
{
	struct shim_config *config = find_config(bytes, size);

	if (!config)
		return -ENOEXEC;
	memcpy(config->path, preload->path, sizeof(config->path));
	config->names = *names;
	config->apart = apart;
	preload_look();
	memcpy(config->objects, loaded.objects, sizeof(config->objects));
	config->object_count = (uint32_t)loaded.count;
	config->ready = 1;
	return 0;
}

/* -- the copy
 * ------------------------------------------------------------------ */

static int write_copy(int directory, const char *bytes, size_t size)
{
	auto_fd fd = openat(directory, FILE_NAME,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t wrote = write(fd, bytes + done, size - done);

		if (wrote < 0 && errno != EINTR)
			return -errno;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return symlinkat(FILE_NAME, directory, LINK_NAME) ? -errno : 0;
}

static int make(struct preload *preload, const struct shim_names *names,
		bool apart, const char *path, const char **why)
{
	auto_free char *bytes = NULL;
	struct statvfs mounted;
	size_t size = 0;

	*why = "its path is too long, or has a blank, a colon or a dollar sign";
	if (snprintf(preload->path, sizeof(preload->path), "%s/" LINK_NAME,
		     path) >= (int)sizeof(preload->path) ||
	    strpbrk(path, " :$"))
		return -EINVAL;
	*why = "no code may be run from the session's directory";
	if (fstatvfs(preload->directory, &mounted) == 0 &&
	    (mounted.f_flag & ST_NOEXEC))
		return -EACCES;
	*why = SHIM_DIR "/interpose-shim.so cannot be read";
	int error = read_built(&bytes, &size);

	if (error)
		return error;
	*why = SHIM_DIR "/interpose-shim.so is not this version's";
	error = fill(bytes, size, preload, names, apart);
	if (error)
		return error;
	preload->go = go_images_new(bytes, size);
	preload->statics = static_images_new(bytes, size);
	preload->has_loader =
		loaded.loader &&
		loader_code_make(&loaded.loader_code, loaded.loader, names,
				 preload->path, apart, &preload->loader);
	*why = "the session's directory cannot be written";
	return write_copy(preload->directory, bytes, size);
}

int preload_new(const struct shim_names *names, bool apart, int directory,
		const char *path, struct preload **result, const char **why)
{
	struct preload *preload = calloc(1, sizeof(*preload));

	*why = "out of memory";
	if (!preload)
		return -ENOMEM;
	preload->directory = fcntl(directory, F_DUPFD_CLOEXEC, 3);
	int error = preload->directory < 0
			    ? -errno
			    : make(preload, names, apart, path, why);

	if (error) {
		preload_free(preload);
		return error;
	}
	*result = preload;
	return 0;
}

void preload_free(struct preload *preload)
{
	if (!preload)
		return;
	if (preload->directory >= 0)
		close(preload->directory);
	go_images_free(preload->go);
	static_images_free(preload->statics);
	free(preload);
}

const char *preload_path(const struct preload *preload)
{
	return preload->path;
}

struct go_images *preload_go(const struct preload *preload)
{
	return preload->go;
}

struct static_images *preload_statics(const struct preload *preload)
{
	return preload->statics;
}

const struct loader_code *preload_loader(const struct preload *preload)
{
	return preload->has_loader ? &preload->loader : NULL;
}

bool preload_opens(const struct preload *preload, const char *path,
		   uint64_t flags)
{
	return (flags & ~(uint64_t)(O_CLOEXEC | O_LARGEFILE | 0100000)) ==
		       O_RDONLY &&
	       strcmp(path, preload->path) == 0;
}

int preload_open(const struct preload *preload)
{
	int fd = openat(preload->directory, FILE_NAME,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
