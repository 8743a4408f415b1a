/*
 * What can be decided below a directory: answered by standing on the automata
 * where the directory's name leads, and looking at what is reached from there.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/include.h"

enum { MOST_TAILS = (TAIL_NESTING + 1) * TAIL_DFAS };

struct tail_place {
	const struct dfa *dfa;
	uint32_t state;
};

/** Where the name of a directory and a `/` lead. */
struct standing {
	const struct node *node; /**< NULL: nothing literal goes on from here */
	size_t edge_at;		 /**< bytes of its edge that were read */
	const struct list *below; /**< what matches all that is below */
	struct tail_place tails[MOST_TAILS];
	size_t tail_count;
	/** Those with patterns that are tried one by one. */
	const struct tail *slow[TAIL_NESTING + 1];
	size_t slow_count;
	bool slow_refusing, slow_hiding;
};

static void stand_in_tail(struct standing *standing, const struct tail *tail,
			  const uint8_t *rest, size_t length)
{
	for (size_t i = 0; i < tail->dfa_count; i++) {
		const struct dfa *dfa = tail->dfas[i];
		uint32_t state = dfa_run(dfa, 1, rest, length);

		state = dfa_step(dfa, state, '/');
		if (state && standing->tail_count < MOST_TAILS)
			standing->tails[standing->tail_count++] =
				(struct tail_place){dfa, state};
	}
	if (tail->slow_count)
		standing->slow[standing->slow_count++] = tail;
	standing->slow_refusing =
		standing->slow_refusing || tail->slow_refusing;
	standing->slow_hiding = standing->slow_hiding || tail->slow_hiding;
}

/** Go down from a node over the bytes, as far as they and the trie agree. */
static const struct node *child_of(const struct matcher *matcher,
				   const struct node *node, uint8_t byte)
{
	const uint8_t *key = NULL;

	if (node->child_count)
		key = memchr(node->keys, byte, node->child_count);
	return key ? &matcher->nodes[node->first_child +
				     (size_t)(key - node->keys)]
		   : NULL;
}

static void stand(const struct matcher *matcher, const char *directory,
		  bool floating, struct standing *standing)
{
	const uint8_t *name = (const uint8_t *)directory;
	size_t length = strlen(directory), at = 0;
	const struct node *node;

	standing->node = NULL;
	standing->below = NULL;
	standing->tail_count = 0;
	standing->slow_count = 0;
	standing->slow_refusing = false;
	standing->slow_hiding = false;
	if (!matcher)
		return;
	if (length == 1)
		length = 0;
	for (node = matcher->nodes;;) {
		const struct node *child;
		size_t shared = 0;

		if (node->tail && (floating || node->depth > 0))
			stand_in_tail(standing, node->tail, name + at,
				      length - at);
		standing->below = at == length || name[at] == '/'
					  ? node->below
					  : node->beside;
		child = child_of(matcher, node, at < length ? name[at] : '/');
		if (!child)
			return;
		while (shared < child->edge_length && at + shared < length &&
		       child->edge[shared] == name[at + shared])
			shared++;
		if (shared == child->edge_length) {
			at += shared;
			node = child;
			continue;
		}
		/* The name ends inside the edge, or leads elsewhere. */
		if (at + shared == length && child->edge[shared] == '/') {
			standing->node = child;
			standing->edge_at = shared + 1;
		}
		return;
	}
}

/** What the literal patterns below can reach. */
static uint8_t node_reach(const struct standing *standing)
{
	const struct node *node = standing->node;
	uint8_t reach = node ? node->reach : 0;

	if (node && standing->edge_at < node->edge_length &&
	    memchr(node->edge + standing->edge_at, '/',
		   node->edge_length - standing->edge_at))
		reach &= (uint8_t)~REACH_HIDING_CHILD;
	return reach;
}

static uint8_t standing_reach(const struct standing *standing)
{
	uint8_t reach = node_reach(standing);

	for (size_t i = 0; i < standing->tail_count; i++)
		reach |=
			standing->tails[i].dfa->reach[standing->tails[i].state];
	if (standing->slow_refusing)
		reach |= REACH_REFUSING;
	if (standing->slow_hiding)
		reach |= REACH_HIDING | REACH_HIDING_CHILD;
	return reach;
}

static bool hides(enum verdict verdict)
{
	return verdict == VERDICT_HIDE || verdict == VERDICT_FAKE;
}

/** Could what matches all that is below hide or fake it? */
static bool list_may_hide(const struct policy *policy, const struct list *list)
{
	if (!list)
		return false;
	for (size_t i = 0; i < list->kept_count; i++) {
		uint32_t branch = list->decided == LIST_OPEN ? list->kept[i]
							     : list->decided;

		if (branch != NO_BRANCH &&
		    hides(policy->rules[policy->branches[branch].rule].verdict))
			return true;
	}
	return false;
}

/** Is all below allowed, as far as what matches all of it goes? */
static bool list_allows(const struct policy *policy, const struct list *list)
{
	const struct policy_rule *rule;

	if (!list || list->decided == LIST_OPEN)
		return false;
	rule = &policy->rules[policy->branches[list->decided].rule];
	return rule->verdict == VERDICT_ALLOW && !rule->log;
}

static bool varies_below(const struct policy *policy, enum action action,
			 const char *directory, bool floating)
{
	struct policy_query query = {
		.action = action,
		.text = directory,
		.length = strlen(directory),
	};
	struct policy_decision decision;
	struct standing standing;

	if (action > ACTION_EXEC || directory[0] != '/' ||
	    (action == ACTION_EXEC &&
	     policy->matchers[ACTION_EXEC][SPACE_ARGV0]))
		return true;
	policy_decide(policy, &query, &decision);
	if (decision.verdict != VERDICT_ALLOW || decision.log)
		return true;
	stand(policy->matchers[action][SPACE_PATH], directory, floating,
	      &standing);
	if (!list_allows(policy, standing.below) ||
	    standing_reach(&standing) & REACH_REFUSING)
		return true;
	if (action == ACTION_READ)
		return false;
	stand(policy->matchers[ACTION_READ][SPACE_PATH], directory, floating,
	      &standing);
	return list_may_hide(policy, standing.below) ||
	       standing_reach(&standing) & REACH_HIDING;
}

bool policy_covers_below(const struct policy *policy, enum action action,
			 const char *directory)
{
	struct standing standing;

	if (action > ACTION_EXEC || directory[0] != '/')
		return false;
	stand(policy->matchers[action][SPACE_PATH], directory, true, &standing);
	if (!list_allows(policy, standing.below))
		return false;
	if (action == ACTION_READ)
		return true;
	stand(policy->matchers[ACTION_READ][SPACE_PATH], directory, true,
	      &standing);
	return !list_may_hide(policy, standing.below);
}

bool policy_varies_below(const struct policy *policy, enum action action,
			 const char *directory)
{
	return varies_below(policy, action, directory, true);
}

bool policy_varies_below_anchored(const struct policy *policy,
				  enum action action, const char *directory)
{
	return varies_below(policy, action, directory, false);
}

bool policy_hides_children(const struct policy *policy, const char *directory)
{
	struct standing standing;

	if (directory[0] != '/')
		return true;
	stand(policy->matchers[ACTION_READ][SPACE_PATH], directory, true,
	      &standing);
	return list_may_hide(policy, standing.below) ||
	       standing_reach(&standing) & REACH_HIDING_CHILD;
}

/* -------------------------------------------------------------- the same -- */

enum { MOST_LISTS = 64, MOST_COMBINATIONS = 4096 };

/** What matches all that is below, from wherever. */
struct fixed {
	const struct list *lists[MOST_TAILS + 1];
	size_t count;
};

/** Part a standing into what is fixed and what depends on the rest. */
static size_t part(const struct standing *standing, struct fixed *fixed,
		   struct tail_place open[MOST_TAILS])
{
	size_t count = 0;

	fixed->count = 0;
	if (standing->below)
		fixed->lists[fixed->count++] = standing->below;
	for (size_t i = 0; i < standing->tail_count; i++) {
		const struct tail_place *place = &standing->tails[i];

		if (place->dfa->reach[place->state] & REACH_VARIES)
			open[count++] = *place;
		else if (place->dfa->accept[place->state])
			fixed->lists[fixed->count++] =
				place->dfa->accept[place->state];
	}
	return count;
}

static bool fixed_equal(const struct fixed *a, const struct fixed *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->lists[i] != b->lists[i])
			return false;
	return true;
}

static bool list_conditional(const struct policy *policy,
			     const struct list *list)
{
	for (size_t i = 0; list && i < list->kept_count; i++)
		if (policy->branches[list->kept[i]].conditional)
			return true;
	return false;
}

/** What an open tail may add: the lists that its states accept. */
struct reachable {
	const struct list *lists[MOST_LISTS]; /**< NULL is one of them */
	size_t count;
};

static bool reachable_add(struct reachable *reachable, const struct list *list)
{
	for (size_t i = 0; i < reachable->count; i++)
		if (reachable->lists[i] == list)
			return true;
	if (reachable->count == MOST_LISTS)
		return false;
	reachable->lists[reachable->count++] = list;
	return true;
}

/** Find all lists that can be reached; false where that is too much. */
static bool find_reachable(const struct policy *policy,
			   const struct tail_place *place,
			   struct reachable *reachable)
{
	const struct dfa *dfa = place->dfa;
	uint32_t *queue = calloc(dfa->state_count, sizeof(*queue));
	bool *seen = calloc(dfa->state_count, sizeof(*seen));
	size_t count = 0;
	bool found = queue && seen;

	reachable->count = 0;
	if (found) {
		queue[count++] = place->state;
		seen[place->state] = true;
	}
	for (size_t i = 0; found && i < count; i++) {
		const struct list *list = dfa->accept[queue[i]];

		found = reachable_add(reachable, list) &&
			!list_conditional(policy, list);
		for (uint32_t c = 0; c < dfa->class_count; c++) {
			uint32_t next =
				dfa->next[(size_t)queue[i] * dfa->class_count +
					  c];

			if (!seen[next]) {
				seen[next] = true;
				queue[count++] = next;
			}
		}
	}
	free(queue);
	free(seen);
	return found;
}

static void matches_add(struct matches *matches, const struct list *list)
{
	if (list)
		matches->items[matches->count++] = (struct match){
			.next = list->kept,
			.end = list->kept + list->kept_count,
			.list = list,
		};
}

/** The rule that decides where these lists match; NULL: none. */
static const struct policy_rule *decide_lists(const struct policy *policy,
					      const struct fixed *fixed,
					      const struct list **more,
					      size_t more_count)
{
	struct asking asking = {.policy = policy};
	struct matches matches;
	uint32_t branch;

	matches.count = 0;
	matches.overflow = false;
	for (size_t i = 0; i < fixed->count; i++)
		matches_add(&matches, fixed->lists[i]);
	for (size_t i = 0; i < more_count; i++)
		matches_add(&matches, more[i]);
	branch = matches_decide(&asking, &matches);
	return branch == NO_BRANCH
		       ? NULL
		       : &policy->rules[policy->branches[branch].rule];
}

/**
 * Do two rules give the program the same? One and the same rule does, a fake
 * too: what stands in is made from the file, wherever it goes.
 */
static bool rules_equal(const struct policy_rule *a,
			const struct policy_rule *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return (!a || (a->verdict == VERDICT_ASK && !a->log)) &&
		       (!b || (b->verdict == VERDICT_ASK && !b->log));
	return a->verdict == b->verdict && a->log == b->log &&
	       a->verdict != VERDICT_FAKE;
}

/** Compare what is decided with all that the open tails may add. */
static bool combinations_equal(const struct policy *policy,
			       const struct fixed *a, const struct fixed *b,
			       const struct reachable *open, size_t count)
{
	const struct list *chosen[MOST_TAILS];
	size_t total = 1;

	for (size_t i = 0; i < count; i++) {
		total *= open[i].count;
		if (total > MOST_COMBINATIONS)
			return false;
	}
	for (size_t number = 0; number < total; number++) {
		size_t left = number;

		for (size_t i = 0; i < count; i++) {
			chosen[i] = open[i].lists[left % open[i].count];
			left /= open[i].count;
		}
		if (!rules_equal(decide_lists(policy, a, chosen, count),
				 decide_lists(policy, b, chosen, count)))
			return false;
	}
	return true;
}

/** Where a directory's name and a `/` lead in one pattern. */
static void stand_in_line(const struct policy *policy, const struct line *line,
			  const char *directory, struct line_run *run)
{
	size_t length = strlen(directory);

	line_run_start(run, &policy->sets, line);
	if (line_run_feed(run, (const uint8_t *)directory,
			  length == 1 ? 0 : length))
		(void)line_run_feed(run, (const uint8_t *)"/", 1);
}

static bool line_equal(const struct policy *policy, const struct line *line,
		       const char *from, const char *to)
{
	struct line_run a, b;

	stand_in_line(policy, line, from, &a);
	stand_in_line(policy, line, to, &b);
	if (a.dead || b.dead)
		return a.dead && b.dead;
	return a.prefix_at == b.prefix_at &&
	       memcmp(a.now.bits, b.now.bits, a.words * sizeof(*a.now.bits)) ==
		       0;
}

/** Can the patterns that are tried one by one tell the two names apart? */
static bool slow_equal(const struct policy *policy, const struct standing *a,
		       const struct standing *b, const char *from,
		       const char *to)
{
	if (a->slow_count != b->slow_count)
		return false;
	for (size_t i = 0; i < a->slow_count; i++) {
		if (a->slow[i] != b->slow[i])
			return false;
		for (size_t j = 0; j < a->slow[i]->slow_count; j++)
			if (!line_equal(
				    policy,
				    &policy->branches[a->slow[i]->slow[j]].line,
				    from, to))
				return false;
	}
	return true;
}

static bool same_below(const struct policy *policy, enum action action,
		       enum space space, const char *from, const char *to)
{
	const struct matcher *matcher = policy->matchers[action][space];
	struct tail_place open_a[MOST_TAILS], open_b[MOST_TAILS];
	struct standing a, b;
	struct fixed fixed_a, fixed_b;
	struct reachable *reachable;
	size_t count;
	bool same = true;

	stand(matcher, from, true, &a);
	stand(matcher, to, true, &b);
	if (a.node || b.node || !slow_equal(policy, &a, &b, from, to))
		return false;
	count = part(&a, &fixed_a, open_a);
	if (count != part(&b, &fixed_b, open_b))
		return false;
	for (size_t i = 0; i < count; i++)
		if (open_a[i].dfa != open_b[i].dfa ||
		    open_a[i].state != open_b[i].state)
			return false;
	if (fixed_equal(&fixed_a, &fixed_b))
		return true;
	if (a.slow_count)
		return false;
	for (size_t i = 0; i < fixed_a.count; i++)
		same = same && !list_conditional(policy, fixed_a.lists[i]);
	for (size_t i = 0; i < fixed_b.count; i++)
		same = same && !list_conditional(policy, fixed_b.lists[i]);
	reachable = calloc(count + 1, sizeof(*reachable));
	for (size_t i = 0; same && reachable && i < count; i++)
		same = find_reachable(policy, &open_a[i], &reachable[i]);
	same = same && reachable &&
	       combinations_equal(policy, &fixed_a, &fixed_b, reachable, count);
	free(reachable);
	return same;
}

bool policy_same_below(const struct policy *policy, const char *from,
		       const char *to)
{
	if (from[0] != '/' || to[0] != '/')
		return false;
	return same_below(policy, ACTION_READ, SPACE_PATH, from, to) &&
	       same_below(policy, ACTION_WRITE, SPACE_PATH, from, to);
}

bool policy_same_sockets(const struct policy *policy, const char *from,
			 const char *to)
{
	return from[0] == '/' && to[0] == '/' &&
	       same_below(policy, ACTION_CONNECT, SPACE_UNIX, from, to);
}
