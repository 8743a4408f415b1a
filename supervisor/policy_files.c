#include "supervisor/policy_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/project.h"
#include "supervisor/sha256.h"

/* A file of the project's policy, as it was read once for all. */
struct kept_file {
	char *path, *text;
	size_t length;
};

static bool found_by_name(const struct policy_files *files, const char *path)
{
	for (size_t i = 0; i < files->by_name_count; i++)
		if (strcmp(files->by_name[i], path) == 0)
			return true;
	return false;
}

static int copy_text(const struct kept_file *file, char **text, size_t *length)
{
	*text = malloc(file->length + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, file->text, file->length);
	(*text)[file->length] = '\0';
	*length = file->length;
	return 0;
}

static int keep_file(struct policy_files *files, const char *path,
		     const char *text, size_t length)
{
	struct kept_file *grown = reallocarray(
		files->kept, files->kept_count + 1, sizeof(*files->kept));
	struct kept_file file = {strdup(path), malloc(length + 1), length};

	if (grown)
		files->kept = grown;
	if (!grown || !file.path || !file.text) {
		free(file.path);
		free(file.text);
		return -ENOMEM;
	}
	memcpy(file.text, text, length);
	files->kept[files->kept_count++] = file;
	return 0;
}

/** Read a file; what belongs to the project's policy is read only once. */
static int read_file(void *context, const char *path, char **text,
		     size_t *length)
{
	struct policy_files *files = context;
	const struct policy_host *system = &files->system_host;
	int error;

	for (size_t i = 0; i < files->kept_count; i++)
		if (strcmp(files->kept[i].path, path) == 0)
			return copy_text(&files->kept[i], text, length);
	error = system->read_file(system->context, path, text, length);
	if (error || !files->keeping || found_by_name(files, path))
		return error;
	error = keep_file(files, path, *text, *length);
	if (error)
		free(*text);
	return error;
}

static int find_policy(void *context, const char *name, char **path)
{
	struct policy_files *files = context;
	const struct policy_host *system = &files->system_host;
	int error = system->find_policy(system->context, name, path);
	char **grown, *copy;

	if (error || !files->keeping)
		return error;
	copy = strdup(*path);
	grown = reallocarray(files->by_name, files->by_name_count + 1,
			     sizeof(*grown));
	if (grown)
		files->by_name = grown;
	if (!copy || !grown) {
		free(copy);
		free(*path);
		return -ENOMEM;
	}
	files->by_name[files->by_name_count++] = copy;
	return 0;
}

static int canonical(void *context, const char *path, char **canonical_path)
{
	const struct policy_files *files = context;

	return files->system_host.canonical(files->system_host.context, path,
					    canonical_path);
}

static int find_program(void *context, const char *name, char **path)
{
	const struct policy_files *files = context;

	return files->system_host.find_program(files->system_host.context, name,
					       path);
}

static int is_script(void *context, const char *path)
{
	const struct policy_files *files = context;

	return files->system_host.is_script(files->system_host.context, path);
}

void policy_files_init(struct policy_files *files, const char *search_path,
		       const char *const *policy_dirs)
{
	files->system.search_path = search_path;
	files->system.policy_dirs = policy_dirs;
	policy_system_host_init(&files->system_host, &files->system);
	files->host = (struct policy_host){
		.read_file = read_file,
		.find_policy = find_policy,
		.canonical = canonical,
		.find_program = find_program,
		.is_script = is_script,
		.context = files,
	};
}

void policy_files_clear(struct policy_files *files)
{
	policy_system_host_clear(&files->system);
	for (size_t i = 0; i < files->kept_count; i++) {
		free(files->kept[i].path);
		free(files->kept[i].text);
	}
	for (size_t i = 0; i < files->by_name_count; i++)
		free(files->by_name[i]);
	free(files->kept);
	free(files->by_name);
}

void policy_files_hash(const struct policy_files *files, char hash[65])
{
	unsigned char bytes[SHA256_SIZE];
	struct sha256 all;

	sha256_begin(&all);
	/* Each with its name and its lengths, so that no two sets of files
	 * give the same bytes. */
	for (size_t i = 0; i < files->kept_count; i++) {
		const struct kept_file *file = &files->kept[i];
		char head[64];
		int head_length = snprintf(head, sizeof(head), "%zu %zu\n",
					   strlen(file->path), file->length);

		sha256_add(&all, head, (size_t)head_length);
		sha256_add(&all, file->path, strlen(file->path));
		sha256_add(&all, file->text, file->length);
	}
	sha256_end(&all, bytes);
	sha256_hex(bytes, sizeof(bytes), hash);
}

char *policy_files_installed(void)
{
	char exe[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (length > 0) {
		exe[length] = '\0';
		if (path_is_below(exe, BUILD_DIR))
			return strdup(SOURCE_DIR "/profiles");
	}
	return strdup(PROFILE_DIR);
}

bool policy_files_is_installed(const char *path)
{
	auto_free char *directory = policy_files_installed();

	return directory && path_is_below(path, directory);
}
