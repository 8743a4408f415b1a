#include "tests/unit/policy_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct policy_variable world_variables[WORLD_VARIABLES] = {
	{"home", "/home/u"},
	{"project", "/home/u/work/a*b"},
	{"tmp", "/tmp"},
	{"user", "u"},
	{"uid", "1000"},
	{"runtime", NULL},
	{"config", "/home/u/.config"},
};

static const struct {
	const char *path, *text;
} files[] = {
	{"/p/one", "deny read /one\n"},
	{"/p/loop", "include ./loop\n"},
	{"/p/empty", " \n"},
	{"/p/secrets", "hide read ~/.ssh/**\n"},
	{"/p/nested", "include secrets\nallow read /nested\n"},
};

static int read_file(void *context, const char *path, char **text,
		     size_t *length)
{
	(void)context;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		*text = strdup(files[i].text);
		*length = strlen(files[i].text);
		return *text ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static int find_policy(void *context, const char *name, char **path)
{
	char *text = NULL;
	size_t length;

	if (asprintf(path, "/p/%s", name) < 0)
		return -ENOMEM;
	if (read_file(context, *path, &text, &length) == 0) {
		free(text);
		return 0;
	}
	free(*path);
	return -ENOENT;
}

static int canonical(void *context, const char *path, char **out)
{
	static const char *const links[][2] = {
		{"/home/u/.aws", "/home/u/dotfiles/aws"},
		{"/bin", "/usr/bin"},
	};

	(void)context;
	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(links[i][0]);

		if (strncmp(path, links[i][0], length) == 0 &&
		    (path[length] == '/' || path[length] == '\0'))
			return asprintf(out, "%s%s", links[i][1],
					path + length) < 0
				       ? -ENOMEM
				       : 0;
	}
	if (strncmp(path, "/p/./", 5) == 0)
		return asprintf(out, "/p/%s", path + 5) < 0 ? -ENOMEM : 0;
	*out = strdup(path);
	return *out ? 0 : -ENOMEM;
}

static int find_program(void *context, const char *name, char **path)
{
	static const char *const programs[] = {
		"git", "npm", "curl", "bash", "python3", "tool", NULL};

	(void)context;
	for (size_t i = 0; programs[i]; i++)
		if (strcmp(programs[i], name) == 0)
			return asprintf(path, "/usr/bin/%s", name) < 0 ? -ENOMEM
								       : 0;
	return -ENOENT;
}

static int is_script(void *context, const char *path)
{
	(void)context;
	return strcmp(path, "/usr/bin/tool") == 0;
}

const struct policy_host world_host = {
	.read_file = read_file,
	.find_policy = find_policy,
	.canonical = canonical,
	.find_program = find_program,
	.is_script = is_script,
};
