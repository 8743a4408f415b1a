/*
 * In a session's directory:
 *
 *   standins/mirror    what programs see and write to
 *   standins/made      the same as it was made
 *   standins/temporary where a file is until it is complete
 *   standins/manifest  what each was made from
 *
 * One thread makes stand-ins at a time (`making`); which are made is known to
 * all (`made_lock`), so that a thread whose stand-in is there does not wait
 * for another's.
 */
#include "supervisor/virtual/standin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/changes.h"
#include "supervisor/virtual/keep.h"
#include "supervisor/virtual/mirror.h"
#include "supervisor/virtual/names.h"
#include "supervisor/virtual/placeholder.h"
#include "supervisor/virtual/tree.h"

struct standins {
	int session, directory, mirror, made, temporary, manifest;
	char path[PATH_MAX]; /* of the mirror */
	struct placeholders *placeholders;
	pthread_mutex_t making;
	pthread_mutex_t made_lock;
	struct names *made_paths;
	standin_content *content; /* or NULL */
	void *content_context;
};

/* -------------------------------------------------------------- opening -- */

static int make_directory(int parent, const char *name, int flags, int *fd)
{
	if (mkdirat(parent, name, 0700) < 0)
		return -errno;
	*fd = openat(parent, name,
		     flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int find_path(struct standins *standins)
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", standins->mirror);
	length = readlink(link, standins->path, sizeof(standins->path) - 1);
	if (length < 0)
		return -errno;
	standins->path[length] = '\0';
	return 0;
}

static int make_trees(struct standins *standins, int session_directory)
{
	int error;

	standins->session = fcntl(session_directory, F_DUPFD_CLOEXEC, 0);
	if (standins->session < 0)
		return -errno;
	error = make_directory(session_directory, "standins", O_RDONLY,
			       &standins->directory);
	if (!error)
		error = make_directory(standins->directory, "mirror", O_PATH,
				       &standins->mirror);
	return error ? error : find_path(standins);
}

/* What few sessions need: when the first stand-in is made. */
static int make_rest(struct standins *standins)
{
	int error = 0;

	if (standins->manifest >= 0)
		return 0;
	if (standins->made < 0)
		error = make_directory(standins->directory, "made", O_PATH,
				       &standins->made);
	if (!error && standins->temporary < 0)
		error = make_directory(standins->directory, "temporary", O_PATH,
				       &standins->temporary);
	if (error)
		return error;
	standins->manifest = openat(standins->directory, "manifest",
				    O_RDWR | O_CREAT | O_EXCL | O_APPEND |
					    O_NOFOLLOW | O_CLOEXEC,
				    0600);
	return standins->manifest < 0 ? -errno : 0;
}

int standins_open(int session_directory, struct standins **standins)
{
	struct standins *opened = calloc(1, sizeof(*opened));
	int error;

	if (!opened)
		return -ENOMEM;
	opened->session = opened->directory = opened->mirror = -1;
	opened->made = opened->temporary = opened->manifest = -1;
	pthread_mutex_init(&opened->making, NULL);
	pthread_mutex_init(&opened->made_lock, NULL);
	error = placeholders_new(&opened->placeholders);
	if (!error) {
		opened->made_paths = names_new();
		error = opened->made_paths
				? make_trees(opened, session_directory)
				: -ENOMEM;
	}
	if (error) {
		standins_close(opened);
		return error;
	}
	*standins = opened;
	return 0;
}

void standins_close(struct standins *standins)
{
	if (!standins)
		return;
	placeholders_free(standins->placeholders);
	names_free(standins->made_paths);
	pthread_mutex_destroy(&standins->making);
	pthread_mutex_destroy(&standins->made_lock);
	scope_close_fd(&standins->manifest);
	scope_close_fd(&standins->temporary);
	scope_close_fd(&standins->made);
	scope_close_fd(&standins->mirror);
	scope_close_fd(&standins->directory);
	scope_close_fd(&standins->session);
	free(standins);
}

int standins_root(const struct standins *standins)
{
	return standins->mirror;
}

const char *standins_root_path(const struct standins *standins)
{
	return standins->path;
}

/* ------------------------------------------------------------ preparing -- */

static bool is_made(void *context, const char *path)
{
	struct standins *standins = context;
	bool found;

	pthread_mutex_lock(&standins->made_lock);
	found = names_find(standins->made_paths, path, strlen(path));
	pthread_mutex_unlock(&standins->made_lock);
	return found;
}

static int set_made(void *context, const char *path)
{
	struct standins *standins = context;
	size_t length = strlen(path);
	char *value;
	int error = 0;

	pthread_mutex_lock(&standins->made_lock);
	if (!names_find(standins->made_paths, path, length)) {
		value = calloc(1, 1); /* only that it is there counts */
		error = value ? names_add(standins->made_paths, path, length,
					  value)
			      : -ENOMEM;
		if (error)
			free(value);
	}
	pthread_mutex_unlock(&standins->made_lock);
	return error;
}

static bool same_fake(const struct policy_fake *a, const struct policy_fake *b)
{
	if (!a || !b || a == b)
		return a == b;
	return a->kind == b->kind && a->length == b->length &&
	       (!a->text || !b->text
			? a->text == b->text
			: memcmp(a->text, b->text, a->length) == 0);
}

/* The highest directory above a path that is faked like it. */
static void find_root(const struct policy_fake *fake, const char *path,
		      const struct standin_host *host, char root[PATH_MAX])
{
	char above[PATH_MAX];
	char *slash;

	strcpy(root, path);
	if (!host->fake)
		return;
	strcpy(above, path);
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		if (!same_fake(host->fake(host->context, above), fake))
			return;
		strcpy(root, above);
	}
}

static int content_of(void *context, const char *path, char **bytes,
		      size_t *length)
{
	const struct standins *standins = context;

	return standins->content ? standins->content(standins->content_context,
						     path, bytes, length)
				 : -ENOENT;
}

static struct mirror mirror_of(struct standins *standins,
			       const struct standin_host *host)
{
	return (struct mirror){
		.tree = standins->mirror,
		.made = standins->made,
		.temporary = standins->temporary,
		.manifest = standins->manifest,
		.placeholders = standins->placeholders,
		.host = host,
		.is_made = is_made,
		.set_made = set_made,
		.content = content_of,
		.context = standins,
	};
}

int standins_prepare(struct standins *standins, const struct policy_fake *fake,
		     const char *path, const struct standin_host *host)
{
	struct mirror mirror;
	char root[PATH_MAX];
	int error = 0;

	if (!tree_is_path(path))
		return -EINVAL;
	if (is_made(standins, path))
		return 0;
	find_root(fake, path, host, root);
	pthread_mutex_lock(&standins->making);
	if (!is_made(standins, path))
		error = make_rest(standins);
	mirror = mirror_of(standins, host);
	mirror.root = root;
	if (!error && !is_made(standins, path))
		error = mirror_make(&mirror, fake, path);
	pthread_mutex_unlock(&standins->making);
	return error;
}

void standins_give(struct standins *standins, standin_content *content,
		   void *context)
{
	standins->content = content;
	standins->content_context = context;
}

char *standins_placeholder(struct standins *standins, const char *name,
			   const char *value)
{
	char *placeholder;
	size_t length;

	return placeholders_make(standins->placeholders, name, value,
				 strlen(value), &placeholder, &length)
		       ? NULL
		       : placeholder;
}

int standins_renewed(struct standins *standins, const char *placeholder,
		     const char *value, size_t length)
{
	return placeholders_alias(standins->placeholders, value, length,
				  placeholder);
}

const char *standins_find_placeholder(struct standins *standins,
				      const char *text, size_t length)
{
	return placeholders_find(standins->placeholders, text, length);
}

/* --------------------------------------------------------- at the end -- */

struct counting {
	void (*visit)(void *context, const char *path);
	void *context;
	size_t count;
};

static bool count_change(void *context, enum change_kind kind, const char *path)
{
	struct counting *counting = context;

	(void)kind;
	counting->count++;
	if (counting->visit)
		counting->visit(counting->context, path);
	return true;
}

size_t standins_changed(struct standins *standins,
			void (*visit)(void *context, const char *path),
			void *context)
{
	struct counting counting = {visit, context, 0};

	if (standins->manifest < 0)
		return 0; /* none was made */
	changes_walk(standins->made, standins->mirror, count_change, &counting);
	return counting.count;
}

int standins_keep(struct standins *standins, int state_directory)
{
	if (!standins_changed(standins, NULL, NULL))
		return 0;
	return keep_standins(standins->session, state_directory);
}
