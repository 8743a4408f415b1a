/*
 * What the kernel's fence may cover: asked of the compiled rules.
 *
 * Theory of operation. In a tree of which every part is covered by a plain
 * `allow`, only a rule that says otherwise can change a decision; another plain
 * `allow` cannot (policy/decide.c). So it is enough to look at those rules'
 * patterns, one by one, and ask where they lead from the tree's name on:
 * nowhere; to names that stand in a certain place below; or, where the pattern
 * goes on with `**` and a name, to that name at any depth: it floats. Of a
 * floating pattern the first name decides: below a tree in which no name is
 * like it, the pattern matches nothing.
 *
 * All of it errs on the side of less.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/fence.h"

/** Of a floating line: `SKIP / *` and then `/` and the first name. */
enum { FLOAT_NAME = 4 };

static bool says_otherwise(const struct policy_rule *rule)
{
	return rule->verdict != VERDICT_ALLOW || rule->log;
}

static bool hides(const struct policy_rule *rule)
{
	return rule->verdict == VERDICT_HIDE || rule->verdict == VERDICT_FAKE;
}

/** Can the branch make a decision about this action other than allow? What
 * `read` hides or fakes is so for every action. */
static bool counts(const struct policy *policy, const struct branch *branch,
		   enum action action)
{
	const struct policy_rule *rule = &policy->rules[branch->rule];

	if (branch->space != SPACE_PATH || !says_otherwise(rule))
		return false;
	return branch->action == action ||
	       (branch->action == ACTION_READ && hides(rule));
}

int policy_find_otherwise(struct policy *policy)
{
	static const enum action actions[2] = {ACTION_READ, ACTION_WRITE};

	for (size_t i = 0; i < 2; i++) {
		const struct branch **list =
			arena_alloc(&policy->arena,
				    policy->branch_count * sizeof(*list) + 1);
		size_t count = 0;

		if (!list)
			return -ENOMEM;
		for (size_t j = 0; j < policy->branch_count; j++)
			if (counts(policy, &policy->branches[j], actions[i]))
				list[count++] = &policy->branches[j];
		policy->otherwise[i] = list;
		policy->otherwise_count[i] = count;
	}
	return 0;
}

/** Those of read, or of write. */
static const struct branch **otherwise(const struct policy *policy,
				       enum action action, size_t *count)
{
	size_t which = action == ACTION_WRITE;

	*count = policy->otherwise_count[which];
	return policy->otherwise[which];
}

static bool floats(const struct line *line)
{
	return line->shape == SHAPE_TAIL &&
	       element_kind(line->tail[0]) == ELEMENT_SKIP;
}

/** Is the path, of this length, the directory or below it? */
static bool lies_in(const char *path, size_t length, const char *directory,
		    size_t directory_length)
{
	return length >= directory_length &&
	       memcmp(path, directory, directory_length) == 0 &&
	       (length == directory_length || path[directory_length] == '/');
}

/* ------------------------------------------------------ the first name -- */

/** The elements of a floating line's first name; 0 of them: any name. */
static size_t float_name(const struct line *line, const element **name)
{
	size_t at = FLOAT_NAME;

	if (line->tail_length <= FLOAT_NAME ||
	    line->tail[FLOAT_NAME - 1] != element_make(ELEMENT_BYTE, '/'))
		return 0;
	*name = line->tail + FLOAT_NAME;
	while (at < line->tail_length &&
	       element_kind(line->tail[at]) != ELEMENT_SKIP &&
	       line->tail[at] != element_make(ELEMENT_BYTE, '/'))
		at++;
	return at - FLOAT_NAME;
}

static bool element_takes(const struct policy *policy, element e, uint8_t byte)
{
	uint32_t argument = element_argument(e);

	return element_kind(e) == ELEMENT_BYTE
		       ? argument == byte
		       : byte_set_has(&policy->sets.items[argument], byte);
}

/** As a glob: after a star that fails, it takes one byte more. */
static bool name_matches(const struct policy *policy, const element *elements,
			 size_t count, const char *name, size_t length)
{
	size_t at = 0, i = 0, star = SIZE_MAX, star_i = 0;

	while (i < length) {
		if (at < count && element_kind(elements[at]) == ELEMENT_STAR) {
			star = at++;
			star_i = i;
		} else if (at < count && element_takes(policy, elements[at],
						       (uint8_t)name[i])) {
			at++;
			i++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (at < count && element_kind(elements[at]) == ELEMENT_STAR)
		at++;
	return at == count;
}

static bool branch_touches(const struct policy *policy,
			   const struct branch *branch, const char *name,
			   size_t length)
{
	const element *elements;
	size_t count = float_name(&branch->line, &elements);

	return count == 0 ||
	       name_matches(policy, elements, count, name, length);
}

/** Is a name of the directory's own, below the pattern's start, like the first
 * one? Then more of the pattern may be in its place already. */
static bool within_float(const struct policy *policy,
			 const struct branch *branch, const char *directory,
			 size_t length)
{
	size_t at = branch->line.prefix_length;

	while (at < length) {
		size_t end = at + 1;

		while (end < length && directory[end] != '/')
			end++;
		if (branch_touches(policy, branch, directory + at + 1,
				   end - at - 1))
			return true;
		at = end;
	}
	return false;
}

/* ------------------------------------------------------------- the query -- */

static enum policy_fence where_float(const struct policy *policy,
				     const struct branch *branch,
				     const char *directory, size_t length)
{
	const struct line *line = &branch->line;
	const char *start = (const char *)line->prefix;

	if (lies_in(start, line->prefix_length, directory, length))
		return FENCE_FLOATS;
	if (!lies_in(directory, length, start, line->prefix_length))
		return FENCE_WHOLE;
	return within_float(policy, branch, directory, length) ? FENCE_OTHER
							       : FENCE_FLOATS;
}

/** Where a pattern leads from a directory on. `length` is 0 for `/`. */
static enum policy_fence where_leads(const struct policy *policy,
				     const struct branch *branch,
				     const char *directory, size_t length)
{
	const struct line *line = &branch->line;
	struct line_run run;

	if (floats(line))
		return where_float(policy, branch, directory, length);
	if (line->prefix_length > length)
		return memcmp(line->prefix, directory, length) == 0 &&
				       line->prefix[length] == '/'
			       ? FENCE_PARTS
			       : FENCE_WHOLE;
	if (line->shape != SHAPE_TAIL)
		/* The directory itself, or all that is in it: those are
		 * decided about as the directory is. */
		return FENCE_WHOLE;
	if (memcmp(line->prefix, directory, line->prefix_length) != 0)
		return FENCE_WHOLE;
	line_run_start(&run, &policy->sets, line);
	return line_run_feed(&run, (const uint8_t *)directory, length) &&
			       line_run_feed(&run, (const uint8_t *)"/", 1)
		       ? FENCE_PARTS
		       : FENCE_WHOLE;
}

bool policy_fence_exact(const struct policy *policy, enum action action,
			const char *path)
{
	/* Now and for ever: before all times that `until` names, and after. */
	static const time_t times[] = {0, INT64_MAX};
	struct policy_query query = {
		.action = action,
		.text = path,
		.length = strlen(path),
	};
	struct policy_decision decision;

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		query.now = times[i];
		policy_decide(policy, &query, &decision);
		if (decision.verdict != VERDICT_ALLOW || decision.log)
			return false;
	}
	return !policy_depends_on_program(policy, &query);
}

bool policy_fence_hides(const struct policy *policy, const char *path)
{
	size_t length = strlen(path), count;
	const struct branch **branches = otherwise(policy, ACTION_READ, &count);
	bool hidden = false;

	for (size_t i = 0; i < count && !hidden; i++)
		hidden = policy->rules[branches[i]->rule].verdict ==
				 VERDICT_HIDE &&
			 line_matches(&policy->sets, &branches[i]->line,
				      (const uint8_t *)path, length);
	return hidden && !policy_fence_exact(policy, ACTION_READ, path);
}

enum policy_fence policy_fence(const struct policy *policy, enum action action,
			       const char *directory,
			       const struct policy_rule **why)
{
	size_t length = directory[1] ? strlen(directory) : 0;
	enum policy_fence found = FENCE_WHOLE;
	const struct branch **branches;
	size_t count;

	*why = NULL;
	if (directory[0] != '/' ||
	    !policy_covers_below(policy, action, directory))
		return FENCE_OTHER;
	if (!policy_fence_exact(policy, action, directory))
		found = FENCE_PARTS;
	branches = otherwise(policy, action, &count);
	for (size_t i = 0; i < count; i++) {
		enum policy_fence here =
			where_leads(policy, branches[i], directory, length);

		if (here < found) {
			found = here;
			*why = &policy->rules[branches[i]->rule];
		}
	}
	return found;
}

bool policy_fence_floats_from(const struct policy *policy, enum action action,
			      const char *directory, size_t place)
{
	const struct branch **branches;
	size_t count;

	branches = otherwise(policy, action, &count);
	for (size_t i = 0; i < count; i++) {
		const struct line *line = &branches[i]->line;

		if (floats(line) &&
		    lies_in((const char *)line->prefix, line->prefix_length,
			    directory, place) &&
		    where_float(policy, branches[i], directory,
				strlen(directory)) != FENCE_WHOLE)
			return true;
	}
	return false;
}

/** Might a socket in the tree be one that the branch lets be connected to? Errs
 * on the side of true. */
static bool opens_sockets(const struct branch *branch, const char *directory,
			  size_t length)
{
	const struct line *line = &branch->line;
	size_t shared =
		line->prefix_length < length ? line->prefix_length : length;

	return branch->action == ACTION_CONNECT &&
	       branch->space == SPACE_UNIX && branch->granting &&
	       memcmp(line->prefix, directory, shared) == 0;
}

bool policy_fence_makes(const struct policy *policy, const char *directory)
{
	size_t length = directory[1] ? strlen(directory) : 0;

	for (size_t i = 0; i < policy->branch_count; i++) {
		const struct branch *branch = &policy->branches[i];

		if (opens_sockets(branch, directory, length))
			return false;
		if (branch->action == ACTION_WRITE &&
		    counts(policy, branch, ACTION_WRITE) &&
		    where_leads(policy, branch, directory, length) !=
			    FENCE_WHOLE)
			return false;
	}
	return true;
}

bool policy_fence_apart(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if ((rule->by || rule->under) &&
		    (rule->verdict == VERDICT_ALLOW ||
		     rule->verdict == VERDICT_ASK))
			return true;
	}
	return false;
}

void policy_fence_roots(const struct policy *policy, enum action action,
			bool (*visit)(void *context, const char *path,
				      bool tree),
			void *context)
{
	char path[LINE_MOST + 2];

	for (size_t i = 0; i < policy->branch_count; i++) {
		const struct branch *branch = &policy->branches[i];
		const struct policy_rule *rule = &policy->rules[branch->rule];
		const struct line *line = &branch->line;

		if (branch->action != action || branch->space != SPACE_PATH ||
		    says_otherwise(rule) || branch->conditional ||
		    line->shape == SHAPE_TAIL ||
		    line->prefix_length > LINE_MOST)
			continue;
		memcpy(path, line->prefix, line->prefix_length);
		path[line->prefix_length] = '\0';
		if (line->prefix_length == 0)
			strcpy(path, "/");
		if (!visit(context, path, line->shape == SHAPE_WHOLE))
			return;
	}
}

/* -------------------------------------------------------------- the names --
 */

/** Which names float in a tree; by their first and last bytes most others are
 * told apart at once. */
struct policy_fence_names {
	const struct policy *policy;
	struct byte_set first, last;
	size_t count;
	const struct branch *branches[];
};

static void set_of(const struct policy *policy, element e,
		   struct byte_set *bytes)
{
	if (element_kind(e) == ELEMENT_BYTE)
		byte_set_add(bytes, element_argument(e));
	else if (element_kind(e) == ELEMENT_SET)
		for (unsigned i = 0; i < 4; i++)
			bytes->bits[i] |=
				policy->sets.items[element_argument(e)].bits[i];
}

static void names_add(struct policy_fence_names *names,
		      const struct branch *branch)
{
	static const struct byte_set all = {
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	const element *elements;
	size_t count = float_name(&branch->line, &elements);

	names->branches[names->count++] = branch;
	if (count && element_kind(elements[0]) != ELEMENT_STAR)
		set_of(names->policy, elements[0], &names->first);
	else if (count && element_kind(elements[count - 1]) != ELEMENT_STAR)
		set_of(names->policy, elements[count - 1], &names->last);
	else
		names->first = all;
}

struct policy_fence_names *policy_fence_names(const struct policy *policy,
					      enum action action,
					      const char *directory)
{
	size_t length = directory[1] ? strlen(directory) : 0, count;
	const struct branch **branches = otherwise(policy, action, &count);
	struct policy_fence_names *names = calloc(
		1, sizeof(*names) + count * sizeof(const struct branch *));

	if (!names)
		return NULL;
	names->policy = policy;
	for (size_t i = 0; i < count; i++)
		if (floats(&branches[i]->line) &&
		    where_float(policy, branches[i], directory, length) !=
			    FENCE_WHOLE)
			names_add(names, branches[i]);
	return names;
}

bool policy_fence_name(const struct policy_fence_names *names, const char *name)
{
	size_t length = strlen(name);

	if (length == 0 ||
	    (!byte_set_has(&names->first, (uint8_t)name[0]) &&
	     !byte_set_has(&names->last, (uint8_t)name[length - 1])))
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (branch_touches(names->policy, names->branches[i], name,
				   length))
			return true;
	return false;
}

/* --------------------------------------------------------- the components --
 */

/** A component being put together; `named`: it holds more than wildcards. */
struct component {
	char text[256];
	size_t length;
	bool named, full;
};

static void component_add(struct component *component, char byte, bool named)
{
	if (component->length + 1 >= sizeof(component->text)) {
		component->full = true;
		return;
	}
	component->text[component->length++] = byte;
	component->text[component->length] = '\0';
	component->named = component->named || named;
}

/** Take an element into the component; a slash begins another, and the last one
 * that is named stays in `last`. */
static void component_take(struct component *now, struct component *last,
			   element e)
{
	if (e == element_make(ELEMENT_BYTE, '/')) {
		if (now->named)
			*last = *now;
		*now = (struct component){0};
	} else if (element_kind(e) == ELEMENT_BYTE) {
		/* As a wildcard, where the byte could be read as one. */
		char byte = (char)element_argument(e);

		component_add(now, byte == '*' || byte == '[' ? '?' : byte,
			      true);
	} else if (element_kind(e) != ELEMENT_SKIP) {
		component_add(now, element_kind(e) == ELEMENT_STAR ? '*' : '?',
			      false);
	}
}

/** The last component of a line that is more than wildcards. */
static void last_component(const struct line *line, struct component *last)
{
	struct component now = {0};

	*last = now;
	for (size_t i = 0; i < line->prefix_length; i++)
		component_take(&now, last,
			       element_make(ELEMENT_BYTE, line->prefix[i]));
	for (size_t i = 0; line->shape == SHAPE_TAIL && i < line->tail_length;
	     i++)
		component_take(&now, last, line->tail[i]);
	if (now.named)
		*last = now;
}

static void first_of_float(const struct line *line, struct component *first)
{
	const element *name;
	size_t count = float_name(line, &name);
	struct component none;

	*first = (struct component){0};
	for (size_t i = 0; i < count; i++)
		component_take(first, &none, name[i]);
}

void policy_fence_components(const struct policy *policy,
			     bool (*visit)(void *context, const char *pattern,
					   bool floats),
			     void *context)
{
	for (size_t i = 0; i < policy->branch_count; i++) {
		const struct branch *branch = &policy->branches[i];
		const struct policy_rule *rule = &policy->rules[branch->rule];
		bool floating = floats(&branch->line);
		struct component component;

		if (branch->action != ACTION_READ ||
		    !counts(policy, branch, ACTION_READ))
			continue;
		if (floating)
			first_of_float(&branch->line, &component);
		else if (hides(rule))
			last_component(&branch->line, &component);
		else
			continue;
		if (component.full || component.length == 0)
			strcpy(component.text, "*");
		if (!visit(context, component.text, floating))
			return;
	}
}
