#include "supervisor/surroundings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/audit.h"
#include "supervisor/virtual/standin.h"

enum {
	LEAST_SECRET = 8, /* shorter values are words that occur by chance */
};

static void decide(const struct policy *policy, const char *name, size_t length,
		   struct policy_decision *decision)
{
	struct policy_query query = {
		.action = ACTION_ENV,
		.text = name,
		.length = length,
		.now = time(NULL),
	};

	policy_decide(policy, &query, decision);
}

/* A value that looks like a word or a path would be taken out of half the log;
 * one that was kept back by name is a secret. */
static bool worth_redacting(const char *value)
{
	return strlen(value) >= LEAST_SECRET && !strchr(value, '/') &&
	       !strchr(value, ' ');
}

static int record(struct audit *audit, const char *name,
		  const struct policy_decision *decision, bool dry_run)
{
	struct policy_rule_info info;
	struct audit_record entry;

	audit_record_init(&entry, AUDIT_DECISION);
	entry.action = action_name(ACTION_ENV);
	entry.subject = name;
	entry.verdict = verdict_name(decision->verdict);
	entry.by = dry_run			      ? AUDIT_BY_DRY_RUN
		   : decision->verdict == VERDICT_ASK ? AUDIT_BY_UNATTENDED
						      : AUDIT_BY_POLICY;
	if (decision->rule) {
		policy_rule_info(decision->rule, &info);
		entry.rule_file = info.file;
		entry.rule_line = info.line;
		entry.rule_text = info.text;
	}
	if (decision->verdict == VERDICT_FAKE && !dry_run)
		entry.served_fake = "placeholder";
	return audit_add(audit, &entry);
}

static char *make(const char *name, const char *value)
{
	char *text;

	return asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text;
}

/* The variable as the program gets it, or NULL where it gets none. */
static int serve(struct standins *standins, const char *variable,
		 const char *name, const char *value,
		 const struct policy_decision *decision, char **served)
{
	*served = NULL;
	if (decision->verdict == VERDICT_ALLOW) {
		*served = strdup(variable);
	} else if (decision->verdict == VERDICT_FAKE && decision->fake &&
		   decision->fake->kind == FAKE_TEXT) {
		*served = make(name, decision->fake->text);
	} else if (decision->verdict == VERDICT_FAKE) {
		auto_free char *placeholder =
			standins_placeholder(standins, name, value);

		if (!placeholder)
			return -ENOMEM;
		*served = make(name, placeholder);
	} else {
		return 0;
	}
	return *served ? 0 : -ENOMEM;
}

static int one(const struct policy *policy, struct standins *standins,
	       struct audit *audit, bool dry_run, const char *variable,
	       char **served)
{
	struct policy_decision decision;
	const char *equals = strchr(variable, '=');

	*served = NULL;
	if (!equals || equals == variable)
		return 0;
	auto_free char *name = strndup(variable, (size_t)(equals - variable));
	int error = name ? 0 : -ENOMEM;

	if (error)
		return error;
	decide(policy, name, strlen(name), &decision);
	if (decision.verdict != VERDICT_ALLOW && worth_redacting(equals + 1))
		error = audit_redact(audit, equals + 1, strlen(equals + 1));
	if (!error && (dry_run || decision.verdict != VERDICT_ALLOW))
		error = record(audit, name, &decision, dry_run);
	if (dry_run)
		decision.verdict = VERDICT_ALLOW;
	return error ? error
		     : serve(standins, variable, name, equals + 1, &decision,
			     served);
}

int surroundings_make(const struct policy *policy, struct standins *standins,
		      struct audit *audit, bool dry_run,
		      char *const *environment, char ***result)
{
	size_t count = 0, kept = 0;

	while (environment[count])
		count++;
	char **list = calloc(count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char *served;
		int error = one(policy, standins, audit, dry_run,
				environment[i], &served);

		if (error) {
			surroundings_free(list);
			return error;
		}
		if (served)
			list[kept++] = served;
	}
	*result = list;
	return 0;
}

void surroundings_free(char **list)
{
	if (!list)
		return;
	for (size_t i = 0; list[i]; i++)
		free(list[i]);
	free(list);
}
