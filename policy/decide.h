/*
 * How a decision is made from what matches. Internal to the engine.
 */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "policy/endpoint.h"
#include "policy/matcher.h"

enum { NO_BRANCH = UINT32_MAX };

/** One question being answered; the program is asked for at most once. */
struct asking {
	const struct policy *policy;
	const struct policy_query *query;
	const struct policy_program *program;
	bool program_known;
};

/** Does all beside the subject hold that the rule wants? */
bool rule_holds(struct asking *asking, const struct policy_rule *rule);

/** Does the rule's `by` or `under` name this program? */
bool rule_names(const struct policy *policy, const struct policy_rule *rule,
		const struct policy_program *program);

/** Can the rule lift the other, which stands before it? */
bool branch_lifts(const struct policy *policy, const struct branch *granting,
		  uint32_t rule);

/** The next branch of all, in order, or NO_BRANCH; its source beside it. */
uint32_t matches_next(struct matches *matches, const struct match **source);

/** All matches, not only those that a decision needs to look at. */
void matches_widen(struct matches *matches);

/** The branch that decides, or NO_BRANCH. Uses the matches up. */
uint32_t matches_decide(struct asking *asking, struct matches *matches);

/** Does this branch count: by its name, if it is to be tried, its rule? */
bool match_counts(struct asking *asking, const struct match *source,
		  uint32_t branch);

/** Room for the longest subject that is not the query's own text. */
enum { HTTP_SUBJECT = 16 * 1024 };
struct subject_room {
	struct endpoint_subject endpoints[3];
	uint8_t http[3][HTTP_SUBJECT];
};

/**
 * Find all that matches a query's subject, for an action (the query's, or
 * ACTION_READ for what governs it). Returns false where the question cannot be
 * put: it is to be refused.
 */
bool query_find(const struct policy *policy, const struct policy_query *query,
		enum action action, struct subject_room *room,
		struct matches *matches);

/**
 * Is everything below the directory allowed, as far as the rules go that match
 * all of it? Others may say otherwise for parts.
 */
bool policy_covers_below(const struct policy *policy, enum action action,
			 const char *directory);

/** Is the subject of the query a file, so that `read` governs it? */
bool query_is_file(const struct policy_query *query);

#endif
