/*
 * The automaton of one action and one space.
 *
 * It is a trie of the literal starts of the patterns, its chains compressed.
 * Each node knows, merged in order, what matches a subject that ends there and
 * what matches anything below it, so a literal pattern and a whole tree cost
 * nothing beyond the walk. The wildcard tails that start at a node are
 * determinised together into a dense automaton of that node. So the many
 * literal patterns and the few with wildcards never multiply with each other,
 * as they would in one automaton of states.
 *
 * The states of a tail's automaton are capped. Above the cap its members are
 * split between several automata, and those that remain are tried one by one:
 * slower, and as exact.
 */
#ifndef POLICY_MATCHER_H
#define POLICY_MATCHER_H

#include "policy/rules.h"

/** Branches that match together, ascending. */
struct list {
	const uint32_t *own; /**< all that end here */
	uint32_t own_count;
	uint32_t kept_count;
	/**
	 * What a decision needs to look at, those of `up` merged in: without
	 * what a later rule of the same pattern and layer always replaces.
	 */
	const uint32_t *kept;
	const struct list *up; /**< further ones, of a shorter pattern */
	/**
	 * The branch that decides where nothing else matches; LIST_OPEN where
	 * that depends on more than the subject.
	 */
	uint32_t decided;
	bool refusing; /**< `own` holds other than plain, unlogged allows */
	bool hiding;   /**< `own` holds hide or fake */
};
enum { LIST_OPEN = UINT32_MAX };

/** What is true of what can still match, from a place in an automaton on. */
enum reach {
	REACH_REFUSING = 1,	/**< other than plain, unlogged allows */
	REACH_HIDING = 2,	/**< hide or fake */
	REACH_HIDING_CHILD = 4, /**< hide or fake, before the next `/` */
	REACH_VARIES = 8,	/**< the same does not match everywhere */
};

/** A dense automaton over classes of bytes. State 0 is dead, 1 the start. */
struct dfa {
	uint32_t state_count, class_count;
	uint8_t classes[256];
	uint32_t *next;		    /**< state * class_count + class */
	const struct list **accept; /**< by state; NULL: none */
	uint8_t *reach;		    /**< enum reach, by state */
	struct list **lists;	    /**< all that `accept` points to, once */
	size_t list_count;
};

enum { TAIL_DFAS = 6, TAIL_NESTING = 4 };

/** The patterns with wildcards that start at a node. */
struct tail {
	struct dfa *dfas[TAIL_DFAS];
	uint32_t dfa_count;
	uint32_t slow_count;
	const uint32_t *slow; /**< branches to be tried one by one, ascending */
	bool slow_refusing, slow_hiding;
};

struct node {
	const uint8_t *edge; /**< from its parent to it */
	uint32_t edge_length;
	uint32_t first_child;
	const uint8_t *keys; /**< the first bytes of its children's edges */
	uint16_t child_count;
	uint8_t reach;		   /**< of all that is below, tails included */
	uint8_t tail_depth;	   /**< nodes with a tail above it */
	uint32_t depth;		   /**< bytes from the root */
	const struct list *at;	   /**< the subject ends here */
	const struct list *below;  /**< it goes on with `/` */
	const struct list *beside; /**< it goes on with another byte */
	struct tail *tail;
};

struct matcher {
	const struct policy *policy;
	struct node *nodes; /**< the root first, children side by side */
	size_t node_count, node_capacity;
	struct list **lists; /**< those of the nodes, each once */
	size_t list_count, list_capacity;
};

/** Branches to be merged with others. */
struct match {
	const uint32_t *next, *end;
	const struct list *list; /**< where they come from; NULL: to be tried */
	const uint8_t *subject;
	size_t length;
	bool refusing_only; /**< a name that was passed through */
};

/** All that one question matches; more than fit is a refusal. */
enum { MOST_MATCHES = 160 };
struct matches {
	size_t count;
	bool overflow;
	struct match items[MOST_MATCHES];
};

/**
 * Build the matcher of some branches, ascending. Returns 0 or -ENOMEM.
 * What it holds is partly the policy's arena's.
 */
int matcher_new(struct policy *policy, const uint32_t *branches, size_t count,
		struct matcher **matcher);
void matcher_free(struct matcher *matcher);

/** Add what matches a subject. Allocates nothing. */
void matcher_find(const struct matcher *matcher, const uint8_t *subject,
		  size_t length, bool refusing_only, struct matches *matches);

/** Build the automata of the tails that start at `depth` bytes. */
int tail_new(struct policy *policy, const uint32_t *branches, size_t count,
	     uint32_t depth, struct tail **tail);
void tail_free(struct tail *tail);

/**
 * Build one automaton from the elements of branches after `depth` bytes.
 * Returns 0, -E2BIG above the cap of states, or -ENOMEM.
 */
int dfa_new(struct policy *policy, const uint32_t *branches, size_t count,
	    uint32_t depth, struct dfa **dfa);
void dfa_free(struct dfa *dfa);

/** Fill in what `accept` lists say of the states. */
int dfa_reach(struct dfa *dfa);

static inline uint32_t dfa_step(const struct dfa *dfa, uint32_t state,
				uint8_t byte)
{
	return dfa->next[(size_t)state * dfa->class_count + dfa->classes[byte]];
}

/** Run from a state; stops early at the dead one. */
static inline uint32_t dfa_run(const struct dfa *dfa, uint32_t state,
			       const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length && state; i++)
		state = dfa_step(dfa, state, bytes[i]);
	return state;
}

/** Make a list of branches in the arena; NULL without memory. */
struct list *list_new(struct policy *policy, const uint32_t *branches,
		      size_t count, const struct list *up);

/** Call `visit` with each list of the matcher; stops where it is not 0. */
int matcher_lists(struct matcher *matcher,
		  int (*visit)(void *context, struct list *list),
		  void *context);

#endif
