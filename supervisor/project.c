#include "supervisor/project.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"

bool path_is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	if (strcmp(above, "/") == 0)
		return true;
	return strncmp(path, above, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/** A project here would take the user's own files with it. */
static bool is_forbidden(const char *directory, const char *home)
{
	return path_is_below(home, directory);
}

static char *join(const char *directory, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", strcmp(directory, "/") ? directory : "",
		     name) < 0)
		return NULL;
	return path;
}

/** Is there a `.git` here that is the user's own? */
static bool has_git(const char *directory)
{
	auto_free char *git = join(directory, ".git");
	struct stat st;

	/* Another user's, such as one in /tmp, must not become the project. */
	return git && lstat(git, &st) == 0 && st.st_uid == geteuid() &&
	       (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
}

int project_find(const char *chosen, const char *home, FILE *messages,
		 char **project)
{
	auto_free char *start = realpath(chosen ?: ".", NULL);
	int error = -errno;
	auto_free char *real_home = realpath(home, NULL);
	auto_free char *at = start ? strdup(start) : NULL;
	const char *users = real_home ?: home;
	struct stat st;

	if (!start) {
		fprintf(messages, "interpose: %s: %s\n",
			chosen ?: "the current directory", strerror(-error));
		return error;
	}
	if (!at)
		return -ENOMEM;
	if (stat(start, &st) < 0 || !S_ISDIR(st.st_mode)) {
		fprintf(messages, "interpose: %s: not a directory\n", start);
		return -ENOTDIR;
	}
	while (!chosen && !is_forbidden(at, users)) {
		if (has_git(at)) {
			*project = take_ptr(at);
			return 0;
		}
		*strrchr(at, '/') = '\0';
		if (!*at)
			break;
	}
	if (is_forbidden(start, users)) {
		fprintf(messages,
			"interpose: %s cannot be the project, since the "
			"home directory is in it; name one: -C DIR\n",
			start);
		return -EINVAL;
	}
	*project = take_ptr(start);
	return 0;
}

/** Read a small file of one line, without its newline; NULL if there is none.
 */
static char *read_line(const char *directory, const char *name)
{
	auto_free char *path = join(directory, name);
	auto_fd fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	char buffer[PATH_MAX + 16];
	ssize_t length;

	if (fd < 0)
		return NULL;
	length = read(fd, buffer, sizeof(buffer) - 1);
	if (length <= 0)
		return NULL;
	buffer[length] = '\0';
	buffer[strcspn(buffer, "\r\n")] = '\0';
	return strdup(buffer);
}

/** The canonical form of a path that is relative to a directory. */
static char *resolve(const char *directory, const char *path)
{
	auto_free char *joined =
		*path == '/' ? strdup(path) : join(directory, path);

	return joined ? realpath(joined, NULL) : NULL;
}

/** Is there what git takes for a repository? */
static bool is_repository(const char *directory)
{
	static const char *const needed[] = {"HEAD", "config", "objects",
					     "refs"};
	struct stat st;

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		auto_free char *path = join(directory, needed[i]);

		if (!path || lstat(path, &st) < 0)
			return false;
	}
	return true;
}

/** Is `path` right in the directory? */
static bool is_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return path_is_below(path, directory) && path[length] == '/' &&
	       !strchr(path + length + 1, '/');
}

/**
 * A linked work tree's directory names the `.git` file that names it. The
 * session can write that file and, where its project lies in a directory called
 * `worktrees`, all of what it names: so what is above must be a repository.
 */
static char *linked_worktree(const char *project, const char *gitdir)
{
	auto_free char *back = read_line(gitdir, "gitdir");
	auto_free char *common_name = read_line(gitdir, "commondir");
	auto_free char *mine = join(project, ".git");
	auto_free char *named = back ? resolve(gitdir, back) : NULL;
	auto_free char *common =
		common_name ? resolve(gitdir, common_name) : NULL;
	auto_free char *trees = common ? join(common, "worktrees") : NULL;

	if (!mine || !named || !trees || strcmp(named, mine) != 0 ||
	    !is_in(gitdir, trees) || path_is_below(gitdir, project) ||
	    !is_repository(common))
		return NULL;
	return take_ptr(common);
}

/** A submodule's directory lies in that of a work tree around it. */
static char *submodule(const char *project, const char *gitdir)
{
	const char *inside = strstr(gitdir, "/.git/modules/");
	auto_free char *outer =
		inside ? strndup(gitdir, (size_t)(inside - gitdir)) : NULL;

	if (!outer || !*outer || strcmp(outer, project) == 0 ||
	    !path_is_below(project, outer))
		return NULL;
	return strdup(gitdir);
}

int project_git_directory(const char *project, FILE *messages, char **gitdir)
{
	static const char start[] = "gitdir: ";
	auto_free char *git = join(project, ".git");
	auto_free char *line = NULL;
	auto_free char *named = NULL;
	struct stat st;

	if (!git)
		return -ENOMEM;
	if (lstat(git, &st) < 0)
		return -ENOENT;
	if (S_ISDIR(st.st_mode)) {
		*gitdir = take_ptr(git);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	line = read_line(project, ".git");
	if (!line || strncmp(line, start, strlen(start)) != 0)
		return -ENOENT;
	named = resolve(project, line + strlen(start));
	if (named) {
		*gitdir = linked_worktree(project, named);
		if (!*gitdir)
			*gitdir = submodule(project, named);
		if (*gitdir)
			return 0;
	}
	fprintf(messages,
		"interpose: %s names a git directory that does not belong to "
		"it; ${gitdir} is not set\n",
		git);
	return -ENOENT;
}

/* ------------------------------------------------------------------ guard --
 */

void path_print_literal(const char *path, FILE *out)
{
	for (; *path; path++) {
		if (isalnum((unsigned char)*path) || strchr("/._-", *path))
			fputc(*path, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*path);
	}
}

static void print_rule(FILE *out, const char *directory, const char *name)
{
	fputs("deny write \"", out);
	path_print_literal(directory, out);
	fprintf(out,
		"/%s\" because \"it says where the repository is, and so what "
		"git runs\"\n",
		name);
}

static void print_worktrees(FILE *out, const char *gitdir)
{
	static const char *const names[] = {"commondir", "gitdir",
					    "config.worktree"};
	auto_free char *trees = join(gitdir, "worktrees");
	DIR *entries = trees ? opendir(trees) : NULL;

	if (!entries)
		return;
	for (struct dirent *entry; (entry = readdir(entries));) {
		auto_free char *tree = join(trees, entry->d_name);

		if (!tree || entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			print_rule(out, tree, names[i]);
	}
	closedir(entries);
}

int project_guard(const char *project, const char *gitdir, char **text)
{
	auto_free char *git = join(project, ".git");
	size_t length;
	struct stat st;

	*text = NULL;
	FILE *out = git ? open_memstream(text, &length) : NULL;

	if (!out)
		return -ENOMEM;
	if (lstat(git, &st) == 0 && S_ISREG(st.st_mode))
		print_rule(out, project, ".git");
	if (gitdir)
		print_worktrees(out, gitdir);
	bool failed = ferror(out);

	if (fclose(out) || failed) {
		free(*text);
		*text = NULL;
		return -ENOMEM;
	}
	return 0;
}
