#include "supervisor/kept.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/layers.h"
#include "supervisor/project.h"

static const char running[] = "a policy that this session runs under";

enum { MOST_LINKS = 40 }; /* the kernel follows no more */

/* What is left of a path, and what of it is resolved: no link, no dot. */
struct walk {
	char at[2 * PATH_MAX], rest[2 * PATH_MAX];
};

/* In a rule, a link is what it leads to. So its name is a pattern: one letter
 * of it any of that one. */
static void put_link(FILE *out, const char *path, const char *why)
{
	const char *name = strrchr(path, '/') + 1;
	auto_free char *directory = strndup(path, (size_t)(name - path));
	bool plain = name[0] == '.' || name[0] == '_' ||
		     (name[0] >= '0' && name[0] <= '9') ||
		     (name[0] >= 'A' && name[0] <= 'Z') ||
		     (name[0] >= 'a' && name[0] <= 'z');

	if (!directory)
		return;
	fputs("never write \"", out);
	path_print_literal(directory, out);
	if (plain)
		fprintf(out, "[%c]", name[0]);
	else
		fputc('?', out);
	path_print_literal(name + 1, out);
	fprintf(out, "\" because \"%s\"\n", why);
}

/* Take a component. Returns false where there is none left. */
static bool next(struct walk *walk, char component[NAME_MAX + 1])
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");

	if (length == 0 || length > NAME_MAX)
		return false;
	memcpy(component, start, length);
	component[length] = '\0';
	memmove(walk->rest, start + length, strlen(start + length) + 1);
	return true;
}

/* Put the target of the link in front of what is left. */
static bool follow(struct walk *walk, const char *path)
{
	char target[PATH_MAX], rest[2 * PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length <= 0)
		return false;
	target[length] = '\0';
	if (target[0] == '/')
		walk->at[0] = '\0';
	memcpy(rest, walk->rest, strlen(walk->rest) + 1);
	return snprintf(walk->rest, sizeof(walk->rest), "%s/%s", target, rest) <
	       (int)sizeof(walk->rest);
}

static void put_links(FILE *out, const char *name, const char *why)
{
	auto_free struct walk *walk = calloc(1, sizeof(*walk));
	char component[NAME_MAX + 1];
	struct stat status;
	unsigned links = 0;

	if (!walk || strlen(name) >= PATH_MAX ||
	    (name[0] != '/' && !getcwd(walk->at, PATH_MAX)))
		return;
	memcpy(walk->rest, name, strlen(name) + 1);
	while (next(walk, component)) {
		size_t length = strlen(walk->at);

		if (strcmp(component, ".") == 0)
			continue;
		if (strcmp(component, "..") == 0) {
			char *slash = strrchr(walk->at, '/');

			if (slash)
				*slash = '\0';
			continue;
		}
		if (length + strlen(component) + 2 > PATH_MAX)
			return;
		walk->at[length] = '/';
		memcpy(walk->at + length + 1, component, strlen(component) + 1);
		if (lstat(walk->at, &status) || !S_ISLNK(status.st_mode))
			continue;
		put_link(out, walk->at, why);
		char link[PATH_MAX];

		memcpy(link, walk->at, strlen(walk->at) + 1);
		walk->at[length] = '\0';
		if (links++ == MOST_LINKS || !follow(walk, link))
			return;
	}
}

/* What the name leads to now, with what follows it there, and each symbolic
 * link on the way: otherwise that could be turned to lead elsewhere. */
static void put_kept(FILE *out, const char *actions, const char *name,
		     const char *rest, const char *why)
{
	auto_free char *path = realpath(name, NULL);

	/* One that is not there ends the launch with a cause. */
	if (!path)
		return;
	fprintf(out, "never %s \"", actions);
	path_print_literal(path[1] ? path : "", out);
	fprintf(out, "%s\" because \"%s\"\n", rest, why);
	put_links(out, name, why);
}

/* An empty text would be a mistake. */
static int finish(FILE *out, char **text)
{
	if (fclose(out))
		return -ENOMEM;
	if (!**text) {
		free(*text);
		*text = NULL;
	}
	return 0;
}

int kept_own(const char *profiles, char **text)
{
	static const char why[] =
		"\" because \"what the next session begins with\"\n";
	char exe[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	size_t size;

	exe[length > 0 ? length : 0] = '\0';
	if (length <= 0 || path_is_below(exe, BUILD_DIR))
		return 0;
	FILE *out = open_memstream(text, &size);

	if (!out)
		return -ENOMEM;
	fputs("never write \"", out);
	path_print_literal(exe, out);
	fprintf(out, "%snever write \"", why);
	path_print_literal(profiles, out);
	fprintf(out, "/**%s", why);
	return finish(out, text);
}

int kept_options(const struct layers_options *options, char **text)
{
	/* YYYYMMDD-HHMMSS-PROGRAM-xxxx */
	static const char id[] = "/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]-"
				 "[0-9][0-9][0-9][0-9][0-9][0-9]-*/**";
	size_t size;
	FILE *out = open_memstream(text, &size);

	if (!out)
		return -ENOMEM;
	if (options->session_dir)
		put_kept(out, "read,write", options->session_dir, id,
			 "interpose's own records");
	for (size_t i = 0; i < options->kept_count; i++)
		if (strchr(options->kept[i], '/'))
			put_kept(out, "write", options->kept[i], "", running);
	return finish(out, text);
}

struct keeping {
	const char *const *directories;
	FILE *out;
};

static bool is_guarded(const struct keeping *keeping, const char *name)
{
	for (size_t i = 0; keeping->directories[i]; i++) {
		const char *directory = keeping->directories[i];

		if (!path_is_below(name, directory))
			continue;
		auto_free char *path = realpath(name, NULL);
		auto_free char *real = realpath(directory, NULL);

		if (path && real && path_is_below(path, real))
			return true;
	}
	return false;
}

static void keep(const struct keeping *keeping, enum policy_layer_kind layer,
		 const char *name)
{
	if (layer != POLICY_LAYER_PROJECT && !is_guarded(keeping, name))
		put_kept(keeping->out, "write", name, "", running);
}

static bool keep_included(void *context, const struct policy_included *included)
{
	keep(context, included->layer, included->path);
	return true;
}

int kept_read(const struct policy *policy, const struct policy_input *input,
	      const char *const *directories, char **text)
{
	size_t size;
	struct keeping keeping = {directories, open_memstream(text, &size)};

	if (!keeping.out)
		return -ENOMEM;
	for (size_t i = 0; i < input->source_count; i++) {
		const struct policy_source *source = &input->sources[i];

		/* Those of -p are kept already. */
		if (!source->text && source->kind != POLICY_LAYER_FILE)
			keep(&keeping, source->kind, source->name);
	}
	policy_includes(policy, keep_included, &keeping);
	return finish(keeping.out, text);
}
