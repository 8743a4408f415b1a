#include "supervisor/fence_roots.h"

#include <stdlib.h>
#include <string.h>

#include "policy/fence.h"

bool fence_roots_visited(struct fence_roots *roots, const char *path)
{
	const size_t length = strlen(path);

	for (size_t i = 0; i < roots->count; i++)
		if (roots->visited[i].length == length &&
		    memcmp(roots->visited[i].path, path, length) == 0)
			return true;
	if (roots->count < FENCE_ROOTS) {
		char *copy = strdup(path);

		roots->visited[roots->count] =
			(struct fence_root){copy, length};
		roots->count += copy != NULL;
	}
	return false;
}

bool fence_roots_hidden(struct fence_roots *roots, const struct policy *policy,
			const char *path)
{
	char *clear = roots->clear;
	size_t length = strlen(path), same = 0;

	if (length >= sizeof(roots->clear))
		return true;
	while (path[same] && path[same] == clear[same])
		same++;
	memcpy(clear, path, length + 1);
	for (size_t i = 1; i < length; i++) {
		/* As far as `same` both have this directory. */
		if (path[i] != '/' || i < same)
			continue;
		clear[i] = '\0';
		bool hidden = policy_fence_hides(policy, clear);

		clear[i] = hidden ? '\0' : '/';
		if (hidden) {
			*strrchr(clear, '/') = '\0';
			return true;
		}
	}
	return false;
}

void fence_roots_forget(struct fence_roots *roots)
{
	while (roots->count > 0)
		free(roots->visited[--roots->count].path);
}
