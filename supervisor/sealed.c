#include "supervisor/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "policy/scope.h"

/* Sealed files that are remembered; older ones have mostly ended. */
enum { MOST_SEALED = 4096, COPY_STEP = 1 << 30 };

enum { EXECUTABLE = 0x10 /* MFD_EXEC */ };

struct sealed_file {
	dev_t device;
	ino_t inode;
	char *path;
};

struct sealed {
	pthread_mutex_t lock;
	struct sealed_file files[MOST_SEALED];
	size_t next; /* a ring */
};

struct sealed *sealed_new(void)
{
	struct sealed *sealed = calloc(1, sizeof(*sealed));

	if (sealed)
		pthread_mutex_init(&sealed->lock, NULL);
	return sealed;
}

void sealed_free(struct sealed *sealed)
{
	if (!sealed)
		return;
	for (size_t i = 0; i < MOST_SEALED; i++)
		free(sealed->files[i].path);
	pthread_mutex_destroy(&sealed->lock);
	free(sealed);
}

static int keep(struct sealed *sealed, int fd, const char *path)
{
	struct stat status;
	char *copy = strdup(path);

	if (!copy || fstat(fd, &status)) {
		free(copy);
		return copy ? -errno : -ENOMEM;
	}
	pthread_mutex_lock(&sealed->lock);
	struct sealed_file *file = &sealed->files[sealed->next];

	sealed->next = (sealed->next + 1) % MOST_SEALED;
	free(file->path);
	*file = (struct sealed_file){status.st_dev, status.st_ino, copy};
	pthread_mutex_unlock(&sealed->lock);
	return 0;
}

static int copy_all(int from, int to)
{
	off_t at = 0;

	for (;;) {
		ssize_t got = sendfile(to, from, &at, COPY_STEP);

		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
	}
}

/* Where vm.memfd_noexec is 1 (Linux 6.3) only what is asked for so can be run. */
static int executable_memory(const char *name)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | EXECUTABLE);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd;
}

int sealed_copy(struct sealed *sealed, int program, const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[64];

	strncpy(name, slash ? slash + 1 : path, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	auto_fd to = executable_memory(name);

	if (to < 0)
		return -errno;
	int error = copy_all(program, to);

	if (!error &&
	    fcntl(to, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		error = -errno;
	if (!error)
		error = keep(sealed, to, path);
	return error ? error : take_fd(&to);
}

ssize_t sealed_path(struct sealed *sealed, const struct stat *status,
		    char *path, size_t capacity)
{
	ssize_t length = -ENOENT;

	if (!sealed)
		return -ENOENT;
	pthread_mutex_lock(&sealed->lock);
	for (size_t i = 0; i < MOST_SEALED && sealed->files[i].path; i++) {
		const struct sealed_file *file = &sealed->files[i];

		if (file->inode != status->st_ino ||
		    file->device != status->st_dev ||
		    strlen(file->path) >= capacity)
			continue;
		length = (ssize_t)strlen(file->path);
		memcpy(path, file->path, (size_t)length + 1);
		break;
	}
	pthread_mutex_unlock(&sealed->lock);
	return length;
}
