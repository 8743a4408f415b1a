/*
 * Inclusion is decided by walking both patterns at once: one position of the
 * inner one against the set of all positions of the outer one that the same
 * bytes lead to. If the inner one can end where the outer one cannot, it is not
 * inside. Each pair is looked at once.
 */
#include "policy/include.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** The most pairs that are looked at, and the longest patterns. */
enum { MOST_PAIRS = 4096, MOST_POSITIONS = 511, WORDS = 8 };

struct positions {
	uint64_t bits[WORDS];
};

/** A line's elements from some byte of its prefix on, in one row. */
struct row {
	element items[MOST_POSITIONS];
	size_t count;
};

static bool row_from_line(struct row *row, const struct line *line, size_t from)
{
	row->count = line->prefix_length - from + line->tail_length;
	if (row->count > MOST_POSITIONS)
		return false;
	for (size_t i = from; i < line->prefix_length; i++)
		row->items[i - from] =
			element_make(ELEMENT_BYTE, line->prefix[i]);
	if (line->tail_length)
		memcpy(row->items + (line->prefix_length - from), line->tail,
		       line->tail_length * sizeof(element));
	return true;
}

static void positions_add(struct positions *positions, const struct row *row,
			  size_t at)
{
	uint64_t bit = UINT64_C(1) << (at % 64);

	if (positions->bits[at / 64] & bit)
		return;
	positions->bits[at / 64] |= bit;
	if (at >= row->count)
		return;
	if (element_kind(row->items[at]) == ELEMENT_STAR)
		positions_add(positions, row, at + 1);
	if (element_kind(row->items[at]) == ELEMENT_SKIP) {
		positions_add(positions, row, at + 1);
		positions_add(positions, row, at + 3);
	}
}

static bool reads(const struct set_table *sets, element e, unsigned byte)
{
	if (element_kind(e) == ELEMENT_BYTE)
		return element_argument(e) == byte;
	return element_kind(e) != ELEMENT_SKIP &&
	       byte_set_has(&sets->items[element_argument(e)], byte);
}

static size_t after(element e, size_t at)
{
	return element_kind(e) == ELEMENT_STAR ? at : at + 1;
}

static void positions_step(const struct set_table *sets, const struct row *row,
			   const struct positions *from, unsigned byte,
			   struct positions *to)
{
	*to = (struct positions){{0}};
	for (size_t word = 0; word < WORDS; word++) {
		uint64_t left = from->bits[word];

		for (; left; left &= left - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(left);

			if (at < row->count &&
			    reads(sets, row->items[at], byte))
				positions_add(to, row,
					      after(row->items[at], at));
		}
	}
}

/** Classes of bytes that some elements tell apart. */
struct classes {
	uint16_t of[256];
	uint16_t count;
};

static void classes_refine(struct classes *classes, const struct byte_set *set)
{
	uint16_t inside[256], outside[256], count = 0;

	memset(inside, 0xff, sizeof(inside));
	memset(outside, 0xff, sizeof(outside));
	for (unsigned byte = 0; byte < 256; byte++) {
		uint16_t *to = byte_set_has(set, byte) ? inside : outside;
		uint16_t old = classes->of[byte];

		if (to[old] == 0xffff)
			to[old] = count++;
		classes->of[byte] = to[old];
	}
	classes->count = count;
}

/** Bytes that stand for all: one of each class that the rows tell apart. */
static size_t sample_bytes(const struct set_table *sets, const struct row *a,
			   const struct row *b, uint8_t samples[256])
{
	const struct row *rows[2] = {a, b};
	struct classes classes = {.count = 1};
	struct byte_set used = {{0}}, seen = {{0}};
	uint32_t last_set = UINT32_MAX;
	size_t kept = 0;

	for (size_t r = 0; r < 2; r++) {
		for (size_t i = 0; i < rows[r]->count; i++) {
			element e = rows[r]->items[i];
			uint32_t argument = element_argument(e);

			if (element_kind(e) == ELEMENT_BYTE) {
				byte_set_add(&used, argument);
			} else if (element_kind(e) != ELEMENT_SKIP &&
				   argument != last_set) {
				classes_refine(&classes,
					       &sets->items[argument]);
				last_set = argument;
			}
		}
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		if (byte_set_has(&used, byte)) {
			samples[kept++] = (uint8_t)byte;
		} else if (!byte_set_has(&seen, classes.of[byte])) {
			byte_set_add(&seen, classes.of[byte]);
			samples[kept++] = (uint8_t)byte;
		}
	}
	return kept;
}

struct pair {
	size_t at; /**< the inner one's position */
	struct positions set;
};

/** Pairs to be looked at, each once. */
struct pairs {
	struct pair *items;
	size_t count, capacity;
	uint32_t table[MOST_PAIRS * 2]; /**< from 1 */
};

/** Remember a pair. Returns 0, or an error where there is no room. */
static int pairs_add(struct pairs *pairs, size_t at,
		     const struct positions *set)
{
	struct pair pair = {.at = at, .set = *set};
	uint64_t hash = at * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot;

	for (size_t i = 0; i < WORDS; i++)
		hash = (hash ^ set->bits[i]) * UINT64_C(0xff51afd7ed558ccd);
	slot = (hash >> 40) % (MOST_PAIRS * 2);
	for (; pairs->table[slot]; slot = (slot + 1) % (MOST_PAIRS * 2)) {
		const struct pair *known =
			&pairs->items[pairs->table[slot] - 1];

		if (known->at == at &&
		    memcmp(&known->set, set, sizeof(*set)) == 0)
			return 0;
	}
	if (pairs->count == MOST_PAIRS)
		return -E2BIG;
	pairs->table[slot] = (uint32_t)pairs->count + 1;
	return array_add(pairs->items, pairs->count, pairs->capacity, pair);
}

/** Add a position of the inner row, and those it reaches without a byte. */
static int pairs_enter(struct pairs *pairs, const struct row *inner, size_t at,
		       const struct positions *set)
{
	int error = pairs_add(pairs, at, set);

	if (error || at >= inner->count)
		return error;
	if (element_kind(inner->items[at]) == ELEMENT_STAR)
		return pairs_enter(pairs, inner, at + 1, set);
	if (element_kind(inner->items[at]) == ELEMENT_SKIP) {
		error = pairs_enter(pairs, inner, at + 1, set);
		return error ? error : pairs_enter(pairs, inner, at + 3, set);
	}
	return 0;
}

static bool holds(const struct positions *set, size_t at)
{
	return set->bits[at / 64] >> (at % 64) & 1;
}

/**
 * Walk both rows at once. With `meet`, the answer is whether both can end
 * together; else whether the inner one only ends where the outer one can.
 * What takes too long is `unknown`.
 */
static bool rows_walk(const struct set_table *sets, const struct row *inner,
		      const struct row *outer, bool meet, bool unknown)
{
	struct pairs *pairs = calloc(1, sizeof(*pairs));
	struct positions start = {{0}}, next;
	uint8_t samples[256];
	size_t sample_count;
	bool answer = !meet;
	int error;

	if (!pairs)
		return unknown;
	sample_count = sample_bytes(sets, inner, outer, samples);
	positions_add(&start, outer, 0);
	error = pairs_enter(pairs, inner, 0, &start);
	for (size_t i = 0; i < pairs->count && !error; i++) {
		const struct pair pair = pairs->items[i];
		element e;

		if (pair.at == inner->count) {
			if (holds(&pair.set, outer->count) == meet) {
				answer = meet;
				break;
			}
			continue;
		}
		e = inner->items[pair.at];
		for (size_t s = 0; s < sample_count && !error; s++) {
			if (!reads(sets, e, samples[s]))
				continue;
			positions_step(sets, outer, &pair.set, samples[s],
				       &next);
			error = pairs_enter(pairs, inner, after(e, pair.at),
					    &next);
		}
	}
	free(pairs->items);
	free(pairs);
	return error ? unknown : answer;
}

/** How many bytes two prefixes share. */
static size_t shared_prefix(const struct line *a, const struct line *b)
{
	size_t i = 0;

	while (i < a->prefix_length && i < b->prefix_length &&
	       a->prefix[i] == b->prefix[i])
		i++;
	return i;
}

bool line_inside(const struct set_table *sets, const struct line *inner,
		 const struct line *outer)
{
	size_t shared = shared_prefix(inner, outer);
	struct row a, b;

	/* A wildcard matches more than one byte, so it cannot be inside. */
	if (shared < outer->prefix_length)
		return false;
	if (outer->shape == SHAPE_EXACT)
		return inner->shape == SHAPE_EXACT &&
		       inner->prefix_length == outer->prefix_length;
	if (outer->shape == SHAPE_WHOLE &&
	    inner->prefix_length > outer->prefix_length)
		return inner->prefix[shared] == '/';
	if (!row_from_line(&a, inner, shared) ||
	    !row_from_line(&b, outer, shared))
		return false;
	return rows_walk(sets, &a, &b, false, false);
}

bool lines_meet(const struct set_table *sets, const struct line *a,
		const struct line *b)
{
	size_t shared = shared_prefix(a, b);
	struct row left, right;

	if (shared < a->prefix_length && shared < b->prefix_length)
		return false;
	if (!row_from_line(&left, a, shared) ||
	    !row_from_line(&right, b, shared))
		return true;
	return rows_walk(sets, &left, &right, true, true);
}

bool line_set_inside(const struct set_table *sets, const struct line_set *inner,
		     const struct line_set *outer)
{
	for (size_t i = 0; i < inner->count; i++) {
		bool inside = false;

		for (size_t j = 0; j < outer->count && !inside; j++)
			inside = line_inside(sets, &inner->items[i],
					     &outer->items[j]);
		if (!inside)
			return false;
	}
	return true;
}
