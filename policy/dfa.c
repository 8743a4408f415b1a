/*
 * Determinising the tails of patterns. Tails that begin alike share their
 * beginning in a trie of elements, so a set of states is small: one thread for
 * each way that the bytes so far can be read, not one for each pattern.
 */
#include "policy/matcher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** The most entries of one table: 64 MiB. */
enum { MOST_ENTRIES = 16 * 1024 * 1024 };

/** A node of the trie of elements: what was read up to and with its element. */
struct thread {
	element element;
	uint32_t child, sibling; /**< 0: none; the root is no one's child */
	/** Of ELEMENT_SKIP: the node behind what may be left out. */
	uint32_t skip;
	uint32_t accepts; /**< first of a chain, from 1; 0: none */
	bool opens;	  /**< a child may be reached without a byte */
};

struct acceptance {
	uint32_t branch, next;
};

/** A set of threads, as a slice of the pool; its hash beside it. */
struct set_of_threads {
	size_t start;
	uint32_t count;
	uint32_t hash;
};

struct determiniser {
	struct policy *policy;
	struct dfa *dfa;
	struct thread *threads;
	size_t thread_count, thread_capacity;
	struct acceptance *acceptances;
	size_t acceptance_count, acceptance_capacity;
	uint32_t *marks, mark; /**< threads in the set being made */
	uint32_t *pool;
	size_t pool_count, pool_capacity;
	struct set_of_threads *states;
	size_t state_count, state_capacity;
	uint32_t *table; /**< hash table of states, from 1 */
	size_t table_size;
	size_t next_capacity;
	uint8_t samples[256]; /**< a byte of each class */
	uint32_t *scratch;    /**< branches of an accept list */
	size_t scratch_count, scratch_capacity;
	size_t list_capacity;
};

/** May what reads this element be reached, and left, without a byte? */
static bool is_open(element e)
{
	return element_kind(e) == ELEMENT_STAR ||
	       element_kind(e) == ELEMENT_SKIP;
}

static int child_of(struct determiniser *d, uint32_t parent, element e,
		    uint32_t *child)
{
	struct thread made = {.element = e};
	uint32_t at = d->threads[parent].child;
	int error;

	for (; at; at = d->threads[at].sibling) {
		if (d->threads[at].element == e) {
			*child = at;
			return 0;
		}
	}
	made.sibling = d->threads[parent].child;
	*child = (uint32_t)d->thread_count;
	error = array_add(d->threads, d->thread_count, d->thread_capacity,
			  made);
	if (error)
		return error;
	d->threads[parent].child = *child;
	if (is_open(e))
		d->threads[parent].opens = true;
	return 0;
}

/** Put a branch's elements into the trie. */
static int add_branch(struct determiniser *d, uint32_t branch, uint32_t depth)
{
	const struct line *line = &d->policy->branches[branch].line;
	struct acceptance acceptance = {.branch = branch};
	uint32_t skipping = 0, skip_left = 0, at = 0;
	int error = 0;

	for (uint32_t i = depth; i < line->prefix_length && !error; i++)
		error = child_of(d, at,
				 element_make(ELEMENT_BYTE, line->prefix[i]),
				 &at);
	for (uint32_t i = 0; i < line->tail_length && !error; i++) {
		error = child_of(d, at, line->tail[i], &at);
		if (error)
			break;
		if (element_kind(line->tail[i]) == ELEMENT_SKIP) {
			skipping = at;
			skip_left = 2;
		} else if (skip_left && --skip_left == 0) {
			d->threads[skipping].skip = at;
		}
	}
	if (error)
		return error;
	acceptance.next = d->threads[at].accepts;
	d->threads[at].accepts = (uint32_t)d->acceptance_count + 1;
	return array_add(d->acceptances, d->acceptance_count,
			 d->acceptance_capacity, acceptance);
}

/** Split the classes of bytes by whether they are in a set. */
static void refine(struct dfa *dfa, const struct byte_set *set)
{
	uint16_t inside[256], outside[256];
	uint32_t count = 0;

	memset(inside, 0xff, sizeof(inside));
	memset(outside, 0xff, sizeof(outside));
	for (unsigned byte = 0; byte < 256; byte++) {
		uint16_t *to = byte_set_has(set, byte) ? inside : outside;
		uint8_t old = dfa->classes[byte];

		if (to[old] == 0xffff)
			to[old] = (uint16_t)count++;
		dfa->classes[byte] = (uint8_t)to[old];
	}
	dfa->class_count = count;
}

/** Give a byte a class of its own. Most elements are bytes, so this is worth
 * doing without a look at all others. `sizes` is by class. */
static void separate(struct dfa *dfa, uint32_t byte, uint16_t sizes[256])
{
	uint16_t *size = &sizes[dfa->classes[byte]];

	if (*size == 1)
		return;
	--*size;
	sizes[dfa->class_count] = 1;
	dfa->classes[byte] = (uint8_t)dfa->class_count++;
}

static void measure_classes(const struct dfa *dfa, uint16_t sizes[256])
{
	memset(sizes, 0, 256 * sizeof(*sizes));
	for (unsigned byte = 0; byte < 256; byte++)
		sizes[dfa->classes[byte]]++;
}

static void find_classes(struct determiniser *d)
{
	uint16_t sizes[256] = {256};
	const struct set_table *sets = &d->policy->sets;
	struct byte_set bytes = {{0}}, seen_sets[16] = {{{0}}};

	d->dfa->class_count = 1;
	for (size_t i = 1; i < d->thread_count; i++) {
		element e = d->threads[i].element;
		uint32_t argument = element_argument(e);

		if (element_kind(e) == ELEMENT_BYTE) {
			if (byte_set_has(&bytes, argument))
				continue;
			byte_set_add(&bytes, argument);
			separate(d->dfa, argument, sizes);
		} else if (element_kind(e) != ELEMENT_SKIP) {
			struct byte_set *seen = &seen_sets[argument / 256 % 16];

			/* A set that is split by twice does no harm. */
			if (argument < 4096 &&
			    byte_set_has(seen, argument % 256))
				continue;
			byte_set_add(seen, argument % 256);
			refine(d->dfa, &sets->items[argument]);
			measure_classes(d->dfa, sizes);
		}
	}
	for (unsigned byte = 0; byte < 256; byte++)
		d->samples[d->dfa->classes[byte]] = (uint8_t)byte;
}

/** Add those that may be reached without a byte, of a node whose children these
 * are. */
static int add_open(struct determiniser *d, uint32_t child)
{
	int error = 0;

	for (; child && !error; child = d->threads[child].sibling) {
		if (!is_open(d->threads[child].element) ||
		    d->marks[child] == d->mark)
			continue;
		d->marks[child] = d->mark;
		error = array_add(d->pool, d->pool_count, d->pool_capacity,
				  child);
	}
	return error;
}

/** Add a thread, and what is reached from it without a byte. */
static int add_thread(struct determiniser *d, uint32_t thread)
{
	size_t first = d->pool_count;
	int error;

	if (d->marks[thread] == d->mark)
		return 0;
	d->marks[thread] = d->mark;
	error = array_add(d->pool, d->pool_count, d->pool_capacity, thread);
	/* What is added is looked at in turn, until nothing is. */
	for (size_t i = first; i < d->pool_count && !error; i++) {
		const struct thread *from = &d->threads[d->pool[i]];

		if (from->opens)
			error = add_open(d, from->child);
		if (!error && element_kind(from->element) == ELEMENT_SKIP)
			error = add_open(d, d->threads[from->skip].child);
	}
	return error;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/** Sort a small set in place: most have fewer than ten threads. */
static void sort_numbers(uint32_t *items, size_t count)
{
	if (count > 24) {
		qsort(items, count, sizeof(*items), compare_numbers);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		uint32_t item = items[i];
		size_t at = i;

		for (; at > 0 && items[at - 1] > item; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

static int table_grow(struct determiniser *d)
{
	size_t size = d->table_size ? d->table_size * 2 : 256;
	uint32_t *table;

	if (d->state_count * 2 < d->table_size)
		return 0;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < d->state_count; i++) {
		size_t slot = d->states[i].hash & (size - 1);

		while (table[slot])
			slot = (slot + 1) & (size - 1);
		table[slot] = (uint32_t)i + 1;
	}
	free(d->table);
	d->table = table;
	d->table_size = size;
	return 0;
}

/**
 * The state of the set that stands at the end of the pool from `start` on;
 * a set that is known is taken off the pool again.
 */
static int intern_state(struct determiniser *d, size_t start, uint32_t *state)
{
	struct set_of_threads made = {.start = start};
	uint32_t hash = 2166136261u;
	size_t slot, bytes;
	int error;

	made.count = (uint32_t)(d->pool_count - start);
	/* A set of none may stand in a pool that is not there yet. */
	if (made.count)
		sort_numbers(d->pool + start, made.count);
	for (size_t i = start; i < d->pool_count; i++)
		hash = (hash ^ d->pool[i]) * 16777619u;
	made.hash = hash ^ hash >> 15;
	error = table_grow(d);
	if (error)
		return error;
	bytes = made.count * sizeof(*d->pool);
	slot = made.hash & (d->table_size - 1);
	for (; d->table[slot]; slot = (slot + 1) & (d->table_size - 1)) {
		const struct set_of_threads *at =
			&d->states[d->table[slot] - 1];

		if (at->hash == made.hash && at->count == made.count &&
		    (bytes == 0 || memcmp(d->pool + at->start, d->pool + start,
					  bytes) == 0)) {
			*state = d->table[slot] - 1;
			d->pool_count = start;
			return 0;
		}
	}
	*state = (uint32_t)d->state_count;
	d->table[slot] = *state + 1;
	return array_add(d->states, d->state_count, d->state_capacity, made);
}

/** Add the children that read the byte, of a node whose children these are. */
static int step_children(struct determiniser *d, uint32_t child, unsigned byte)
{
	int error = 0;

	for (; child && !error; child = d->threads[child].sibling) {
		element e = d->threads[child].element;
		uint32_t argument = element_argument(e);

		if (element_kind(e) == ELEMENT_BYTE
			    ? argument == byte
			    : element_kind(e) == ELEMENT_SET &&
				      byte_set_has(
					      &d->policy->sets.items[argument],
					      byte))
			error = add_thread(d, child);
	}
	return error;
}

static int step(struct determiniser *d, uint32_t state, unsigned byte,
		uint32_t *next)
{
	size_t start = d->pool_count;
	int error = 0;

	d->mark++;
	for (uint32_t i = 0; i < d->states[state].count && !error; i++) {
		uint32_t at = d->pool[d->states[state].start + i];
		const struct thread *thread = &d->threads[at];
		element e = thread->element;
		uint32_t skip = 0, child = thread->child;

		if (at && element_kind(e) == ELEMENT_SKIP)
			skip = d->threads[thread->skip].child;
		if (at && element_kind(e) == ELEMENT_STAR &&
		    byte_set_has(&d->policy->sets.items[element_argument(e)],
				 byte))
			error = add_thread(d, at);
		if (!error)
			error = step_children(d, child, byte);
		if (!error && skip)
			error = step_children(d, skip, byte);
	}
	return error ? error : intern_state(d, start, next);
}

/** What the threads of a state read: single bytes by class, and sets. */
enum { EDGE_SETS = 6 };
struct edges {
	bool hit[256]; /**< classes of the bytes that are read singly */
	uint32_t sets[EDGE_SETS];
	size_t set_count;
	bool many; /**< more sets than are told apart */
};

static void edges_add_set(struct edges *edges, uint32_t set)
{
	for (size_t i = 0; i < edges->set_count; i++)
		if (edges->sets[i] == set)
			return;
	if (edges->set_count == EDGE_SETS)
		edges->many = true;
	else
		edges->sets[edges->set_count++] = set;
}

static void edges_add_children(const struct determiniser *d,
			       struct edges *edges, uint32_t child)
{
	for (; child; child = d->threads[child].sibling) {
		element e = d->threads[child].element;
		uint32_t argument = element_argument(e);

		if (element_kind(e) == ELEMENT_BYTE)
			edges->hit[d->dfa->classes[argument]] = true;
		else if (element_kind(e) == ELEMENT_SET)
			edges_add_set(edges, argument);
	}
}

static void find_edges(const struct determiniser *d, uint32_t state,
		       struct edges *edges)
{
	memset(edges, 0, sizeof(*edges));
	for (uint32_t i = 0; i < d->states[state].count; i++) {
		uint32_t at = d->pool[d->states[state].start + i];
		const struct thread *thread = &d->threads[at];

		edges_add_children(d, edges, thread->child);
		if (at && element_kind(thread->element) == ELEMENT_SKIP)
			edges_add_children(d, edges,
					   d->threads[thread->skip].child);
		if (at && element_kind(thread->element) == ELEMENT_STAR)
			edges_add_set(edges, element_argument(thread->element));
	}
}

/**
 * Fill in a state's row. Most classes are read by no single byte, and those
 * that lie in the same sets lead to the same state.
 */
static int fill_row(struct determiniser *d, uint32_t state, size_t row)
{
	uint32_t known[1 << EDGE_SETS], *next;
	struct edges edges;
	int error = 0;

	memset(known, 0xff, sizeof(known));
	find_edges(d, state, &edges);
	for (uint32_t c = 0; c < d->dfa->class_count && !error; c++) {
		unsigned byte = d->samples[c], key = 0;

		next = &d->dfa->next[row + c];
		if (edges.hit[c] || edges.many) {
			error = step(d, state, byte, next);
			continue;
		}
		for (size_t i = 0; i < edges.set_count; i++)
			key = key << 1 |
			      byte_set_has(
				      &d->policy->sets.items[edges.sets[i]],
				      byte);
		if (known[key] == UINT32_MAX)
			error = step(d, state, byte, &known[key]);
		*next = known[key];
	}
	return error;
}

static int gather_accepts(struct determiniser *d, uint32_t at)
{
	int error = 0;

	while (at && !error) {
		error = array_add(d->scratch, d->scratch_count,
				  d->scratch_capacity,
				  d->acceptances[at - 1].branch);
		at = d->acceptances[at - 1].next;
	}
	return error;
}

/** The list that a state accepts; the same list once. */
static int accept_list(struct determiniser *d, uint32_t state,
		       const struct list **accept)
{
	struct dfa *dfa = d->dfa;
	struct list *list;
	size_t bytes;
	int error = 0;

	d->scratch_count = 0;
	for (uint32_t i = 0; i < d->states[state].count && !error; i++) {
		uint32_t at = d->pool[d->states[state].start + i];

		error = gather_accepts(d, d->threads[at].accepts);
		if (!error && at &&
		    element_kind(d->threads[at].element) == ELEMENT_SKIP)
			error = gather_accepts(
				d, d->threads[d->threads[at].skip].accepts);
	}
	*accept = NULL;
	if (error || d->scratch_count == 0)
		return error;
	sort_numbers(d->scratch, d->scratch_count);
	bytes = d->scratch_count * sizeof(*d->scratch);
	/* Neighbours in the order of making often accept the same. */
	for (size_t i = dfa->list_count; i-- > 0 && i + 64 > dfa->list_count;) {
		if (dfa->lists[i]->own_count == d->scratch_count &&
		    memcmp(dfa->lists[i]->own, d->scratch, bytes) == 0) {
			*accept = dfa->lists[i];
			return 0;
		}
	}
	list = list_new(d->policy, d->scratch, d->scratch_count, NULL);
	if (!list)
		return -ENOMEM;
	*accept = list;
	return array_add(dfa->lists, dfa->list_count, d->list_capacity, list);
}

static int determinise(struct determiniser *d)
{
	size_t cap = 512 + d->thread_count * 4, start;
	struct dfa *dfa = d->dfa;
	uint32_t state;
	int error;

	d->marks = calloc(d->thread_count, sizeof(*d->marks));
	if (!d->marks)
		return -ENOMEM;
	error = intern_state(d, d->pool_count, &state); /* the dead one */
	d->mark++;
	start = d->pool_count;
	if (!error)
		error = add_thread(d, 0);
	if (!error)
		error = intern_state(d, start, &state);
	for (state = 0; state < d->state_count && !error; state++) {
		size_t row = (size_t)state * dfa->class_count;
		size_t end = row + dfa->class_count;

		if (d->state_count > cap || end > MOST_ENTRIES)
			return -E2BIG;
		while (end > d->next_capacity && !error) {
			void *grown = dfa->next;

			error = array_grow(&grown, &d->next_capacity,
					   d->next_capacity,
					   sizeof(*dfa->next));
			dfa->next = grown;
		}
		if (!error)
			error = fill_row(d, state, row);
	}
	if (error)
		return error;
	dfa->state_count = (uint32_t)d->state_count;
	dfa->accept = calloc(d->state_count, sizeof(*dfa->accept));
	dfa->reach = calloc(d->state_count, sizeof(*dfa->reach));
	if (!dfa->accept || !dfa->reach)
		return -ENOMEM;
	for (state = 0; state < d->state_count && !error; state++)
		error = accept_list(d, state, &dfa->accept[state]);
	return error;
}

int dfa_new(struct policy *policy, const uint32_t *branches, size_t count,
	    uint32_t depth, struct dfa **dfa)
{
	struct determiniser d = {.policy = policy};
	struct thread root = {.element = element_make(ELEMENT_BYTE, 0)};
	int error;

	d.dfa = calloc(1, sizeof(*d.dfa));
	if (!d.dfa)
		return -ENOMEM;
	error = array_add(d.threads, d.thread_count, d.thread_capacity, root);
	for (size_t i = 0; i < count && !error; i++)
		error = add_branch(&d, branches[i], depth);
	if (!error) {
		find_classes(&d);
		error = determinise(&d);
	}
	free(d.threads);
	free(d.acceptances);
	free(d.marks);
	free(d.pool);
	free(d.states);
	free(d.table);
	free(d.scratch);
	if (!error)
		error = dfa_reach(d.dfa);
	if (error) {
		dfa_free(d.dfa);
		return error;
	}
	*dfa = d.dfa;
	return 0;
}

void dfa_free(struct dfa *dfa)
{
	if (!dfa)
		return;
	free(dfa->next);
	free(dfa->accept);
	free(dfa->reach);
	free(dfa->lists);
	free(dfa);
}
