#include "supervisor/commands/policy_fence.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "policy/fence.h"
#include "supervisor/fence.h"
#include "supervisor/identities.h"
#include "supervisor/say.h"
#include "supervisor/visible.h"

/* A word for each right that a tree has. */
static const struct {
	enum fence_right right;
	const char *name;
} rights[] = {
	{FENCE_READ, "read"},
	{FENCE_WRITE, "write"},
	{FENCE_NAMES, "names"},
};

enum { RIGHTS = sizeof(rights) / sizeof(*rights) };

/* The rights of all entries of the same path. */
static unsigned rights_of(const struct fence *fence, size_t first)
{
	unsigned all = 0;

	for (size_t i = first; i < fence->count; i++)
		if (strcmp(fence->trees[i].path, fence->trees[first].path) == 0)
			all |= fence->trees[i].rights;
	return all;
}

static bool was_told(const struct fence *fence, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(fence->trees[i].path, fence->trees[index].path) == 0)
			return true;
	return false;
}

static void print_tree(const struct fence *fence, size_t index)
{
	const struct fence_tree *tree = &fence->trees[index];
	unsigned has = rights_of(fence, index);
	char text[32] = "";

	for (size_t i = 0; i < RIGHTS; i++) {
		if (!(has & rights[i].right))
			continue;
		if (text[0])
			strcat(text, ",");
		strcat(text, rights[i].name);
	}
	printf("%-16s ", text);
	visible_puts(stdout, tree->path);
	puts(tree->directory ? "/**" : "");
}

static void print_gap(const struct fence_gap *gap)
{
	struct policy_rule_info rule;

	printf("%-16s ", action_name(gap->action));
	visible_puts(stdout, gap->path);
	printf("\n                 %s", gap->why);
	if (gap->rule) {
		policy_rule_info(gap->rule, &rule);
		printf(": %s:%u: %s", rule.file, rule.line, rule.text);
	}
	putchar('\n');
}

static void print_text(const struct fence *fence)
{
	for (size_t i = 0; i < fence->count; i++)
		if (!was_told(fence, i))
			print_tree(fence, i);
	if (fence->gap_count)
		puts("\nNot as a whole:\n");
	for (size_t i = 0; i < fence->gap_count; i++)
		print_gap(&fence->gaps[i]);
}

static json_t *tree_json(const struct fence *fence, size_t index)
{
	const struct fence_tree *tree = &fence->trees[index];
	unsigned has = rights_of(fence, index);
	json_t *names = json_array();

	for (size_t i = 0; i < RIGHTS; i++)
		if (has & rights[i].right)
			json_array_append_new(names,
					      json_string(rights[i].name));
	return json_pack("{s:o?, s:b, s:o}", "path", json_string(tree->path),
			 "directory", tree->directory, "rights", names);
}

static json_t *gap_json(const struct fence_gap *gap)
{
	struct policy_rule_info rule = {0};

	if (gap->rule)
		policy_rule_info(gap->rule, &rule);
	return json_pack("{s:o?, s:s, s:s, s:o?}", "path",
			 json_string(gap->path), "action",
			 action_name(gap->action), "why", gap->why, "rule",
			 gap->rule ? json_sprintf("%s:%u: %s", rule.file,
						  rule.line, rule.text)
				   : json_null());
}

static void print_json(const struct fence *fence)
{
	json_t *trees = json_array(), *gaps = json_array();
	json_t *all = json_pack("{s:o, s:o}", "trees", trees, "gaps", gaps);

	for (size_t i = 0; i < fence->count; i++)
		if (!was_told(fence, i))
			json_array_append_new(trees, tree_json(fence, i));
	for (size_t i = 0; i < fence->gap_count; i++)
		json_array_append_new(gaps, gap_json(&fence->gaps[i]));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int policy_fence_show(const struct policy *policy, const char *project,
		      const char *home, const char *repository, bool json)
{
	struct identities *identities = NULL;
	struct fence *fence = NULL;
	int error = identities_scan(policy, project, NULL, &identities);

	if (!error)
		error = fence_find(
			&(struct fence_input){
				.policy = policy,
				.project = project,
				.home = home,
				.repository = repository,
				.identities = identities,
			},
			&fence);
	if (!error && fence_useless(fence))
		say("it would not be used: %s", fence_useless(fence));
	if (error)
		say("the fence: %s", strerror(-error));
	else if (json)
		print_json(fence);
	else
		print_text(fence);
	if (!error && !json && policy_fence_apart(policy))
		puts("\nA rule grants something to some programs only: what is "
		     "opened by a\nsymbolic link is decided by the "
		     "supervisor.");
	fence_free(fence);
	identities_free(identities);
	return error;
}
