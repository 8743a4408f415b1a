#include "policy/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/learn_path.h"
#include "policy/learn_program.h"
#include "policy/scope.h"

enum {
	FEW = 3, /* so many different things make a directory's habit */
	RULE_COLUMN = 46,
	LINE_OF_NAMES = 78,
};

/* A file, with its changing parts already a `*`. */
struct leaf {
	char *pattern;
	const char *sample; /* one path that it stands for */
	const char *program;
	bool programs; /* more than one */
	bool nameable; /* all of them may stand behind `by` */
	bool read, write;
	uint64_t reads, writes;
};

struct learning {
	const struct learn_input *input;
	struct text *text;
	struct arena arena;
	struct leaf *leaves;
	size_t leaf_count, leaf_capacity;
	int rules;
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static int compare_strings(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_items(const void *left, const void *right)
{
	const struct learn_item *a = left, *b = right;
	int order = (int)a->action - (int)b->action;

	if (!order)
		order = strcmp(a->subject, b->subject);
	for (size_t i = 0; !order && (i < a->argc || i < b->argc); i++)
		order = compare_strings(i < a->argc ? a->argv[i] : NULL,
					i < b->argc ? b->argv[i] : NULL);
	return order ? order : compare_strings(a->program, b->program);
}

/* ---------------------------------------------------------------- lines -- */

/* Where one program alone used it, and it may be named. */
static void add_by(struct learning *learning, const char *program,
		   bool programs, bool nameable)
{
	struct text *text = learning->text;

	if (!program || programs || !nameable ||
	    !learn_program_has_purpose(program))
		return;
	text_add_string(text, " by ");
	learn_path_put(text, learning->input, program);
}

/* The comment that every rule carries. */
static void add_comment(struct learning *learning, size_t start, uint64_t count,
			const char *what, const char *program, bool programs,
			const char *sample)
{
	struct text *text = learning->text;
	size_t width = text->length - start;

	do
		text_add_byte(text, ' ');
	while (++width < RULE_COLUMN);
	text_format(text, "  # %llu %s%s", (unsigned long long)count, what,
		    count == 1 ? "" : "s");
	if (program) {
		text_add_string(text, " by ");
		text_add_shown(text, base_name(program),
			       strlen(base_name(program)));
		if (programs)
			text_add_string(text, " and others");
	}
	if (sample) {
		text_add_string(text, ", e.g. ");
		text_add_shown(text, sample, strlen(sample));
	}
	text_add_byte(text, '\n');
	learning->rules++;
}

/* -------------------------------------------------------------- programs -- */

/* Is it what names a command within a program: `commit`, `run`? */
static bool is_subcommand(const char *word)
{
	size_t length = strlen(word);

	return length > 0 && length <= 32 && word[0] >= 'a' && word[0] <= 'z' &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static bool same_program(const struct learn_item *a, const struct learn_item *b)
{
	bool words_a = a->by_arguments && a->argc > 1;
	bool words_b = b->by_arguments && b->argc > 1;

	if (strcmp(a->subject, b->subject) != 0 || words_a != words_b)
		return false;
	if (!words_a)
		return true;
	if (is_subcommand(a->argv[1]) && is_subcommand(b->argv[1]))
		return strcmp(a->argv[1], b->argv[1]) == 0;
	if (a->argc != b->argc)
		return false;
	for (size_t i = 1; i < a->argc; i++)
		if (strcmp(a->argv[i], b->argv[i]) != 0)
			return false;
	return true;
}

static void add_exec(struct learning *learning, const struct learn_item *item,
		     uint64_t count, bool programs)
{
	struct text *text = learning->text;
	size_t start = text->length;

	text_add_string(text, "allow exec        ");
	learn_path_put(text, learning->input, item->subject);
	if (item->by_arguments && item->argc > 1) {
		bool sub = is_subcommand(item->argv[1]);

		for (size_t i = 1; i < (sub ? 2 : item->argc); i++) {
			text_add_byte(text, ' ');
			learn_word_put(text, item->argv[i]);
		}
		if (sub)
			text_add_string(text, " **");
	}
	add_comment(learning, start, count, "start", item->program, programs,
		    NULL);
}

/* ------------------------------------------------- what is listed as it is --
 */

static const char *noun(enum action action)
{
	static const char *const nouns[] = {
		[ACTION_READ] = "read",	      [ACTION_WRITE] = "write",
		[ACTION_EXEC] = "start",      [ACTION_CONNECT] = "connection",
		[ACTION_LISTEN] = "listener", [ACTION_HTTP] = "request",
		[ACTION_ENV] = "session",
	};

	return nouns[action];
}

/* A socket's name changes from run to run as a file's does. */
static void add_socket(struct learning *learning, const char *path)
{
	char *pattern =
		learn_path_pattern(learning->input, &learning->arena, path);

	if (pattern)
		learn_socket_put(learning->text, learning->input, pattern);
	else
		learning->text->failed = true;
}

static void add_plain(struct learning *learning, const struct learn_item *item,
		      uint64_t count, bool programs, bool nameable)
{
	struct text *text = learning->text;
	size_t start = text->length;

	text_format(text, "allow %-11s ", action_name(item->action));
	if (strncmp(item->subject, "unix:/", 6) == 0) {
		add_socket(learning, item->subject + 5);
	} else if (item->action == ACTION_HTTP) {
		learn_request_put(text, item->subject);
	} else if (item->action == ACTION_ENV) {
		learn_word_put(text, item->subject);
	} else {
		learn_address_put(text, item->subject);
	}
	add_by(learning, item->program, programs, nameable);
	add_comment(learning, start, count, noun(item->action), item->program,
		    programs, NULL);
}

/* Variables share rules, as a person would write them. Nothing is known but
 * that the session was started with them: who looks at one does so in its own
 * memory. Returns how many of the items are theirs. */
static size_t add_variables(struct learning *learning,
			    const struct learn_item *items, size_t count)
{
	struct text *text = learning->text;
	size_t at = 0;

	while (at < count && items[at].action == ACTION_ENV) {
		size_t start = text->length;
		uint64_t sessions = 0;

		text_add_string(text, "allow env        ");
		do {
			const char *name = items[at].subject;

			text_add_byte(text, ' ');
			learn_word_put(text, name);
			for (; at < count && items[at].action == ACTION_ENV &&
			       !strcmp(items[at].subject, name);
			     at++)
				if (items[at].count > sessions)
					sessions = items[at].count;
		} while (at < count && items[at].action == ACTION_ENV &&
			 text->length - start + strlen(items[at].subject) <
				 LINE_OF_NAMES);
		add_comment(learning, start, sessions, noun(ACTION_ENV), NULL,
			    false, NULL);
	}
	return at;
}

/* Do both give the same rule? */
static bool same_plain(struct learning *learning, const struct learn_item *a,
		       const struct learn_item *b)
{
	const char *one, *other;

	if (strcmp(a->subject, b->subject) == 0)
		return true;
	if (strncmp(a->subject, "unix:/", 6) != 0 ||
	    strncmp(b->subject, "unix:/", 6) != 0)
		return false;
	one = learn_path_pattern(learning->input, &learning->arena,
				 a->subject + 5);
	other = learn_path_pattern(learning->input, &learning->arena,
				   b->subject + 5);
	return one && other && strcmp(one, other) == 0;
}

/* Sorted items that give one rule each group. */
static void add_groups(struct learning *learning,
		       const struct learn_item *items, size_t count)
{
	for (size_t i = 0; i < count;) {
		const struct learn_item *item = &items[i];
		bool exec = item->action == ACTION_EXEC, programs = false;
		bool nameable = true;
		uint64_t sum = 0;
		size_t next = i;

		if (item->action == ACTION_ENV) {
			i += add_variables(learning, item, count - i);
			continue;
		}

		while (next < count && items[next].action == item->action &&
		       (exec ? same_program(item, &items[next])
			     : same_plain(learning, item, &items[next]))) {
			programs |= compare_strings(item->program,
						    items[next].program) != 0;
			nameable &= items[next].nameable;
			sum += items[next++].count;
		}
		if (exec)
			add_exec(learning, item, sum, programs);
		else
			add_plain(learning, item, sum, programs, nameable);
		i = next;
	}
}

/* ----------------------------------------------------------------- files -- */

static int compare_leaves(const void *left, const void *right)
{
	const struct leaf *a = left, *b = right;

	return strcmp(a->pattern, b->pattern);
}

static int add_leaf(struct learning *learning, const struct learn_item *item)
{
	struct leaf leaf = {
		.sample = item->subject,
		.program = item->program,
		.nameable = item->nameable,
	};

	leaf.pattern = learn_path_pattern(learning->input, &learning->arena,
					  item->subject);
	if (!leaf.pattern)
		return -ENOMEM;
	leaf.write = item->action == ACTION_WRITE;
	leaf.read = !leaf.write;
	*(leaf.write ? &leaf.writes : &leaf.reads) = item->count;
	return array_add(learning->leaves, learning->leaf_count,
			 learning->leaf_capacity, leaf);
}

static void join(struct leaf *into, const struct leaf *other)
{
	into->read |= other->read;
	into->write |= other->write;
	into->reads += other->reads;
	into->writes += other->writes;
	into->nameable &= other->nameable;
	into->programs |= other->programs ||
			  compare_strings(into->program, other->program) != 0;
}

/* Leaves of one pattern become one. */
static void merge_leaves(struct learning *learning)
{
	size_t kept = 0;

	qsort(learning->leaves, learning->leaf_count, sizeof(struct leaf),
	      compare_leaves);
	for (size_t i = 0; i < learning->leaf_count; i++) {
		struct leaf *leaf = &learning->leaves[i];

		if (kept &&
		    !strcmp(learning->leaves[kept - 1].pattern, leaf->pattern))
			join(&learning->leaves[kept - 1], leaf);
		else
			learning->leaves[kept++] = *leaf;
	}
	learning->leaf_count = kept;
}

static void add_files(struct learning *learning, const struct leaf *leaf,
		      size_t length, bool tree)
{
	struct text *text = learning->text;
	size_t start = text->length;
	const char *action = leaf->read && leaf->write ? "read,write"
			     : leaf->write	       ? "write"
						       : "read";

	text_format(text, "allow %-11s ", action);
	learn_pattern_put(text, learning->input, leaf->pattern, length, tree);
	add_by(learning, leaf->program, leaf->programs, leaf->nameable);
	add_comment(learning, start, leaf->reads + leaf->writes,
		    leaf->read && leaf->write ? "use"
		    : leaf->write	      ? "write"
					      : "read",
		    leaf->program, leaf->programs,
		    tree || strchr(leaf->pattern, LEARN_STAR) ? leaf->sample
							      : NULL);
}

/* The end of the component that follows the prefix. */
static size_t component_end(const char *path, size_t prefix)
{
	const char *slash = strchr(path + prefix + 1, '/');

	return slash ? (size_t)(slash - path) : strlen(path);
}

/* How many different names stand right below the prefix? */
static size_t children(const struct leaf *leaves, size_t count, size_t prefix)
{
	size_t found = 0, end = 0;
	const char *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *path = leaves[i].pattern;

		if (!path[prefix])
			continue;
		if (last && !strncmp(last, path, end) &&
		    (path[end] == '/' || !path[end]))
			continue;
		last = path;
		end = component_end(path, prefix);
		found++;
	}
	return found;
}

static void add_tree(struct learning *learning, const struct leaf *leaves,
		     size_t count, size_t prefix)
{
	struct leaf whole = leaves[0];

	for (size_t i = 1; i < count; i++)
		join(&whole, &leaves[i]);
	add_files(learning, &whole, prefix, true);
}

/* The rules for sorted leaves that have the first `prefix` bytes in common. */
static void add_below(struct learning *learning, const struct leaf *leaves,
		      size_t count, size_t prefix)
{
	bool write = false;

	for (size_t i = 0; i < count; i++)
		write |= leaves[i].write;
	if (prefix && count > 1 && children(leaves, count, prefix) >= FEW &&
	    learn_path_may_open(learning->input, leaves[0].sample,
				leaves[0].pattern, prefix, write)) {
		add_tree(learning, leaves, count, prefix);
		return;
	}
	for (size_t i = 0; i < count;) {
		size_t end, next = i + 1;

		if (!leaves[i].pattern[prefix] ||
		    !strcmp(leaves[i].pattern + prefix, "/")) {
			add_files(learning, &leaves[i],
				  strlen(leaves[i].pattern), false);
			i++;
			continue;
		}
		end = component_end(leaves[i].pattern, prefix);
		while (next < count &&
		       !strncmp(leaves[i].pattern, leaves[next].pattern, end) &&
		       (leaves[next].pattern[end] == '/' ||
			!leaves[next].pattern[end]))
			next++;
		add_below(learning, leaves + i, next - i, end);
		i = next;
	}
}

/* `a/b` sorts before `a-b`, so that what is below a directory is together. */
static int compare_paths(const void *left, const void *right)
{
	const unsigned char *a =
		(const void *)((const struct leaf *)left)->pattern;
	const unsigned char *b =
		(const void *)((const struct leaf *)right)->pattern;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (*a == '/' ? 1
		: *a	  ? *a + 1
			  : 0) -
	       (*b == '/' ? 1
		: *b	  ? *b + 1
			  : 0);
}

int learn_rules(const struct learn_input *input, struct learn_item *items,
		size_t count, struct text *text)
{
	struct learning learning = {.input = input, .text = text};
	size_t files = 0;
	int error = 0;

	if (count)
		qsort(items, count, sizeof(*items), compare_items);
	while (files < count && items[files].action <= ACTION_WRITE && !error)
		error = add_leaf(&learning, &items[files++]);
	if (!error && learning.leaf_count) {
		merge_leaves(&learning);
		qsort(learning.leaves, learning.leaf_count, sizeof(struct leaf),
		      compare_paths);
		add_below(&learning, learning.leaves, learning.leaf_count, 0);
	}
	if (!error)
		add_groups(&learning, items + files, count - files);
	free(learning.leaves);
	arena_clear(&learning.arena);
	return error ? error : text->failed ? -ENOMEM : learning.rules;
}
