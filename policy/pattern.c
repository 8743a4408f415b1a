#include "policy/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct byte_set set_all(void)
{
	return (struct byte_set){
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
}

static void set_remove(struct byte_set *set, unsigned byte)
{
	set->bits[byte >> 6] &= ~(UINT64_C(1) << (byte & 63));
}

int set_table_init(struct set_table *table)
{
	struct byte_set any = set_all(), component, all = set_all();
	struct byte_set host = {{0}};
	uint32_t index;
	int error;

	*table = (struct set_table){0};
	set_remove(&any, 0);
	component = any;
	set_remove(&component, '/');
	for (unsigned c = 'a'; c <= 'z'; c++)
		byte_set_add(&host, c);
	for (unsigned c = '0'; c <= '9'; c++)
		byte_set_add(&host, c);
	byte_set_add(&host, '-');
	byte_set_add(&host, '_');
	byte_set_add(&host, '.');
	/* In the order of the SET_ constants. */
	error = set_table_add(table, &any, &index);
	if (!error)
		error = set_table_add(table, &component, &index);
	if (!error)
		error = set_table_add(table, &all, &index);
	if (!error)
		error = set_table_add(table, &host, &index);
	return error;
}

void set_table_free(struct set_table *table)
{
	free(table->items);
	*table = (struct set_table){0};
}

int set_table_add(struct set_table *table, const struct byte_set *set,
		  uint32_t *index)
{
	for (size_t i = 0; i < table->count; i++) {
		if (memcmp(&table->items[i], set, sizeof(*set)) == 0) {
			*index = (uint32_t)i;
			return 0;
		}
	}
	*index = (uint32_t)table->count;
	return array_add(table->items, table->count, table->capacity, *set);
}

int elements_add(struct elements *elements, enum element_kind kind,
		 uint32_t argument)
{
	return array_add(elements->items, elements->count, elements->capacity,
			 element_make(kind, argument));
}

int elements_add_bytes(struct elements *elements, const char *bytes,
		       size_t length)
{
	int error = 0;

	for (size_t i = 0; i < length && !error; i++)
		error = elements_add(elements, ELEMENT_BYTE,
				     (unsigned char)bytes[i]);
	return error;
}

int elements_add_tree(struct elements *elements)
{
	int error = elements_add(elements, ELEMENT_SKIP, 0);

	if (!error)
		error = elements_add(elements, ELEMENT_BYTE, '/');
	if (!error)
		error = elements_add(elements, ELEMENT_STAR, SET_ANY);
	return error;
}

void elements_free(struct elements *elements)
{
	free(elements->items);
	*elements = (struct elements){0};
}

static bool is_tree(const element *tail, size_t count)
{
	return count == 3 && tail[0] == element_make(ELEMENT_SKIP, 0) &&
	       tail[1] == element_make(ELEMENT_BYTE, '/') &&
	       tail[2] == element_make(ELEMENT_STAR, SET_ANY);
}

int line_from_elements(struct arena *arena, const struct elements *elements,
		       struct line *line)
{
	size_t prefix = 0, rest;
	uint8_t *bytes;
	element *tail;

	while (prefix < elements->count &&
	       element_kind(elements->items[prefix]) == ELEMENT_BYTE)
		prefix++;
	rest = elements->count - prefix;
	bytes = arena_alloc(arena, prefix + 1);
	tail = arena_alloc(arena, (rest + 1) * sizeof(*tail));
	if (!bytes || !tail)
		return -ENOMEM;
	for (size_t i = 0; i < prefix; i++)
		bytes[i] = (uint8_t)element_argument(elements->items[i]);
	if (rest)
		memcpy(tail, elements->items + prefix, rest * sizeof(*tail));
	*line = (struct line){
		.shape = SHAPE_TAIL,
		.prefix = bytes,
		.prefix_length = (uint32_t)prefix,
		.tail = tail,
		.tail_length = (uint32_t)rest,
	};
	if (rest == 0)
		line->shape = SHAPE_EXACT;
	else if (is_tree(tail, rest))
		line->shape = SHAPE_WHOLE;
	return 0;
}

size_t line_directory(const struct line *line)
{
	size_t length = line->prefix_length;

	if (line->shape != SHAPE_TAIL ||
	    element_kind(line->tail[0]) == ELEMENT_SKIP)
		return length;
	while (length > 0 && line->prefix[length - 1] != '/')
		length--;
	return length > 0 ? length - 1 : 0;
}

static void position_set(struct line_positions *positions, size_t at)
{
	positions->bits[at / 64] |= UINT64_C(1) << (at % 64);
}

/** Add the positions that are reached without a byte; they lie ahead only. */
static void positions_close(const struct line *line,
			    struct line_positions *positions, size_t words)
{
	for (size_t word = 0; word < words; word++) {
		uint64_t seen = 0, left;

		while ((left = positions->bits[word] & ~seen) != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(left);
			size_t at = word * 64 + bit;

			seen |= UINT64_C(1) << bit;
			if (at >= line->tail_length)
				continue;
			if (element_kind(line->tail[at]) == ELEMENT_STAR) {
				position_set(positions, at + 1);
			} else if (element_kind(line->tail[at]) ==
				   ELEMENT_SKIP) {
				position_set(positions, at + 1);
				position_set(positions, at + 3);
			}
		}
	}
}

/** Step all positions over one byte; returns false if none is left. */
static bool positions_step(struct line_run *run, unsigned byte)
{
	const struct line *line = run->line;
	struct line_positions next;
	bool any = false;

	memset(next.bits, 0, run->words * sizeof(next.bits[0]));
	for (size_t word = 0; word < run->words; word++) {
		uint64_t left = run->now.bits[word];

		for (; left; left &= left - 1) {
			size_t at = word * 64 + (unsigned)__builtin_ctzll(left);
			uint32_t argument;
			enum element_kind kind;

			if (at >= line->tail_length)
				continue;
			argument = element_argument(line->tail[at]);
			kind = element_kind(line->tail[at]);
			if (kind == ELEMENT_BYTE
				    ? argument != byte
				    : kind == ELEMENT_SKIP ||
					      !byte_set_has(&run->sets->items
								     [argument],
							    byte))
				continue;
			position_set(&next, kind == ELEMENT_STAR ? at : at + 1);
			any = true;
		}
	}
	if (!any)
		return false;
	positions_close(line, &next, run->words);
	memcpy(run->now.bits, next.bits, run->words * sizeof(next.bits[0]));
	return true;
}

void line_run_start(struct line_run *run, const struct set_table *sets,
		    const struct line *line)
{
	run->sets = sets;
	run->line = line;
	run->prefix_at = 0;
	run->dead = false;
	run->words = line->tail_length / 64 + 1;
	memset(run->now.bits, 0, run->words * sizeof(run->now.bits[0]));
	position_set(&run->now, 0);
	positions_close(line, &run->now, run->words);
}

bool line_run_feed(struct line_run *run, const uint8_t *bytes, size_t length)
{
	size_t i = 0;

	while (!run->dead && i < length &&
	       run->prefix_at < run->line->prefix_length)
		run->dead = run->line->prefix[run->prefix_at++] != bytes[i++];
	while (!run->dead && i < length)
		run->dead = !positions_step(run, bytes[i++]);
	return !run->dead;
}

bool line_run_matches(const struct line_run *run)
{
	size_t end = run->line->tail_length;

	return !run->dead && run->prefix_at == run->line->prefix_length &&
	       (run->now.bits[end / 64] >> (end % 64) & 1);
}

bool line_matches(const struct set_table *sets, const struct line *line,
		  const uint8_t *subject, size_t length)
{
	struct line_run run;

	if (length < line->prefix_length)
		return false;
	if (line->prefix_length &&
	    memcmp(subject, line->prefix, line->prefix_length) != 0)
		return false;
	subject += line->prefix_length;
	length -= line->prefix_length;
	if (line->shape == SHAPE_EXACT)
		return length == 0;
	if (line->shape == SHAPE_WHOLE)
		return length == 0 ||
		       (*subject == '/' && !memchr(subject, '\0', length));
	line_run_start(&run, sets, line);
	run.prefix_at = line->prefix_length;
	return line_run_feed(&run, subject, length) && line_run_matches(&run);
}
