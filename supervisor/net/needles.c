/*
 * Theory of operation. The texts make a trie whose nodes are states; state 0 is
 * the root. Bytes that no text has share one class, so a row is as wide as the
 * texts' alphabet. A state's depth is the length of the longest start of any
 * text that the stream ends with: just these bytes are held back, and they are
 * known from the state, so that nothing need be buffered.
 *
 * At the root most of a stream is jumped over (Wu and Manber, 1994): the last
 * two bytes of a window as long as the shortest text say by how much it may go
 * on before a text could begin in it.
 */
#include "supervisor/net/needles.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/locked.h"

enum { PAIRS = 4096, WINDOW_MOST = 255 };

struct node {
	uint16_t depth;
	uint16_t fail;
	uint16_t text; /* of which needle it is a start */
	uint16_t ends; /* needle + 1 that ends here, or 0 */
	bool free;     /* this start of all its texts is not held back */
};

struct kept {
	const char *text, *instead;
	size_t length, instead_length, free;
	unsigned id;
};

struct needles {
	size_t size; /* of all of this */
	struct kept *kept;
	struct node *nodes;
	uint16_t *next; /* [node][class] */
	size_t node_count, classes;
	uint8_t class_of[256];
	size_t window;
	uint8_t jump[PAIRS];
};

/* ---------------------------------------------------------------- making -- */

struct sizes {
	size_t texts, nodes, classes;
};

static struct sizes measure(const struct needle *needles, size_t count,
			    uint8_t class_of[256])
{
	struct sizes sizes = {.nodes = 1, .classes = 1};

	memset(class_of, 0, 256);
	for (size_t i = 0; i < count; i++) {
		const unsigned char *text = (const void *)needles[i].text;

		sizes.texts += needles[i].length + needles[i].instead_length;
		sizes.nodes += needles[i].length;
		for (size_t j = 0; j < needles[i].length; j++)
			if (!class_of[text[j]])
				class_of[text[j]] = (uint8_t)sizes.classes++;
	}
	return sizes;
}

static void add(struct needles *needles, uint16_t index)
{
	const struct kept *kept = &needles->kept[index];
	size_t at = 0;

	for (size_t i = 0; i < kept->length; i++) {
		uint8_t class = needles->class_of[(uint8_t)kept->text[i]];
		uint16_t *next = &needles->next[at * needles->classes + class];

		if (!*next) {
			*next = (uint16_t)needles->node_count++;
			needles->nodes[*next].depth = (uint16_t)(i + 1);
			needles->nodes[*next].text = index;
			needles->nodes[*next].free = true;
		}
		at = *next;
		needles->nodes[at].free &= i < kept->free;
	}
	if (!needles->nodes[at].ends)
		needles->nodes[at].ends = (uint16_t)(index + 1);
}

static size_t pair(const char *bytes)
{
	return ((size_t)(uint8_t)bytes[0] << 4 ^ (uint8_t)bytes[1]) % PAIRS;
}

/* One byte alone makes no pair: then nothing is jumped over. */
static void make_jumps(struct needles *needles, size_t count)
{
	size_t window = WINDOW_MOST;

	for (size_t i = 0; i < count; i++)
		if (needles->kept[i].length < window)
			window = needles->kept[i].length;
	needles->window = window;
	if (window < 2)
		return;
	memset(needles->jump, (int)window - 1, PAIRS);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j + 1 < window; j++) {
			uint8_t *jump =
				&needles->jump[pair(needles->kept[i].text + j)];

			if (*jump > window - 2 - j)
				*jump = (uint8_t)(window - 2 - j);
		}
}

/* From the root at `i`: where the next text could begin. */
static size_t skip(const struct needles *needles, const char *bytes, size_t i,
		   size_t length)
{
	size_t window = needles->window;

	while (window > 1 && length - i >= window) {
		size_t jump = needles->jump[pair(bytes + i + window - 2)];

		if (!jump)
			break;
		i += jump;
	}
	return i;
}

/* Rows of the automaton, breadth first: `queue` has room for all nodes. */
static void complete(struct needles *needles, uint16_t *queue)
{
	size_t head = 0, tail = 0;

	queue[tail++] = 0;
	while (head < tail) {
		size_t at = queue[head++];
		size_t fail = needles->nodes[at].fail;
		uint16_t *row = &needles->next[at * needles->classes];
		const uint16_t *other = &needles->next[fail * needles->classes];

		for (size_t c = 0; c < needles->classes; c++) {
			uint16_t below = row[c];

			/* Children are deeper; what is not deeper was filled
			 * in from elsewhere. */
			if (!below) {
				row[c] = at ? other[c] : 0;
				continue;
			}
			struct node *node = &needles->nodes[below];

			node->fail = at ? other[c] : 0;
			/* Another text's start may be the end of this one's. */
			if (node->fail)
				node->free &= needles->nodes[node->fail].free;
			if (!node->ends)
				node->ends = needles->nodes[node->fail].ends;
			queue[tail++] = below;
		}
	}
}

static void *carve(char **room, size_t size)
{
	void *part = *room;

	*room += (size + 7) & ~(size_t)7;
	return part;
}

int needles_new(const struct needle *texts, size_t count, struct needles **made)
{
	uint8_t class_of[256];
	struct sizes sizes = measure(texts, count, class_of);
	struct needles *needles;
	char *room;

	/* 255 classes at most: a byte holds them. */
	if (sizes.nodes > UINT16_MAX || sizes.classes > 255)
		return -E2BIG;
	size_t rows = sizes.nodes * sizes.classes * sizeof(uint16_t);
	size_t size = sizeof(*needles) + count * sizeof(struct kept) +
		      sizes.nodes * sizeof(struct node) + rows + sizes.texts +
		      5 * 8;
	uint16_t *queue = calloc(sizes.nodes, sizeof(*queue));

	room = queue ? locked_new(size) : NULL;
	if (!room) {
		free(queue);
		return -ENOMEM;
	}
	needles = carve(&room, sizeof(*needles));
	needles->size = size;
	needles->classes = sizes.classes;
	needles->node_count = 1;
	memcpy(needles->class_of, class_of, 256);
	needles->kept = carve(&room, count * sizeof(struct kept));
	needles->nodes = carve(&room, sizes.nodes * sizeof(struct node));
	needles->next = carve(&room, rows);
	for (size_t i = 0; i < count; i++) {
		struct kept *kept = &needles->kept[i];

		kept->text = room;
		kept->length = texts[i].length;
		kept->free = texts[i].free;
		room = mempcpy(room, texts[i].text, texts[i].length);
		if (texts[i].instead) {
			kept->instead = room;
			kept->instead_length = texts[i].instead_length;
			room = mempcpy(room, texts[i].instead,
				       texts[i].instead_length);
		}
		kept->id = texts[i].id;
		add(needles, (uint16_t)i);
	}
	complete(needles, queue);
	make_jumps(needles, count);
	free(queue);
	*made = needles;
	return 0;
}

void needles_free(struct needles *needles)
{
	if (needles)
		locked_free(needles, needles->size);
}

size_t needles_size(const struct needles *needles)
{
	return needles->size;
}

/* ---------------------------------------------------------------- passing --
 */

static inline uint16_t step(const struct needles *needles, uint16_t node,
			    char byte)
{
	return needles->next[node * needles->classes +
			     needles->class_of[(uint8_t)byte]];
}

/* A stream: what was held back before this piece, and the piece. */
struct piece {
	const char *held;
	size_t held_length;
	const char *bytes;
	needles_emit *emit;
	void *context;
};

static void emit_range(const struct piece *piece, size_t from, size_t to)
{
	size_t edge = piece->held_length;

	if (from < edge && from < to)
		piece->emit(piece->context, piece->held + from,
			    (to < edge ? to : edge) - from);
	if (to > edge && from < to) {
		size_t start = from > edge ? from - edge : 0;

		piece->emit(piece->context, piece->bytes + start,
			    to - edge - start);
	}
}

static struct piece begin(const struct needles *needles, uint16_t node,
			  const char *bytes, needles_emit *emit, void *context)
{
	const struct node *at = &needles->nodes[node];

	return (struct piece){
		.held = at->depth ? needles->kept[at->text].text : NULL,
		.held_length = at->depth,
		.bytes = bytes,
		.emit = emit,
		.context = context,
	};
}

void needles_pass(const struct needles *needles, struct needles_state *state,
		  const char *bytes, size_t length, needles_emit *emit,
		  needles_found *found, void *context)
{
	uint16_t node = state->node;
	struct piece piece = begin(needles, node, bytes, emit, context);
	size_t done = state->gone;

	for (size_t i = 0; i < length; i++) {
		if (!node)
			i = skip(needles, bytes, i, length);
		node = step(needles, node, bytes[i]);
		if (!needles->nodes[node].ends)
			continue;
		const struct kept *kept =
			&needles->kept[needles->nodes[node].ends - 1];
		size_t end = piece.held_length + i + 1;

		if (found)
			found(context, kept->id);
		if (!kept->instead)
			continue;
		size_t start = end - kept->length;
		size_t gone = done > start ? done - start : 0;

		emit_range(&piece, done, start);
		if (gone < kept->instead_length)
			emit(context, kept->instead + gone,
			     kept->instead_length - gone);
		done = end;
		node = 0;
	}
	size_t all = piece.held_length + length;
	size_t start = all - needles->nodes[node].depth;
	size_t until = needles->nodes[node].free ? all : start;

	emit_range(&piece, done, until);
	if (done < until)
		done = until;
	state->node = node;
	state->gone = (uint16_t)(done > start ? done - start : 0);
}

void needles_end(const struct needles *needles, struct needles_state *state,
		 needles_emit *emit, void *context)
{
	struct piece piece = begin(needles, state->node, NULL, emit, context);

	emit_range(&piece, state->gone, piece.held_length);
	*state = (struct needles_state){0};
}

void needles_look(const struct needles *needles, struct needles_state *state,
		  const char *bytes, size_t length, needles_found *found,
		  void *context)
{
	uint16_t node = state->node;

	for (size_t i = 0; i < length; i++) {
		if (!node)
			i = skip(needles, bytes, i, length);
		node = step(needles, node, bytes[i]);
		if (needles->nodes[node].ends)
			found(context,
			      needles->kept[needles->nodes[node].ends - 1].id);
	}
	state->node = node;
}

bool needles_absent(const struct needles *needles,
		    const struct needles_state *state, const char *bytes,
		    size_t length)
{
	uint16_t node = state->node;

	for (size_t i = 0; !node && i < length; i++) {
		i = skip(needles, bytes, i, length);
		do {
			node = step(needles, node, bytes[i]);
			if (needles->nodes[node].ends)
				return false;
		} while (node && ++i < length);
	}
	return node == 0;
}
