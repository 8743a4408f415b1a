#include "policy/matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------- lists -- */

/**
 * Does the later branch make the earlier one needless? Both stand in one
 * list, so they match the same; only rules whose shapes are equal have equal
 * patterns. A final rule between them could make the order matter.
 */
static bool replaces(const struct policy *policy, uint32_t earlier,
		     uint32_t later)
{
	const struct branch *a = &policy->branches[earlier];
	const struct branch *b = &policy->branches[later];
	const struct policy_rule *ra = &policy->rules[a->rule];
	const struct policy_rule *rb = &policy->rules[b->rule];

	return ra->layer == rb->layer && !b->conditional && !ra->final &&
	       !ra->override && a->line.shape == b->line.shape &&
	       a->line.shape != SHAPE_TAIL &&
	       policy->finals_before[a->rule] == policy->finals_before[b->rule];
}

/** Copy what a decision needs of `own`; returns how many that is. */
static size_t keep_needed(const struct policy *policy, const uint32_t *own,
			  size_t count, uint32_t *kept)
{
	/* The latest branch of each shape that could replace others. */
	const uint32_t none = UINT32_MAX;
	uint32_t latest[2] = {none, none};
	size_t needed = 0;

	for (size_t i = count; i-- > 0;) {
		const struct branch *branch = &policy->branches[own[i]];
		enum branch_shape shape = branch->line.shape;

		if (shape != SHAPE_TAIL && latest[shape] != none &&
		    replaces(policy, own[i], latest[shape]))
			continue;
		kept[needed++] = own[i];
		if (shape != SHAPE_TAIL && !branch->conditional)
			latest[shape] = own[i];
	}
	for (size_t i = 0; i < needed / 2; i++) {
		uint32_t swap = kept[i];

		kept[i] = kept[needed - 1 - i];
		kept[needed - 1 - i] = swap;
	}
	return needed;
}

struct list *list_new(struct policy *policy, const uint32_t *branches,
		      size_t count, const struct list *up)
{
	size_t above = up ? up->kept_count : 0, needed, i = 0, j = 0;
	struct list *list = arena_alloc(&policy->arena, sizeof(*list));
	uint32_t *own = arena_alloc(&policy->arena, count * sizeof(*own));
	uint32_t *kept =
		arena_alloc(&policy->arena, (count + above) * sizeof(*kept));
	uint32_t *mine = malloc((count + 1) * sizeof(*mine));

	if (!list || !own || !kept || !mine) {
		free(mine);
		return NULL;
	}
	memcpy(own, branches, count * sizeof(*own));
	needed = keep_needed(policy, own, count, mine);
	*list = (struct list){.own = own, .kept = kept, .up = up};
	list->own_count = (uint32_t)count;
	list->kept_count = (uint32_t)(needed + above);
	for (size_t to = 0; to < list->kept_count; to++) {
		if (j == above || (i < needed && mine[i] < up->kept[j]))
			kept[to] = mine[i++];
		else
			kept[to] = up->kept[j++];
	}
	list->decided = LIST_OPEN;
	for (i = 0; i < count; i++) {
		const struct branch *branch = &policy->branches[own[i]];
		const struct policy_rule *rule = &policy->rules[branch->rule];

		if (rule->verdict != VERDICT_ALLOW || rule->log ||
		    rule->conditional)
			list->refusing = true;
		if (rule->verdict == VERDICT_HIDE ||
		    rule->verdict == VERDICT_FAKE)
			list->hiding = true;
	}
	free(mine);
	return list;
}

/* ---------------------------------------------------------------- trie -- */

/** A range of the sorted branches that belongs to a node. */
struct span {
	size_t low, high;
	const struct list *inherited; /**< what matches whatever follows */
	uint32_t tail_owner;	      /**< the nearest node with a tail */
};

/** A branch with a tail, and the node whose automaton it goes to. */
struct tail_member {
	uint32_t node, branch;
};

struct building {
	struct policy *policy;
	struct matcher *matcher;
	uint32_t *sorted;   /**< branches by their prefixes */
	struct span *spans; /**< by node */
	size_t span_count, span_capacity;
	struct tail_member *members;
	size_t member_count, member_capacity;
	uint32_t *scratch; /**< the branches that end at a node */
};

static int compare_prefixes(const void *a, const void *b, void *context)
{
	const struct policy *policy = context;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	const struct line *l = &policy->branches[left].line;
	const struct line *r = &policy->branches[right].line;
	uint32_t shorter = l->prefix_length < r->prefix_length
				   ? l->prefix_length
				   : r->prefix_length;
	int order = shorter ? memcmp(l->prefix, r->prefix, shorter) : 0;

	if (order)
		return order;
	if (l->prefix_length != r->prefix_length)
		return l->prefix_length < r->prefix_length ? -1 : 1;
	return left < right ? -1 : left > right;
}

static int add_list(struct building *building, size_t count,
		    const struct list *up, const struct list **out)
{
	struct matcher *matcher = building->matcher;
	struct list *list;

	*out = up;
	if (count == 0)
		return 0;
	list = list_new(building->policy, building->scratch, count, up);
	if (!list)
		return -ENOMEM;
	*out = list;
	return array_add(matcher->lists, matcher->list_count,
			 matcher->list_capacity, list);
}

/** Gather the branches that end at a node: whole trees, and exact ones too. */
static size_t gather(struct building *building, size_t low, size_t end,
		     bool exact_too)
{
	const struct branch *branches = building->policy->branches;
	size_t count = 0;

	for (size_t i = low; i < end; i++) {
		uint32_t branch = building->sorted[i];
		enum branch_shape shape = branches[branch].line.shape;

		if (shape == SHAPE_WHOLE || (shape == SHAPE_EXACT && exact_too))
			building->scratch[count++] = branch;
	}
	return count;
}

/** Make the lists of a node from the branches that end there. */
static int node_lists(struct building *building, size_t index, size_t end)
{
	const struct span span = building->spans[index];
	struct node *node = &building->matcher->nodes[index];
	size_t whole = gather(building, span.low, end, false), all;
	int error;

	node->beside = span.inherited;
	error = add_list(building, whole, span.inherited, &node->below);
	node->at = node->below;
	all = gather(building, span.low, end, true);
	if (!error && all > whole)
		error = add_list(building, all, span.inherited, &node->at);
	return error;
}

/** Give a node's branches with tails to an automaton: its own, or one above. */
static int node_tails(struct building *building, size_t index, size_t end)
{
	const struct branch *branches = building->policy->branches;
	struct span *span = &building->spans[index];
	struct node *nodes = building->matcher->nodes;
	uint32_t owner = (uint32_t)index;
	int error = 0;

	if (nodes[index].tail_depth >= TAIL_NESTING)
		owner = span->tail_owner;
	for (size_t i = span->low; i < end && !error; i++) {
		struct tail_member member = {owner, building->sorted[i]};

		if (branches[member.branch].line.shape != SHAPE_TAIL)
			continue;
		error = array_add(building->members, building->member_count,
				  building->member_capacity, member);
		if (owner == index)
			span->tail_owner = owner;
	}
	return error;
}

static int add_node(struct building *building, size_t parent, size_t low,
		    size_t high)
{
	const struct branch *branches = building->policy->branches;
	struct matcher *matcher = building->matcher;
	const struct line *first = &branches[building->sorted[low]].line;
	const struct line *last = &branches[building->sorted[high - 1]].line;
	struct node *up = &matcher->nodes[parent];
	uint32_t depth = up->depth, most = first->prefix_length;
	struct span above = building->spans[parent];
	struct span span = {.low = low, .high = high};
	struct node node = {.edge = first->prefix + depth};
	int error;

	if (last->prefix_length < most)
		most = last->prefix_length;
	node.depth = depth + 1;
	while (node.depth < most &&
	       first->prefix[node.depth] == last->prefix[node.depth])
		node.depth++;
	node.edge_length = node.depth - depth;
	node.tail_depth = up->tail_depth;
	if (above.tail_owner == parent && up->tail_depth < TAIL_NESTING)
		node.tail_depth++;
	span.tail_owner = above.tail_owner;
	span.inherited = *node.edge == '/' ? up->below : up->beside;
	error = array_add(matcher->nodes, matcher->node_count,
			  matcher->node_capacity, node);
	return error ? error
		     : array_add(building->spans, building->span_count,
				 building->span_capacity, span);
}

/** Make a node's lists and its children, side by side at the end. */
static int grow_node(struct building *building, size_t index)
{
	struct policy *policy = building->policy;
	struct matcher *matcher = building->matcher;
	size_t low = building->spans[index].low;
	size_t high = building->spans[index].high, end = low;
	uint32_t depth = matcher->nodes[index].depth;
	uint8_t keys[256], *kept;
	uint16_t count = 0;
	int error;

	while (end < high &&
	       policy->branches[building->sorted[end]].line.prefix_length ==
		       depth)
		end++;
	error = node_lists(building, index, end);
	if (!error)
		error = node_tails(building, index, end);
	matcher->nodes[index].first_child = (uint32_t)matcher->node_count;
	for (low = end; low < high && !error; low = end) {
		uint8_t key = policy->branches[building->sorted[low]]
				      .line.prefix[depth];

		while (end < high && policy->branches[building->sorted[end]]
						     .line.prefix[depth] == key)
			end++;
		keys[count++] = key;
		error = add_node(building, index, low, end);
	}
	kept = arena_alloc(&policy->arena, count);
	if (!kept || error)
		return error ? error : -ENOMEM;
	memcpy(kept, keys, count);
	matcher->nodes[index].keys = kept;
	matcher->nodes[index].child_count = count;
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	const struct tail_member *left = a, *right = b;

	if (left->node != right->node)
		return left->node < right->node ? -1 : 1;
	return left->branch < right->branch ? -1 : left->branch > right->branch;
}

static int build_tails(struct building *building)
{
	struct matcher *matcher = building->matcher;
	size_t at = 0;

	if (building->member_count > 1)
		qsort(building->members, building->member_count,
		      sizeof(*building->members), compare_members);
	while (at < building->member_count) {
		struct node *node = &matcher->nodes[building->members[at].node];
		size_t count = 0;
		int error;

		for (size_t i = at;
		     i < building->member_count &&
		     building->members[i].node == building->members[at].node;
		     i++)
			building->scratch[count++] =
				building->members[i].branch;
		error = tail_new(building->policy, building->scratch, count,
				 node->depth, &node->tail);
		if (error)
			return error;
		at += count;
	}
	return 0;
}

/** What a node's own list adds; what it inherits is not its own. */
static uint8_t list_reach(const struct node *node, const struct list *list)
{
	uint8_t reach = 0;

	if (!list || list == node->beside)
		return 0;
	if (list->refusing)
		reach |= REACH_REFUSING;
	if (list->hiding)
		reach |= REACH_HIDING | REACH_HIDING_CHILD;
	return reach;
}

/** What can match from each node on; children stand after their parents. */
static void nodes_reach(struct matcher *matcher)
{
	for (size_t i = matcher->node_count; i-- > 0;) {
		struct node *node = &matcher->nodes[i];

		node->reach = list_reach(node, node->at) |
			      list_reach(node, node->below);
		for (size_t c = 0; c < node->child_count; c++) {
			const struct node *child =
				&matcher->nodes[node->first_child + c];
			uint8_t reach = child->reach;

			if (memchr(child->edge, '/', child->edge_length))
				reach &= (uint8_t)~REACH_HIDING_CHILD;
			node->reach |= reach;
		}
		for (size_t d = 0; node->tail && d < node->tail->dfa_count; d++)
			node->reach |= node->tail->dfas[d]->reach[1];
		if (node->tail && node->tail->slow_refusing)
			node->reach |= REACH_REFUSING;
		if (node->tail && node->tail->slow_hiding)
			node->reach |= REACH_HIDING | REACH_HIDING_CHILD;
	}
}

int matcher_new(struct policy *policy, const uint32_t *branches, size_t count,
		struct matcher **out)
{
	struct matcher *matcher = calloc(1, sizeof(*matcher));
	struct building building = {.policy = policy, .matcher = matcher};
	struct span all = {.high = count, .tail_owner = UINT32_MAX};
	struct node root = {.depth = 0};
	int error = -ENOMEM;

	building.sorted = calloc(count, sizeof(*building.sorted));
	building.scratch = calloc(count, sizeof(*building.scratch));
	if (matcher && building.sorted && building.scratch) {
		matcher->policy = policy;
		memcpy(building.sorted, branches, count * sizeof(*branches));
		qsort_r(building.sorted, count, sizeof(*branches),
			compare_prefixes, policy);
		error = array_add(matcher->nodes, matcher->node_count,
				  matcher->node_capacity, root);
	}
	if (!error)
		error = array_add(building.spans, building.span_count,
				  building.span_capacity, all);
	for (size_t i = 0; !error && i < matcher->node_count; i++)
		error = grow_node(&building, i);
	if (!error)
		error = build_tails(&building);
	free(building.sorted);
	free(building.scratch);
	free(building.spans);
	free(building.members);
	if (error) {
		matcher_free(matcher);
		return error;
	}
	nodes_reach(matcher);
	*out = matcher;
	return 0;
}

void matcher_free(struct matcher *matcher)
{
	if (!matcher)
		return;
	for (size_t i = 0; i < matcher->node_count; i++)
		tail_free(matcher->nodes[i].tail);
	free(matcher->nodes);
	free(matcher->lists);
	free(matcher);
}

int matcher_lists(struct matcher *matcher,
		  int (*visit)(void *context, struct list *list), void *context)
{
	int stop = 0;

	for (size_t i = 0; i < matcher->list_count && !stop; i++)
		stop = visit(context, matcher->lists[i]);
	for (size_t i = 0; i < matcher->node_count && !stop; i++) {
		const struct tail *tail = matcher->nodes[i].tail;

		for (size_t d = 0; tail && d < tail->dfa_count; d++) {
			const struct dfa *dfa = tail->dfas[d];

			for (size_t l = 0; l < dfa->list_count && !stop; l++)
				stop = visit(context, dfa->lists[l]);
		}
	}
	return stop;
}

/* --------------------------------------------------------------- finding -- */

struct finding {
	struct matches *matches;
	const uint8_t *subject;
	size_t length;
	bool refusing_only;
};

static void found(const struct finding *finding, const struct list *list,
		  const uint32_t *items, size_t count)
{
	struct matches *matches = finding->matches;

	if (count == 0)
		return;
	if (matches->count == MOST_MATCHES) {
		matches->overflow = true;
		return;
	}
	matches->items[matches->count++] = (struct match){
		.next = items,
		.end = items + count,
		.list = list,
		.subject = finding->subject,
		.length = finding->length,
		.refusing_only = finding->refusing_only,
	};
}

static void find_tail(const struct finding *finding, const struct tail *tail,
		      size_t at)
{
	for (size_t i = 0; i < tail->dfa_count; i++) {
		const struct dfa *dfa = tail->dfas[i];
		uint32_t state = dfa_run(dfa, 1, finding->subject + at,
					 finding->length - at);
		const struct list *list = dfa->accept[state];

		if (list)
			found(finding, list, list->kept, list->kept_count);
	}
	found(finding, NULL, tail->slow, tail->slow_count);
}

void matcher_find(const struct matcher *matcher, const uint8_t *subject,
		  size_t length, bool refusing_only, struct matches *matches)
{
	const struct finding finding = {matches, subject, length,
					refusing_only};
	const struct node *node = matcher->nodes;
	const struct list *list;
	size_t at = 0;

	for (;;) {
		const struct node *child;
		const uint8_t *key;

		if (node->tail)
			find_tail(&finding, node->tail, at);
		if (at == length) {
			list = node->at;
			break;
		}
		list = subject[at] == '/' ? node->below : node->beside;
		if (node->child_count == 0)
			break;
		key = memchr(node->keys, subject[at], node->child_count);
		if (!key)
			break;
		child = &matcher->nodes[node->first_child +
					(size_t)(key - node->keys)];
		if (child->edge_length > length - at ||
		    memcmp(child->edge, subject + at, child->edge_length) != 0)
			break;
		at += child->edge_length;
		node = child;
	}
	if (list)
		found(&finding, list, list->kept, list->kept_count);
}
