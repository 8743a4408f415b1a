#include "supervisor/ask/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/say.h"
#include "supervisor/sha256.h"

/* Of text; as policies they take some 20 times that. */
enum { MOST_HELD = 4 << 20 };

struct generation {
	struct policy *policy;
	struct generation *older;
};

struct grants {
	_Atomic(const struct policy *) now; /* NULL: none */
	struct generation *all;
	struct policy_input input;
	char *file; /* of the project; NULL: none */
	char *project;
	char *kept, *session; /* texts, one rule a line */
	size_t held;	      /* bytes of the texts of all generations */
};

static const char *variable(const struct policy_input *input, const char *name)
{
	for (size_t i = 0; i < input->variable_count; i++)
		if (strcmp(input->variables[i].name, name) == 0)
			return input->variables[i].value;
	return NULL;
}

char *grants_file(const char *config, const char *project)
{
	unsigned char bytes[SHA256_SIZE];
	char name[33], *path = NULL;

	sha256(project, strlen(project), bytes);
	sha256_hex(bytes, 16, name);
	if (asprintf(&path, "%s/interpose/projects/%s/grants", config, name) <
	    0)
		return NULL;
	return path;
}

/* --------------------------------------------------------------- loading -- */

/* Load the texts as they would be. Returns 0, or -errno with diagnostics. */
static int load(const struct grants *grants, const char *kept,
		const char *session, struct policy_diagnostics *list,
		struct policy **policy)
{
	struct policy_source sources[2];
	struct policy_input input = grants->input;

	input.sources = sources;
	input.source_count = 0;
	input.for_requests = NULL;
	/* An empty text that is named would be a mistake. */
	if (*kept)
		sources[input.source_count++] = (struct policy_source){
			POLICY_LAYER_GRANT,
			grants->file ?: "kept for the project", kept};
	if (*session)
		sources[input.source_count++] = (struct policy_source){
			POLICY_LAYER_GRANT, "granted for the session", session};
	input.check = false;
	return policy_load(&input, list, policy);
}

/* Take a policy over as the one that decides from now on. */
static int publish(struct grants *grants, struct policy *policy)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return -ENOMEM;
	generation->policy = policy;
	generation->older = grants->all;
	grants->all = generation;
	atomic_store_explicit(&grants->now, policy, memory_order_release);
	return 0;
}

static int read_kept(struct grants *grants)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;
	size_t length;
	char *text = NULL;
	int error = list ? 0 : -ENOMEM;

	if (!error)
		error = grants->input.host->read_file(
			grants->input.host->context, grants->file, &text,
			&length);
	if (!error) {
		free(grants->kept);
		grants->kept = text;
		error = load(grants, text, "", list, &policy);
		policy_diagnostics_print(list, stderr, false);
	}
	if (!error)
		error = publish(grants, policy);
	policy_diagnostics_free(list);
	if (error == -ENOENT)
		return 0;
	if (error) {
		policy_free(policy);
		/* A refusal that was kept must not be lost. */
		say("%s: what was kept for this project cannot be used (%s), "
		    "so "
		    "nothing was started; mend the file or remove it",
		    grants->file,
		    error == -EINVAL ? "its mistakes are above"
				     : strerror(-error));
	}
	return error;
}

int grants_new(const struct policy_input *input, bool kept,
	       struct grants **result)
{
	const char *config = variable(input, "config");
	const char *project = variable(input, "project");
	struct grants *grants = calloc(1, sizeof(*grants));

	if (!grants)
		return -ENOMEM;
	grants->input = *input;
	grants->kept = strdup("");
	grants->session = strdup("");
	if (config && project) {
		grants->file = grants_file(config, project);
		grants->project = strdup(project);
	}
	int error = grants->kept && grants->session ? 0 : -ENOMEM;

	if (!error && kept && grants->file && access(grants->file, F_OK) == 0)
		error = read_kept(grants);
	if (error)
		grants_free(grants);
	else
		*result = grants;
	return error;
}

void grants_free(struct grants *grants)
{
	if (!grants)
		return;
	while (grants->all) {
		struct generation *generation = grants->all;

		grants->all = generation->older;
		policy_free(generation->policy);
		free(generation);
	}
	free(grants->file);
	free(grants->project);
	free(grants->kept);
	free(grants->session);
	free(grants);
}

const struct policy *grants_policy(const struct grants *grants)
{
	return grants ? atomic_load_explicit(&grants->now, memory_order_acquire)
		      : NULL;
}

/* The grants that may decide in the policy's place; or NULL. */
static const struct policy *granted_over(const struct grants *grants,
					 const struct policy_decision *decision)
{
	return decision->verdict == VERDICT_ASK && !decision->final
		       ? grants_policy(grants)
		       : NULL;
}

void grants_decide(const struct grants *grants, const struct policy *policy,
		   const struct policy_query *query,
		   struct policy_decision *decision)
{
	struct policy_decision over;

	policy_decide(policy, query, decision);
	const struct policy *granted = granted_over(grants, decision);

	if (!granted)
		return;
	policy_decide(granted, query, &over);
	if (over.rule &&
	    (over.verdict == VERDICT_ALLOW || over.verdict == VERDICT_DENY)) {
		over.log = true;
		*decision = over;
	}
}

void grants_decide_any_port(const struct grants *grants,
			    const struct policy *policy,
			    const struct policy_query *query, bool udp,
			    struct policy_decision *decision)
{
	struct policy_decision over;

	policy_decide_any_port(policy, query, udp, decision);
	const struct policy *granted = granted_over(grants, decision);

	if (!granted)
		return;
	policy_decide_any_port(granted, query, udp, &over);
	if (over.rule && over.verdict == VERDICT_ALLOW)
		*decision = over;
}

/* ----------------------------------------------------------------- rules -- */

/* A word that matches these bytes and no others. */
static void add_literal(struct text *text, const char *bytes)
{
	text_add_byte(text, '"');
	for (const char *at = bytes; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			text_format(text, "\\%c", c);
		else if (strchr("*?[]{}$~", c))
			text_format(text, "[%c]", c);
		else if (c < 0x20 || c >= 0x7f)
			text_format(text, "\\x%02x", c);
		else
			text_add(text, at, 1);
	}
	text_add_byte(text, '"');
}

static const char plain[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"0123456789/._-+:@=%,";

static bool is_plain(const char *bytes)
{
	/* At the end of a rule they mean something. */
	static const char *const words[] = {"argv0",   "as",	  "by",
					    "under",   "log",	  "until",
					    "because", "override"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(bytes, words[i]) == 0)
			return false;
	return bytes[0] && bytes[strspn(bytes, plain)] == '\0';
}

/* `METHOD HOST:PORT/PATH`: two words. */
static void add_request(struct text *text, const char *subject)
{
	const char *target = strchr(subject, ' ');

	if (!target) {
		add_literal(text, subject);
		return;
	}
	text_add(text, subject, (size_t)(target - subject) + 1);
	if (target[1 + strspn(target + 1, plain)] == '\0')
		text_add_string(text, target + 1);
	else
		add_literal(text, target + 1);
}

char *grants_rule(const char *verdict, const struct grants_subject *subject)
{
	struct text text = {0};
	char *string = NULL;

	text_format(&text, "%s %s ", verdict, action_name(subject->action));
	if (subject->action == ACTION_HTTP) {
		add_request(&text, subject->subject);
		return text_finish(&text, &string) ? NULL : string;
	}
	/* An address is written as it is: brackets of IPv6 and all. */
	if (subject->action == ACTION_CONNECT ||
	    subject->action == ACTION_LISTEN) {
		if (strncmp(subject->subject, "unix:", 5) == 0 &&
		    !is_plain(subject->subject))
			add_literal(&text, subject->subject);
		else
			text_add_string(&text, subject->subject);
	} else if (is_plain(subject->subject)) {
		text_add_string(&text, subject->subject);
	} else {
		add_literal(&text, subject->subject);
	}
	for (size_t i = 0; i < subject->argument_count; i++) {
		text_add_byte(&text, ' ');
		if (is_plain(subject->arguments[i]))
			text_add_string(&text, subject->arguments[i]);
		else
			add_literal(&text, subject->arguments[i]);
	}
	return text_finish(&text, &string) ? NULL : string;
}

/* ---------------------------------------------------------------- adding -- */

static char *first_mistake(const struct policy_diagnostics *list)
{
	const struct policy_diagnostic *mistake =
		policy_diagnostics_count(list) ? policy_diagnostics_at(list, 0)
					       : NULL;
	char *message = NULL;

	if (!mistake)
		return NULL;
	if (asprintf(&message, "column %u: %s%s%s%s", mistake->column,
		     mistake->message, mistake->hint ? " (" : "",
		     mistake->hint ?: "", mistake->hint ? ")" : "") < 0)
		return NULL;
	return message;
}

struct count {
	size_t rules, others, programs;
};

static bool count_rule(void *context, const struct policy_rule *rule)
{
	struct count *count = context;
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	count->rules++;
	count->others +=
		info.verdict != VERDICT_ALLOW && info.verdict != VERDICT_DENY;
	count->others += info.final;
	count->programs += info.has_by || info.has_under;
	return true;
}

static bool count_line(void *context, const struct policy_line *line)
{
	(void)line;
	(*(size_t *)context)++;
	return true;
}

/* Does the rule, alone, decide about the subject? */
static bool covers(const struct grants *grants, const struct policy *alone,
		   const struct grants_subject *subject)
{
	size_t count = subject->argument_count + 2;
	auto_free const char **words = calloc(count + 1, sizeof(*words));
	auto_free char *request = strdup(subject->subject);
	struct policy_subject *parsed = NULL;
	struct policy_decision decision = {0};
	auto_free char *message = NULL;

	if (!words || !request)
		return false;
	words[0] = action_name(subject->action);
	words[1] = subject->subject;
	for (size_t i = 2; i < count; i++)
		words[i] = subject->arguments[i - 2];
	char *target =
		subject->action == ACTION_HTTP ? strchr(request, ' ') : NULL;

	if (target) {
		*target++ = '\0';
		words[1] = request;
		words[count++] = target;
	}
	if (policy_subject_parse(&grants->input, words, count, &parsed,
				 &message))
		return true; /* it cannot be told: the person said so */
	struct policy_query query = *policy_subject_query(parsed);

	query.now = time(NULL);
	policy_decide(alone, &query, &decision);
	policy_subject_free(parsed);
	return decision.rule != NULL;
}

/* The rule as a policy of its own, for policy_free(). */
static int load_alone(const struct grants *grants, const char *rule,
		      const struct grants_subject *subject,
		      struct policy **result, char **message)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *alone = NULL;
	struct count count = {0};
	size_t lines = 0;
	const char *wrong = NULL;
	int error = list ? load(grants, "", rule, list, &alone) : -ENOMEM;

	if (error) {
		*message = list ? first_mistake(list) : NULL;
		policy_diagnostics_free(list);
		return error;
	}
	policy_diagnostics_free(list);
	policy_rules(alone, count_rule, &count);
	policy_secrets(alone, count_line, &lines);
	if (strpbrk(rule, "\r\n") || count.rules != 1 || lines)
		wrong = "it must be one rule on one line";
	else if (count.others)
		wrong = "only `allow` and `deny` can be granted, and not final";
	else if (count.programs)
		/* Such a program is closed to the others when it starts. */
		wrong = "rules with `by` or `under` stand in a policy, not in "
			"an answer";
	else if (!covers(grants, alone, subject))
		wrong = "it does not cover what is asked";
	if (!wrong) {
		*result = alone;
		return 0;
	}
	policy_free(alone);
	*message = strdup(wrong);
	return -EINVAL;
}

int grants_try(const struct grants *grants, const char *rule,
	       const struct grants_subject *subject,
	       const struct grants_subject *others, size_t count,
	       size_t *covered, char **message)
{
	struct policy *alone = NULL;

	*message = NULL;
	*covered = 0;
	int error = load_alone(grants, rule, subject, &alone, message);

	for (size_t i = 0; i < count && !error; i++)
		*covered += covers(grants, alone, &others[i]);
	policy_free(alone);
	return error;
}

struct grants_rule *grants_rule_new(const struct grants *grants,
				    const char *rule)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *alone = NULL;

	if (list && load(grants, "", rule, list, &alone))
		alone = NULL;
	policy_diagnostics_free(list);
	return (struct grants_rule *)alone;
}

void grants_rule_free(struct grants_rule *rule)
{
	policy_free((struct policy *)rule);
}

bool grants_rule_covers(const struct grants *grants,
			const struct grants_rule *rule,
			const struct grants_subject *subject)
{
	return covers(grants, (const struct policy *)rule, subject);
}

static char *with_line(const char *text, const char *rule)
{
	char *grown = NULL;

	if (asprintf(&grown, "%s%s\n", text, rule) < 0)
		return NULL;
	return grown;
}

static int make_directories(const char *file)
{
	auto_free char *path = strdup(file);

	if (!path)
		return -ENOMEM;
	/* Down to the directory of the file; what is there stays. */
	for (char *slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

int grants_store(const char *file, const char *text)
{
	auto_free char *made = NULL;
	int error = make_directories(file);

	if (error)
		return error;
	if (asprintf(&made, "%s.XXXXXX", file) < 0) {
		made = NULL;
		return -ENOMEM;
	}
	auto_fd fd = mkostemp(made, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	size_t length = strlen(text);

	if (write(fd, text, length) != (ssize_t)length || fsync(fd) ||
	    rename(made, file)) {
		error = errno ? -errno : -EIO;
		unlink(made);
	}
	return error;
}

static char *kept_with(const struct grants *grants, const char *rule)
{
	char *text = NULL;

	if (grants->kept[0])
		return with_line(grants->kept, rule);
	/* The directory's name says nothing to a reader. */
	if (asprintf(&text, "# What was granted for the project\n# %s%s\n%s\n",
		     strpbrk(grants->project, "\r\n") ? "" : grants->project,
		     "", rule) < 0)
		return NULL;
	return text;
}

int grants_add(struct grants *grants, const char *rule,
	       const struct grants_subject *subject, bool keep, char **message)
{
	size_t covered;
	int error;

	*message = NULL;
	if (keep && !grants->file)
		error = -ENOENT;
	else
		error = grants_try(grants, rule, subject, NULL, 0, &covered,
				   message);
	if (error)
		return error;
	auto_free char *kept =
		keep ? kept_with(grants, rule) : strdup(grants->kept);
	auto_free char *session = keep ? strdup(grants->session)
				       : with_line(grants->session, rule);
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;

	error = kept && session && list ? 0 : -ENOMEM;
	size_t size = error ? 0 : strlen(kept) + strlen(session);

	if (!error && grants->held + size > MOST_HELD) {
		*message = strdup("no more rules are held in this session: "
				  "answer once, and write what you want "
				  "kept into a policy");
		error = -ENOSPC;
	}
	if (!error)
		error = load(grants, kept, session, list, &policy);
	if (!error && keep)
		error = grants_store(grants->file, kept);
	policy_diagnostics_free(list);
	if (!error)
		error = publish(grants, policy);
	if (error) {
		policy_free(policy);
		return error;
	}
	free(grants->kept);
	free(grants->session);
	grants->kept = take_ptr(kept);
	grants->session = take_ptr(session);
	grants->held += size;
	return 0;
}
