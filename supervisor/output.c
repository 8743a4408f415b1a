#include "supervisor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/scope.h"

int output_open(const char *path, mode_t mode)
{
	enum { FLAGS = O_WRONLY | O_CLOEXEC | O_NOCTTY };
	auto_fd fd = open(path, FLAGS | O_CREAT | O_NOFOLLOW, mode);
	bool linked = fd < 0 && errno == ELOOP;
	struct stat file;

	if (linked)
		fd = open(path, FLAGS);
	if (fd < 0 || fstat(fd, &file))
		return linked ? -ELOOP : -errno;
	return linked && S_ISREG(file.st_mode) ? -ELOOP : take_fd(&fd);
}

const char *output_error(int error)
{
	return error == -ELOOP ? "it is a symbolic link" : strerror(-error);
}
