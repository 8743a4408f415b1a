#include "policy/decide.h"

#include <netinet/in.h>
#include <string.h>

/* ---------------------------------------------------------- the matches -- */

uint32_t matches_next(struct matches *matches, const struct match **source)
{
	struct match *first = NULL;

	for (size_t i = 0; i < matches->count; i++) {
		struct match *match = &matches->items[i];

		if (match->next != match->end &&
		    (!first || *match->next < *first->next))
			first = match;
	}
	if (!first)
		return NO_BRANCH;
	*source = first;
	return *first->next++;
}

bool branch_lifts(const struct policy *policy, const struct branch *granting,
		  uint32_t rule)
{
	const struct policy_rule *by = &policy->rules[granting->rule];
	uint32_t low = 0, high = granting->lift_count;

	if (by->override || by->layer == policy->rules[rule].layer)
		return true;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (granting->lifts[middle] < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low < granting->lift_count && granting->lifts[low] == rule;
}

bool match_counts(struct asking *asking, const struct match *source,
		  uint32_t index)
{
	const struct policy *policy = asking->policy;
	const struct branch *branch = &policy->branches[index];

	if (source->refusing_only && !branch->refusing)
		return false;
	if (!source->list && !line_matches(&policy->sets, &branch->line,
					   source->subject, source->length))
		return false;
	return !branch->conditional ||
	       rule_holds(asking, &policy->rules[branch->rule]);
}

/**
 * What refuses and was not lifted, while the rules are gone through. There is
 * room for more than any policy that is meant has; should it not be enough,
 * what does not fit can no longer be lifted.
 */
enum { MOST_UNLIFTED = 64 };
struct unlifted {
	uint32_t stuck; /**< a branch, or NO_BRANCH */
	size_t count;
	uint32_t items[MOST_UNLIFTED]; /**< branches, ascending */
};

static void unlifted_add(struct unlifted *unlifted, uint32_t branch)
{
	if (unlifted->count == MOST_UNLIFTED)
		unlifted->stuck = branch;
	else
		unlifted->items[unlifted->count++] = branch;
}

/** Take out what a granting branch lifts; returns the last that stays. */
static uint32_t unlifted_lift(struct unlifted *unlifted,
			      const struct policy *policy,
			      const struct branch *granting)
{
	size_t kept = 0;
	uint32_t last = unlifted->stuck;

	for (size_t i = 0; i < unlifted->count; i++) {
		uint32_t item = unlifted->items[i];

		if (!branch_lifts(policy, granting,
				  policy->branches[item].rule))
			unlifted->items[kept++] = item;
	}
	unlifted->count = kept;
	if (kept && (last == NO_BRANCH || unlifted->items[kept - 1] > last))
		last = unlifted->items[kept - 1];
	return last;
}

uint32_t matches_decide(struct asking *asking, struct matches *matches)
{
	const struct policy *policy = asking->policy;
	struct unlifted unlifted = {.stuck = NO_BRANCH};
	uint32_t winner = NO_BRANCH, index;
	const struct match *source;

	while ((index = matches_next(matches, &source)) != NO_BRANCH) {
		const struct branch *branch = &policy->branches[index];

		if (!match_counts(asking, source, index))
			continue;
		winner = index;
		if (!branch->granting) {
			unlifted_add(&unlifted, index);
		} else if (unlifted.count || unlifted.stuck != NO_BRANCH) {
			uint32_t last =
				unlifted_lift(&unlifted, policy, branch);

			if (last != NO_BRANCH)
				winner = last;
		}
		if (winner == index && policy->rules[branch->rule].final)
			break;
	}
	return winner;
}

/* ---------------------------------------------------------- the subject -- */

bool query_is_file(const struct policy_query *query)
{
	switch (query->action) {
	case ACTION_READ:
	case ACTION_WRITE:
	case ACTION_EXEC:
		return true;
	case ACTION_CONNECT:
	case ACTION_LISTEN:
		return query->endpoint &&
		       query->endpoint->kind == ENDPOINT_UNIX;
	default:
		return false;
	}
}

static void find(const struct policy *policy, enum action action,
		 enum space space, const void *subject, size_t length,
		 bool refusing_only, struct matches *matches)
{
	const struct matcher *matcher = policy->matchers[action][space];

	if (matcher)
		matcher_find(matcher, subject, length, refusing_only, matches);
}

/** A path; `/` alone is the empty subject, so that `/` joins as all others. */
static void find_path(const struct policy *policy, enum action action,
		      enum space space, const char *path, size_t length,
		      bool refusing_only, struct matches *matches)
{
	if (length == 0 || path[0] != '/')
		return;
	if (length == 1)
		length = 0;
	find(policy, action, space, path, length, refusing_only, matches);
}

static void find_file(const struct policy *policy,
		      const struct policy_query *query, enum action action,
		      enum space space, struct matches *matches)
{
	find_path(policy, action, space, query->text, query->length, false,
		  matches);
	for (size_t i = 0; i < query->via_count; i++)
		find_path(policy, action, space, query->via[i],
			  strlen(query->via[i]), true, matches);
	if (action == ACTION_EXEC && query->argc > 0) {
		const char *slash = strrchr(query->argv[0], '/');
		const char *name = slash ? slash + 1 : query->argv[0];

		find(policy, action, SPACE_ARGV0, name, strlen(name), true,
		     matches);
	}
}

static bool find_http(const struct policy *policy,
		      const struct policy_query *query,
		      struct subject_room *room, struct matches *matches)
{
	size_t method_length = query->method ? strlen(query->method) : 0;
	size_t count;

	if (method_length == 0)
		return false;
	count = endpoint_subjects(query->endpoint, ENDPOINT_AS_HTTP,
				  room->endpoints);
	for (size_t i = 0; i < count; i++) {
		const struct endpoint_subject *head = &room->endpoints[i];
		size_t length = head->length + method_length + 1;
		uint8_t *to = room->http[i];

		if (query->length > HTTP_SUBJECT ||
		    method_length > HTTP_SUBJECT / 2 ||
		    length + query->length > HTTP_SUBJECT)
			return false;
		memcpy(to, head->bytes, head->length);
		memcpy(to + head->length, query->method, method_length + 1);
		memcpy(to + length, query->text, query->length);
		find(policy, ACTION_HTTP, head->space, to,
		     length + query->length, false, matches);
	}
	return true;
}

static bool find_endpoint(const struct policy *policy,
			  const struct policy_query *query, enum action action,
			  struct subject_room *room, struct matches *matches)
{
	const struct policy_endpoint *endpoint = query->endpoint;
	size_t count;

	if (!endpoint)
		return false;
	if (action == ACTION_HTTP)
		return find_http(policy, query, room, matches);
	if (endpoint->kind == ENDPOINT_UNIX) {
		find_file(policy, query, action, SPACE_UNIX, matches);
		/* `self` is the session's own sockets of this kind, too: as a
		 * port that only `self` without ports means. */
		if (endpoint->own)
			find(policy, action, SPACE_TCP_SELF, "\0\0", 2, false,
			     matches);
		return true;
	}
	if (endpoint->kind == ENDPOINT_ABSTRACT) {
		find(policy, action, SPACE_ABSTRACT, query->text, query->length,
		     false, matches);
		return true;
	}
	count = endpoint_subjects(endpoint,
				  action == ACTION_CONNECT ? ENDPOINT_AS_CONNECT
							   : ENDPOINT_AS_LISTEN,
				  room->endpoints);
	for (size_t i = 0; i < count; i++)
		find(policy, action, room->endpoints[i].space,
		     room->endpoints[i].bytes, room->endpoints[i].length, false,
		     matches);
	return true;
}

bool query_find(const struct policy *policy, const struct policy_query *query,
		enum action action, struct subject_room *room,
		struct matches *matches)
{
	bool asked = true;

	matches->count = 0;
	matches->overflow = false;
	/* A NUL in the middle is no path and no name: nothing matches it. */
	if (query->length && memchr(query->text, '\0', query->length))
		return true;
	switch (action) {
	case ACTION_READ:
	case ACTION_WRITE:
	case ACTION_EXEC:
		find_file(policy, query, action, SPACE_PATH, matches);
		break;
	case ACTION_ENV:
		find(policy, action, SPACE_ENV, query->text, query->length,
		     false, matches);
		break;
	case ACTION_CONNECT:
	case ACTION_LISTEN:
	case ACTION_HTTP:
		asked = find_endpoint(policy, query, action, room, matches);
		break;
	default:
		return false;
	}
	return asked && !matches->overflow;
}

void matches_widen(struct matches *matches)
{
	size_t count = matches->count;

	for (size_t i = 0; i < count; i++) {
		struct match *match = &matches->items[i];
		const struct list *list = match->list;

		if (!list)
			continue;
		match->next = list->own;
		match->end = list->own + list->own_count;
		for (list = list->up; list; list = list->up) {
			struct match up = *match;

			if (matches->count == MOST_MATCHES) {
				matches->overflow = true;
				return;
			}
			up.list = list;
			up.next = list->own;
			up.end = list->own + list->own_count;
			matches->items[matches->count++] = up;
		}
	}
}

bool policy_http_rules(const struct policy *policy,
		       const struct policy_endpoint *endpoint, bool granting)
{
	struct endpoint_subject subjects[3];
	struct policy_endpoint tcp;
	size_t count;

	if (!policy->http_host_count || !endpoint)
		return false;
	tcp = *endpoint;
	tcp.kind = ENDPOINT_TCP;
	tcp.own = false;
	count = endpoint_subjects(&tcp, ENDPOINT_AS_CONNECT, subjects);
	for (size_t i = 0; i < policy->http_host_count; i++) {
		const struct http_host *host = &policy->http_hosts[i];

		for (size_t k = 0; k < count; k++)
			if (host->space == subjects[k].space &&
			    (host->granting || !granting) &&
			    line_matches(&policy->sets, &host->line,
					 subjects[k].bytes, subjects[k].length))
				return true;
	}
	return false;
}

/* --------------------------------------------------------- the decision -- */

static void decision_set(const struct policy *policy, uint32_t branch,
			 struct policy_decision *decision)
{
	const struct policy_rule *rule;

	*decision = (struct policy_decision){.verdict = VERDICT_ASK};
	if (branch == NO_BRANCH)
		return;
	rule = &policy->rules[policy->branches[branch].rule];
	decision->verdict = rule->verdict;
	decision->final = rule->final;
	decision->log = rule->log;
	decision->rule = rule;
	if (rule->verdict == VERDICT_FAKE)
		decision->fake = &rule->fake;
}

/** Decide for one action; false where the question cannot be put. */
static bool decide_action(struct asking *asking, enum action action,
			  struct subject_room *room,
			  struct policy_decision *decision)
{
	const struct policy *policy = asking->policy;
	struct matches matches;
	uint32_t branch;

	if (!query_find(policy, asking->query, action, room, &matches)) {
		*decision = (struct policy_decision){.verdict = VERDICT_DENY};
		return false;
	}
	if (matches.count == 1 && matches.items[0].list &&
	    !matches.items[0].refusing_only &&
	    matches.items[0].list->decided != LIST_OPEN)
		branch = matches.items[0].list->decided;
	else
		branch = matches_decide(asking, &matches);
	decision_set(policy, branch, decision);
	return true;
}

void policy_decide(const struct policy *policy,
		   const struct policy_query *query,
		   struct policy_decision *decision)
{
	struct asking asking = {.policy = policy, .query = query};
	struct subject_room room;

	if (query->action != ACTION_READ && query_is_file(query)) {
		bool asked =
			decide_action(&asking, ACTION_READ, &room, decision);

		decision->by_read = true;
		if (!asked || decision->verdict == VERDICT_HIDE ||
		    decision->verdict == VERDICT_FAKE)
			return;
	}
	if (decide_action(&asking, query->action, &room, decision) &&
	    !decision->rule && query->action == ACTION_HTTP &&
	    !policy_http_rules(policy, query->endpoint, true))
		decision->verdict = VERDICT_ALLOW;
}

static int permission(enum verdict verdict)
{
	return verdict == VERDICT_ALLOW	 ? 3
	       : verdict == VERDICT_ASK	 ? 2
	       : verdict == VERDICT_HIDE ? 1
					 : 0;
}

void policy_decide_any_port(const struct policy *policy,
			    const struct policy_query *query, bool udp,
			    struct policy_decision *decision)
{
	const int last = udp ? ENDPOINT_UDP : ENDPOINT_TCP;
	struct policy_endpoint endpoint = *query->endpoint;
	struct policy_query one = *query;
	struct policy_decision found;

	one.endpoint = &endpoint;
	endpoint.kind = ENDPOINT_TCP;
	endpoint.port = 0;
	policy_decide(policy, &one, decision);
	for (unsigned port = 0; port <= 65535; port++) {
		if (port % 8 == 0 && policy->edges.bits[port / 8] == 0) {
			port += 7;
			continue;
		}
		if (!(policy->edges.bits[port / 8] & 1u << port % 8))
			continue;
		endpoint.port = (uint16_t)port;
		for (int kind = ENDPOINT_TCP; kind <= last; kind++) {
			endpoint.kind = (enum policy_endpoint_kind)kind;
			policy_decide(policy, &one, &found);
			if (permission(found.verdict) >
			    permission(decision->verdict))
				*decision = found;
		}
		if (decision->verdict == VERDICT_ALLOW)
			return;
	}
}

/* ---------------------------------------------------------- explanation -- */

struct explaining {
	bool (*visit)(void *context, const struct policy_match *match);
	void *context;
	bool governed; /**< what `read` says decides, and this is not read */
	uint32_t winner;
	bool stopped;
};

static const char *why_beaten(const struct policy *policy,
			      const struct explaining *explaining,
			      uint32_t index)
{
	const struct branch *branch = &policy->branches[index];
	const struct branch *winner;

	if (explaining->governed)
		return "what `read` hides or fakes governs every action";
	if (explaining->winner == NO_BRANCH)
		return NULL;
	winner = &policy->branches[explaining->winner];
	if (index > explaining->winner) {
		if (policy->rules[winner->rule].final)
			return "an earlier rule is final";
		return "its pattern does not lie inside the earlier layer's "
		       "rule, and it does not say `override`";
	}
	if (!branch->granting && winner->granting)
		return "a later rule lifts it";
	return "a later rule decides";
}

static void explain_action(struct asking *asking, enum action action,
			   struct subject_room *room,
			   struct explaining *explaining)
{
	const struct policy *policy = asking->policy;
	uint32_t index, last_rule = UINT32_MAX;
	const struct match *source;
	struct matches matches;

	if (!query_find(policy, asking->query, action, room, &matches))
		return;
	matches_widen(&matches);
	while ((index = matches_next(&matches, &source)) != NO_BRANCH) {
		const struct branch *branch = &policy->branches[index];
		struct policy_match match;

		if (!match_counts(asking, source, index))
			continue;
		match = (struct policy_match){
			.rule = &policy->rules[branch->rule],
			.verdict = policy->rules[branch->rule].verdict,
			.decides = !explaining->governed &&
				   explaining->winner != NO_BRANCH &&
				   policy->branches[explaining->winner].rule ==
					   branch->rule,
		};
		if (branch->rule == last_rule)
			continue;
		last_rule = branch->rule;
		if (!match.decides)
			match.beaten_because =
				why_beaten(policy, explaining, index);
		if (!explaining->visit(explaining->context, &match)) {
			explaining->stopped = true;
			return;
		}
	}
}

static uint32_t winner_of(struct asking *asking, enum action action,
			  struct subject_room *room)
{
	struct matches matches;

	if (!query_find(asking->policy, asking->query, action, room, &matches))
		return NO_BRANCH;
	return matches_decide(asking, &matches);
}

void policy_explain(const struct policy *policy,
		    const struct policy_query *query,
		    bool (*visit)(void *context, const struct policy_match *),
		    void *context)
{
	struct asking asking = {.policy = policy, .query = query};
	struct explaining explaining = {.visit = visit, .context = context};
	struct policy_decision decision;
	struct subject_room room;

	policy_decide(policy, query, &decision);
	if (decision.by_read) {
		explaining.winner = winner_of(&asking, ACTION_READ, &room);
		explain_action(&asking, ACTION_READ, &room, &explaining);
		explaining.governed = true;
	}
	explaining.winner = winner_of(&asking, query->action, &room);
	if (!explaining.stopped)
		explain_action(&asking, query->action, &room, &explaining);
}
