#include "supervisor/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"

enum { HASH_LENGTH = 64 };

static char *trust_path(const char *config, const char *suffix)
{
	char *path = NULL;

	if (asprintf(&path, "%s/interpose/%s", config, suffix) < 0)
		return NULL;
	return path;
}

int trust_list(const char *config,
	       void (*visit)(void *context, const char *hash,
			     const char *project),
	       void *context)
{
	auto_free char *path = trust_path(config, "trust");
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t length;
	FILE *file;

	if (!path)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while ((length = getline(&line, &size, file)) > 0) {
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (length < HASH_LENGTH + 2 || line[HASH_LENGTH] != ' ')
			continue;
		line[HASH_LENGTH] = '\0';
		visit(context, line, line + HASH_LENGTH + 1);
	}
	fclose(file);
	return 0;
}

struct looking {
	const char *project, *hash;
	bool found;
};

static void look(void *context, const char *hash, const char *project)
{
	struct looking *looking = context;

	if (strcmp(project, looking->project) == 0 &&
	    strcmp(hash, looking->hash) == 0)
		looking->found = true;
}

bool trust_has(const char *config, const char *project, const char *hash)
{
	struct looking looking = {project, hash, false};

	return trust_list(config, look, &looking) == 0 && looking.found;
}

struct copying {
	FILE *out;
	const char *project;
	bool dropped;
};

static void copy_others(void *context, const char *hash, const char *project)
{
	struct copying *copying = context;

	if (strcmp(project, copying->project) == 0)
		copying->dropped = true;
	else
		fprintf(copying->out, "%s %s\n", hash, project);
}

static int make_directory(const char *config)
{
	auto_free char *directory = trust_path(config, "");

	if (!directory)
		return -ENOMEM;
	if (mkdir(config, 0700) < 0 && errno != EEXIST)
		return -errno;
	return mkdir(directory, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/** Write the new list and put it in the place of the old one. */
static int replace(const char *config, const char *path,
		   struct copying *copying, const char *hash)
{
	auto_free char *made = NULL;
	auto_fd fd = -1;
	bool written;
	int error;

	if (asprintf(&made, "%s.XXXXXX", path) < 0) {
		made = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(made, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	copying->out = fdopen(fd, "w");
	if (!copying->out) {
		unlink(made);
		return -ENOMEM;
	}
	take_fd(&fd);
	error = trust_list(config, copy_others, copying);
	if (hash)
		fprintf(copying->out, "%s %s\n", hash, copying->project);
	written = fflush(copying->out) == 0 && !ferror(copying->out) &&
		  fsync(fileno(copying->out)) == 0;
	if (!error && !written)
		error = -EIO;
	fclose(copying->out);
	if (!error && rename(made, path) < 0)
		error = -errno;
	if (error)
		unlink(made);
	return error;
}

int trust_set(const char *config, const char *project, const char *hash)
{
	auto_free char *path = trust_path(config, "trust");
	struct copying copying = {.project = project};
	int error;

	if (!path)
		return -ENOMEM;
	/* The file has one project a line. */
	if (strpbrk(project, "\r\n"))
		return -EINVAL;
	error = make_directory(config);
	if (!error)
		error = replace(config, path, &copying, hash);
	if (!error && !hash && !copying.dropped)
		return -ENOENT;
	return error;
}
