/*
 * The patterns of the network: addresses of `connect` and `listen`, and the
 * requests of `http`.
 */
#include "policy/parse_walk.h"

#include <errno.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/text.h"

/* -------------------------------------------------------------- endpoints --
 */

static int take_endpoint(void *context, enum space space,
			 const struct elements *elements)
{
	struct pattern_walk *walk = context;

	return walk_elements(walk, space, elements);
}

/** What a host can mean here; says so where it means nothing. */
static bool host_makes_sense(struct pattern_walk *walk, enum host_form form)
{
	bool named = form == HOST_NAME || form == HOST_NAME_GLOB;

	if (walk->action == ACTION_LISTEN && (named || form == HOST_SELF)) {
		parse_error(walk->parser, walk->word,
			    "write an address, `localhost` or `*`",
			    "a program listens on an address");
		return false;
	}
	if (walk->rule->verdict == VERDICT_HIDE && !named && form != HOST_ANY) {
		parse_error(walk->parser, walk->word,
			    "write `deny` to refuse it",
			    "`hide` makes a name unknown; an address cannot be "
			    "absent");
		return false;
	}
	if (named)
		walk->rule->has_host_name = true;
	return true;
}

static bool starts_with(const struct word *word, const char *text, size_t *from)
{
	size_t length = strlen(text);

	if (word->symbols.count < length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (word->symbols.items[i] != (unsigned char)text[i])
			return false;
	*from = length;
	return true;
}

int walk_endpoint(struct pattern_walk *walk)
{
	enum endpoint_transport transport = TRANSPORT_TCP;
	struct policy *policy = walk->parser->policy;
	struct glob_problem problem;
	struct symbols expanded;
	enum host_form form = HOST_ANY;
	size_t from = 0;
	char *text;
	int result;

	if (starts_with(walk->word, "unix:@", &from)) {
		walk->kind = GLOB_NAME;
		walk->space = SPACE_ABSTRACT;
		return walk_word(walk, from);
	}
	if (starts_with(walk->word, "unix:", &from)) {
		walk->kind = GLOB_PATH;
		walk->space = SPACE_UNIX;
		walk->canonical = true;
		return walk_word(walk, from);
	}
	if (starts_with(walk->word, "udp:", &from))
		transport = TRANSPORT_UDP;
	result =
		expand_word(&walk->parser->variables, walk->parser->diagnostics,
			    walk->word, from, &expanded);
	if (result < 0)
		return result;
	if (result == EXPANDED_UNSET)
		return walk_unset(walk);
	text = symbols_string(&policy->arena, expanded);
	if (!text)
		return -ENOMEM;
	result = endpoint_lines(transport, text, NULL, &policy->sets, &form,
				&policy->edges, &problem, take_endpoint, walk);
	if (result == -EINVAL)
		return walk_report(walk, &problem);
	return result || host_makes_sense(walk, form) ? result : -EINVAL;
}

/* ------------------------------------------------------------------- http --
 */

/** A request's target while its methods and paths are gone through. */
struct http_walk {
	struct pattern_walk *walk;
	const char *host;
	const char *method; /**< NULL: any */
	size_t method_length;
};

static int take_http_host(void *context, enum space space,
			  const struct elements *elements)
{
	struct pattern_walk *walk = context;
	struct policy *policy = walk->parser->policy;
	enum verdict verdict = walk->rule->verdict;
	struct http_host host = {
		.space = space,
		.granting = verdict == VERDICT_ALLOW || verdict == VERDICT_ASK,
	};
	int error = line_from_elements(&policy->arena, elements, &host.line);

	return error ? error
		     : array_add(policy->http_hosts, policy->http_host_count,
				 policy->http_host_capacity, host);
}

static int take_http(void *context, struct symbols path)
{
	struct http_walk *http = context;
	struct pattern_walk *walk = http->walk;
	struct set_table *sets = &walk->parser->policy->sets;
	struct elements rest = {0};
	enum host_form form = HOST_ANY;
	struct glob_problem problem = {0};
	int error;

	if (http->method)
		error = elements_add_bytes(&rest, http->method,
					   http->method_length);
	else
		error = elements_add(&rest, ELEMENT_STAR, SET_ANY);
	if (!error)
		error = elements_add(&rest, ELEMENT_BYTE, 0);
	if (!error)
		error = glob_elements(GLOB_URL, path, sets, &rest, &problem);
	if (!error)
		error = endpoint_lines(TRANSPORT_HTTP, http->host, &rest, sets,
				       &form, &walk->parser->policy->edges,
				       &problem, take_endpoint, walk);
	if (!error)
		error = endpoint_lines(TRANSPORT_TCP, http->host, NULL, sets,
				       &form, &walk->parser->policy->edges,
				       &problem, take_http_host, walk);
	elements_free(&rest);
	if (error == -EINVAL && problem.message)
		walk_report(walk, &problem);
	if (form == HOST_NAME || form == HOST_NAME_GLOB)
		walk->rule->has_host_name = true;
	return error;
}

int walk_http(struct pattern_walk *walk, const struct word *methods)
{
	struct arena *arena = &walk->parser->policy->arena;
	struct http_walk http = {.walk = walk};
	struct symbols expanded, host;
	struct glob_problem problem;
	size_t slash = 0;
	const char *at;
	int result;

	result =
		expand_word(&walk->parser->variables, walk->parser->diagnostics,
			    walk->word, 0, &expanded);
	if (result < 0)
		return result;
	if (result == EXPANDED_UNSET)
		return walk_unset(walk);
	while (slash < expanded.count && (expanded.items[slash] & 0xff) != '/')
		slash++;
	if (slash == expanded.count || slash == 0) {
		parse_error(walk->parser, walk->word,
			    "`GET api.example.com/v1/**`; `/**` for all paths",
			    "a request is `METHOD HOST[:PORT]/PATH`");
		return -EINVAL;
	}
	host = (struct symbols){expanded.items, slash};
	http.host = symbols_string(arena, host);
	at = word_string(arena, methods);
	if (!http.host || !at)
		return -ENOMEM;
	expanded.items += slash;
	expanded.count -= slash;
	for (; !result && *at;
	     at += http.method_length + (at[http.method_length] == ',')) {
		http.method_length = strcspn(at, ",");
		http.method = strcmp(at, "*") == 0 ? NULL : at;
		result =
			glob_alternatives(expanded, &problem, take_http, &http);
		if (result == -EINVAL && problem.message)
			walk_report(walk, &problem);
	}
	return result;
}

bool walk_methods(struct parser *parser, const struct word *word)
{
	bool any = word_is(word, "*"), letter = false;

	for (size_t i = 0; i < word->symbols.count && !any; i++) {
		symbol s = word->symbols.items[i];

		if (s == ',' && letter)
			letter = false;
		else if ((s >= 'A' && s <= 'Z') || s == '-')
			letter = true;
		else
			break;
		if (i + 1 == word->symbols.count && letter)
			return true;
	}
	if (!any)
		parse_error(parser, word,
			    "such as GET, `GET,HEAD`, or `*` for all",
			    "this is no method of a request");
	return any;
}
