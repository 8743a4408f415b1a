#include "policy/expand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/names.h"
#include "policy/scope.h"

const struct variable *variables_find(const struct variables *variables,
				      const char *name)
{
	for (size_t i = 0; i < variables->count; i++)
		if (strcmp(variables->items[i].name, name) == 0)
			return &variables->items[i];
	return NULL;
}

int variables_set(struct variables *variables, const char *name,
		  const char *value, bool built_in)
{
	struct variable variable = {name, value, built_in};

	for (size_t i = 0; i < variables->count; i++) {
		if (strcmp(variables->items[i].name, name) == 0) {
			variables->items[i] = variable;
			return 0;
		}
	}
	return array_add(variables->items, variables->count,
			 variables->capacity, variable);
}

void variables_free(struct variables *variables)
{
	free(variables->items);
	variables->items = NULL;
	variables->count = variables->capacity = 0;
}

struct expanding {
	const struct variables *variables;
	struct policy_diagnostics *diagnostics;
	const struct word *word;
	symbol *items;
	size_t count, capacity;
	bool unset;
};

static int add_value(struct expanding *expanding, const char *value)
{
	int error = 0;

	if (!value) {
		expanding->unset = true;
		return 0;
	}
	for (; *value && !error; value++)
		error = array_add(
			expanding->items, expanding->count, expanding->capacity,
			(symbol)((unsigned char)*value | SYMBOL_LITERAL));
	return error;
}

static int unknown_variable(struct expanding *expanding, const char *name)
{
	const struct variables *variables = expanding->variables;
	auto_free const char **names =
		calloc(variables->count + 1, sizeof(*names));
	const char *nearest;
	char hint[64];

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < variables->count; i++)
		names[i] = variables->items[i].name;
	nearest = nearest_word(names, name, strlen(name));
	if (nearest && strlen(nearest) < 32)
		snprintf(hint, sizeof(hint), "did you mean '${%s}'?", nearest);
	else
		snprintf(hint, sizeof(hint), "`set NAME VALUE` makes one");
	diagnostics_error(expanding->diagnostics, &expanding->word->place, hint,
			  "there is no variable '%s'", name);
	return -EINVAL;
}

/** Expand the `${name}` at `at`; sets where it ends. */
static int expand_variable(struct expanding *expanding, size_t at, size_t *end)
{
	const struct symbols symbols = expanding->word->symbols;
	const struct variable *variable;
	struct symbols inside;
	size_t close = at + 2;
	char *name;

	while (close < symbols.count && symbols.items[close] != '}')
		close++;
	if (close >= symbols.count) {
		diagnostics_error(expanding->diagnostics,
				  &expanding->word->place, NULL,
				  "a `${` that is not closed");
		return -EINVAL;
	}
	inside = (struct symbols){symbols.items + at + 2, close - at - 2};
	name = symbols_string(expanding->variables->arena, inside);
	if (!name)
		return -ENOMEM;
	*end = close + 1;
	variable = variables_find(expanding->variables, name);
	if (!variable)
		return unknown_variable(expanding, name);
	return add_value(expanding, variable->value);
}

static int expand_home(struct expanding *expanding, size_t from)
{
	const struct symbols symbols = expanding->word->symbols;
	const struct variable *home;

	if (from + 1 < symbols.count &&
	    (symbols.items[from + 1] & 0xff) != '/') {
		diagnostics_error(expanding->diagnostics,
				  &expanding->word->place,
				  "write the path of another user's home",
				  "`~` is the user's own home, and a whole "
				  "component");
		return -EINVAL;
	}
	home = variables_find(expanding->variables, "home");
	return add_value(expanding, home ? home->value : NULL);
}

int expand_word(const struct variables *variables,
		struct policy_diagnostics *diagnostics, const struct word *word,
		size_t from, struct symbols *expanded)
{
	struct expanding expanding = {
		.variables = variables,
		.diagnostics = diagnostics,
		.word = word,
	};
	const struct symbols symbols = word->symbols;
	symbol *kept = NULL;
	int error = 0;
	size_t at = from;

	if (at < symbols.count && symbols.items[at] == '~') {
		error = expand_home(&expanding, at);
		at++;
	}
	while (!error && at < symbols.count) {
		if (symbols.items[at] == '$' && at + 1 < symbols.count &&
		    symbols.items[at + 1] == '{')
			error = expand_variable(&expanding, at, &at);
		else
			error = array_add(expanding.items, expanding.count,
					  expanding.capacity,
					  symbols.items[at++]);
	}
	if (!error) {
		kept = arena_alloc(variables->arena,
				   (expanding.count + 1) * sizeof(*kept));
		if (!kept)
			error = -ENOMEM;
		else if (expanding.count)
			memcpy(kept, expanding.items,
			       expanding.count * sizeof(*kept));
	}
	free(expanding.items);
	*expanded = (struct symbols){kept, expanding.count};
	if (error)
		return error;
	return expanding.unset ? EXPANDED_UNSET : EXPANDED;
}
