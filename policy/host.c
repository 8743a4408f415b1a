/*
 * The host that reads the real file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "policy/text.h"

/** A policy of more than this is no text that a person wrote. */
enum { LARGEST_POLICY = 16 * 1024 * 1024 };

static int read_all(int fd, struct text *text)
{
	char buffer[16 * 1024];

	for (;;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		text_add(text, buffer, (size_t)n);
		if (text->failed)
			return -ENOMEM;
		if (text->length > LARGEST_POLICY)
			return -EFBIG;
	}
}

static int host_read_file(void *context, const char *path, char **out,
			  size_t *length)
{
	/* O_NONBLOCK: a FIFO must not hold up the start. */
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct text text = {0};
	struct stat st;
	int error;

	(void)context;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	error = read_all(fd, &text);
	*length = text.length;
	if (!error)
		return text_finish(&text, out);
	text_free(&text);
	return error;
}

static int host_find_policy(void *context, const char *name, char **path)
{
	const struct policy_system_host *host = context;

	for (size_t i = 0; host->policy_dirs && host->policy_dirs[i]; i++) {
		auto_free char *candidate = NULL;
		struct stat st;

		if (asprintf(&candidate, "%s/%s", host->policy_dirs[i], name) <
		    0) {
			candidate = NULL;
			return -ENOMEM;
		}
		if (stat(candidate, &st) == 0 && S_ISREG(st.st_mode)) {
			*path = take_ptr(candidate);
			return 0;
		}
	}
	return -ENOENT;
}

/** The same for a path that is not in plain components. */
static int canonical_as_it_is(const char *path, char **canonical)
{
	auto_free char *head = strdup(path);
	size_t length;

	if (!head)
		return -ENOMEM;
	length = strlen(head);
	for (;;) {
		auto_free char *found = realpath(head, NULL);
		const char *rest = path + length;

		if (found) {
			const char *start =
				strcmp(found, "/") == 0 && *rest ? "" : found;

			return asprintf(canonical, "%s%s", start, rest) < 0
				       ? -ENOMEM
				       : 0;
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
		while (length > 0 && head[length - 1] != '/')
			length--;
		if (length <= 1) {
			*canonical = strdup(path);
			return *canonical ? 0 : -ENOMEM;
		}
		head[--length] = '\0';
	}
}

/** A directory that was resolved, or that is not there: rules name the same
 * ones over and over. */
struct policy_resolved {
	struct policy_resolved *next;
	char *canonical;
	bool absent; /**< and what is in it is, too */
	size_t length;
	char path[];
};

void policy_system_host_clear(struct policy_system_host *host)
{
	while (host->resolved) {
		struct policy_resolved *next = host->resolved->next;

		free(host->resolved->canonical);
		free(host->resolved);
		host->resolved = next;
	}
}

static int resolve(struct policy_system_host *host, const char *path,
		   size_t length, char **canonical, bool *absent);

/** The directory of this name, looked at once. */
static int resolve_directory(struct policy_system_host *host, const char *path,
			     size_t length,
			     const struct policy_resolved **directory)
{
	struct policy_resolved *resolved;
	int error;

	for (resolved = host->resolved; resolved; resolved = resolved->next) {
		if (resolved->length == length &&
		    memcmp(resolved->path, path, length) == 0) {
			*directory = resolved;
			return 0;
		}
	}
	resolved = calloc(1, sizeof(*resolved) + length + 1);
	if (!resolved)
		return -ENOMEM;
	memcpy(resolved->path, path, length);
	resolved->length = length;
	error = resolve(host, resolved->path, length, &resolved->canonical,
			&resolved->absent);
	if (error) {
		free(resolved);
		return error;
	}
	resolved->next = host->resolved;
	host->resolved = resolved;
	*directory = resolved;
	return 0;
}

/** Whatever the path, resolved by the library if there is a link at its end. */
static int resolve(struct policy_system_host *host, const char *path,
		   size_t length, char **canonical, bool *absent)
{
	const char *slash = strrchr(path, '/');
	const struct policy_resolved *parent;
	struct stat status;
	int error;

	*absent = false;
	if (length == 1) {
		*canonical = strdup(path);
		return *canonical ? 0 : -ENOMEM;
	}
	error = resolve_directory(host, slash == path ? "/" : path,
				  slash == path ? 1 : (size_t)(slash - path),
				  &parent);
	if (error)
		return error;
	if (!parent->absent && lstat(path, &status) == 0) {
		if (S_ISLNK(status.st_mode)) {
			*canonical = realpath(path, NULL);
			if (*canonical)
				return 0;
			*absent = true;
			if (errno != ENOENT && errno != ENOTDIR)
				return -errno;
		}
	} else {
		*absent = true;
		if (!parent->absent && errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return asprintf(canonical, "%s%s",
			parent->canonical[1] ? parent->canonical : "",
			slash) < 0
		       ? -ENOMEM
		       : 0;
}

/**
 * Resolve as much of the path as exists: when its end does not, resolve what
 * stands before and keep the rest.
 */
static int host_canonical(void *context, const char *path, char **canonical)
{
	size_t length = strlen(path);
	bool absent;
	bool plain = path[0] == '/' && !strstr(path, "//") &&
		     !strstr(path, "/./") && !strstr(path, "/../") &&
		     (length < 2 || strcmp(path + length - 2, "/.") != 0) &&
		     (length < 3 || strcmp(path + length - 3, "/..") != 0) &&
		     (length < 2 || path[length - 1] != '/');

	return plain ? resolve(context, path, length, canonical, &absent)
		     : canonical_as_it_is(path, canonical);
}

static int host_find_program(void *context, const char *name, char **path)
{
	const struct policy_system_host *host = context;
	const char *at = host->search_path;

	while (at && *at) {
		size_t length = strcspn(at, ":");
		auto_free char *candidate = NULL;
		struct stat st;

		/* A relative entry would make what is found a matter of where
		 * the program happens to stand. */
		if (*at == '/') {
			if (asprintf(&candidate, "%.*s/%s", (int)length, at,
				     name) < 0) {
				candidate = NULL;
				return -ENOMEM;
			}
			if (stat(candidate, &st) == 0 && S_ISREG(st.st_mode) &&
			    access(candidate, X_OK) == 0) {
				*path = realpath(candidate, NULL);
				return *path ? 0 : -errno;
			}
		}
		at += length;
		at += *at == ':';
	}
	return -ENOENT;
}

static int host_is_script(void *context, const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char start[2];

	(void)context;
	if (fd < 0)
		return -errno;
	return read(fd, start, sizeof(start)) == sizeof(start) &&
	       memcmp(start, "#!", sizeof(start)) == 0;
}

void policy_system_host_init(struct policy_host *host,
			     struct policy_system_host *context)
{
	*host = (struct policy_host){
		.read_file = host_read_file,
		.find_policy = host_find_policy,
		.canonical = host_canonical,
		.find_program = host_find_program,
		.is_script = host_is_script,
		.context = context,
	};
}
