/*
 * What a policy's words mean on this machine: the canonical spelling of a path
 * and the file that PATH finds, each asked for once.
 */
#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"

int line_list_finish(struct parser *parser, struct line_list *list,
		     struct line_set *set)
{
	size_t size = list->count * sizeof(*list->items);
	struct line *items = arena_alloc(&parser->policy->arena, size);

	if (items && size)
		memcpy(items, list->items, size);
	*set = (struct line_set){items, list->count};
	free(list->items);
	*list = (struct line_list){0};
	return items ? 0 : -ENOMEM;
}

static uint32_t hash_string(const char *string)
{
	uint32_t hash = 2166136261u;

	for (; *string; string++)
		hash = (hash ^ (unsigned char)*string) * 16777619u;
	return hash;
}

int parse_canonical(struct parser *parser, const char *path,
		    const char **canonical)
{
	const struct policy_host *host = parser->input->host;
	struct arena *arena = &parser->policy->arena;
	struct canonical_entry entry = {.hash = hash_string(path)};
	uint32_t *bucket = &parser->canonical_buckets[entry.hash &
						      (CANONICAL_BUCKETS - 1)];
	auto_free char *found = NULL;
	int error;

	for (uint32_t at = *bucket; at; at = parser->canonical[at - 1].next) {
		const struct canonical_entry *known =
			&parser->canonical[at - 1];

		if (known->hash == entry.hash &&
		    strcmp(known->path, path) == 0) {
			*canonical = known->canonical;
			return 0;
		}
	}
	entry.path = arena_copy(arena, path, strlen(path));
	entry.canonical = entry.path;
	error = host->canonical ? host->canonical(host->context, path, &found)
				: -ENOENT;
	/* What cannot be looked at has no other spelling that is known. */
	if (error == -ENOMEM)
		return error;
	if (error == 0)
		entry.canonical = arena_copy(arena, found, strlen(found));
	if (!entry.path || !entry.canonical)
		return -ENOMEM;
	*canonical = entry.canonical;
	entry.next = *bucket;
	error = array_add(parser->canonical, parser->canonical_count,
			  parser->canonical_capacity, entry);
	if (!error)
		*bucket = (uint32_t)parser->canonical_count;
	return error;
}

int parse_find_program(struct parser *parser, const char *name,
		       const char **path)
{
	const struct policy_host *host = parser->input->host;
	auto_free char *found = NULL;
	int error = host->find_program
			    ? host->find_program(host->context, name, &found)
			    : -ENOENT;

	*path = NULL;
	if (error)
		return error == -ENOMEM ? error : 0;
	*path = arena_copy(&parser->policy->arena, found, strlen(found));
	return *path ? 0 : -ENOMEM;
}
