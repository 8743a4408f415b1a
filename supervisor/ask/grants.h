/*
 * Grants: rules that a person gave while a session ran, or gave for a project.
 *
 * They are a policy of their own, asked only where the session's policy says
 * `ask`: so no grant ever changes what another rule refuses, hides, fakes or
 * keeps with `never`, however wide it was written. A new one makes a new
 * policy, which takes the place of the old in one step; who decides takes no
 * lock. The old ones stay until the end, since a decision may still point into
 * them: as many as there were answers of a person, and no more than there is
 * room for (400 or so: a person gives few, but what answers may be a program).
 *
 * A project's grants are kept in projects/HASH/grants below the user's
 * configuration of interpose, never in the project.
 */
#ifndef SUPERVISOR_ASK_GRANTS_H
#define SUPERVISOR_ASK_GRANTS_H

#include <stdbool.h>

#include "policy/policy.h"

struct grants;

/**
 * The grants of the project that `input` (of the session's policy; it must
 * outlive them) is about. With `kept`, those that were kept before are read.
 * Returns 0 and grants for grants_free(), -EINVAL where the file has mistakes
 * (each is printed), or -errno.
 */
int grants_new(const struct policy_input *input, bool kept,
	       struct grants **grants);
void grants_free(struct grants *grants);

/**
 * policy_decide(), and the grants where that says `ask`. `grants` may be NULL.
 * Takes no lock, allocates nothing.
 */
void grants_decide(const struct grants *grants, const struct policy *policy,
		   const struct policy_query *query,
		   struct policy_decision *decision);

/** policy_decide_any_port(), likewise. */
void grants_decide_any_port(const struct grants *grants,
			    const struct policy *policy,
			    const struct policy_query *query, bool udp,
			    struct policy_decision *decision);

/** What is granted now, as a policy; NULL: nothing. */
const struct policy *grants_policy(const struct grants *grants);

/** What is asked about, in the words of `explain`: ACTION SUBJECT [ARG…]. */
struct grants_subject {
	enum action action;
	const char *subject;
	const char *const *arguments; /* exec: those after the program */
	size_t argument_count;
};

/** The narrowest rule that covers the subject: malloc()ed, or NULL where no
 * rule can say it. `verdict` is "allow" or "deny". */
char *grants_rule(const char *verdict, const struct grants_subject *subject);

/**
 * Grant a rule: for the session, and with `keep` for the project. It must be
 * one `allow` or `deny` that covers the subject. One thread at a time.
 *
 * Returns 0, or -errno with what is wrong, for the user, in `message`
 * (malloc()ed): -EINVAL with the engine's own words, -ENOSPC where no more are
 * held. Nothing is granted then.
 */
int grants_add(struct grants *grants, const char *rule,
	       const struct grants_subject *subject, bool keep, char **message);

/**
 * Would a rule be granted, for `subject`, and of how many of the other `count`
 * subjects would it have decided as well? Nothing is granted. Returns 0 and
 * their number, or what grants_add() returns.
 */
int grants_try(const struct grants *grants, const char *rule,
	       const struct grants_subject *subject,
	       const struct grants_subject *others, size_t count,
	       size_t *covered, char **message);

/** A rule that was granted, by itself: NULL where there is no memory. And does
 * it decide about a subject? Where that cannot be told, yes. */
struct grants_rule;
struct grants_rule *grants_rule_new(const struct grants *grants,
				    const char *rule);
void grants_rule_free(struct grants_rule *rule);
bool grants_rule_covers(const struct grants *grants,
			const struct grants_rule *rule,
			const struct grants_subject *subject);

/** Write a file, with the directories that it needs, in one step: a reader sees
 * the old or the new one, whole. Returns 0 or -errno. */
int grants_store(const char *file, const char *text);

/** The file of a project's grants: malloc()ed, or NULL. */
char *grants_file(const char *config, const char *project);

#endif
