/*
 * What the trees of a fence are found to be once all of them are there: where
 * names may be made, and which of them stay.
 */
#include "supervisor/fence_settle.h"

#include <string.h>

#include "policy/fence.h"
#include "policy/scope.h"
#include "supervisor/fence.h"
#include "supervisor/project.h"

bool fence_holds(const struct fence *fence, unsigned rights, const char *path)
{
	const size_t length = strlen(path);

	for (size_t i = 0; i < fence->count; i++) {
		const struct fence_tree *tree = &fence->trees[i];

		if ((tree->rights & rights) == rights && tree->directory &&
		    length >= tree->length &&
		    (path[tree->length] == '/' || !path[tree->length]) &&
		    memcmp(path, tree->path, tree->length) == 0)
			return true;
	}
	return false;
}

/* Names may be made where all that is made may be read and written. */
static void find_names(struct fence *fence, const struct fence_input *input)
{
	for (size_t i = 0; i < fence->count; i++) {
		struct fence_tree *tree = &fence->trees[i];

		if ((tree->rights & FENCE_WRITE) && tree->directory &&
		    fence_holds(fence, FENCE_READ, tree->path) &&
		    policy_fence_makes(input->policy, tree->path))
			tree->rights |= FENCE_NAMES;
	}
}

/* May a program of the session have another take this name, without a question?
 */
static bool may_be_replaced(const struct fence_input *input, const char *path)
{
	const struct policy_query query = {
		.action = ACTION_WRITE,
		.text = path,
		.length = strlen(path),
	};
	struct policy_decision decision;

	policy_decide(input->policy, &query, &decision);
	return decision.verdict == VERDICT_ALLOW ||
	       policy_depends_on_program(input->policy, &query);
}

/* What replaces a tree is out of the fence: as editors and git do it with
 * files, and some tools with what they build. Nobody does it with a project. */
static void find_staying(struct fence *fence, const struct fence_input *input)
{
	for (size_t i = 0; i < fence->count; i++) {
		struct fence_tree *tree = &fence->trees[i];

		tree->stays = (tree->rights & FENCE_READ) &&
			      ((tree->directory &&
				path_is_below(input->project, tree->path)) ||
			       !may_be_replaced(input, tree->path));
	}
}

int fence_settle(struct fence *fence, const struct fence_input *input)
{
	find_names(fence, input);
	find_staying(fence, input);
	return fence_sort_readable(fence);
}
