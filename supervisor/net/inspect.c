#include "supervisor/net/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/audit.h"
#include "supervisor/net/authority.h"
#include "supervisor/net/client.h"
#include "supervisor/net/locked.h"
#include "supervisor/net/renewal.h"
#include "supervisor/net/secret_source.h"
#include "supervisor/net/secrets.h"
#include "supervisor/net/trust.h"
#include "supervisor/policy_files.h"
#include "supervisor/record.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/virtual/standin.h"

struct known_secret {
	const struct policy_secret *line;
	struct policy *hosts; /* allows to connect to them, and to no other */
	char *placeholder;
};

struct inspect {
	const struct policy *policy;
	bool http; /* it has `http` rules */
	struct known_secret secrets[SECRETS_MOST];
	size_t count;
	struct renewal *renewal; /* or NULL */
};

/* ------------------------------------------------------------------ hosts --
 */

static bool found(void *context, const struct policy_secret *secret)
{
	(void)secret;
	*(bool *)context = true;
	return false;
}

static bool found_http(void *context, const struct policy_rule *rule)
{
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	*(bool *)context = info.actions & 1U << ACTION_HTTP;
	return !*(bool *)context;
}

bool inspect_needed(const struct policy *policy)
{
	bool needed = false;

	policy_rules(policy, found_http, &needed);
	if (!needed)
		policy_secret_lines(policy, found, &needed);
	return needed;
}

/* A policy of rules that allow to connect to hosts: the engine, and it alone,
 * knows what a host's pattern matches. */
static int make_hosts(const char *rules, struct policy **hosts)
{
	const struct policy_source source = {POLICY_LAYER_RULE, "hosts", rules};
	const struct policy_host host = {0};
	const struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.host = &host,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	int error = list ? policy_load(&input, list, hosts) : -ENOMEM;

	policy_diagnostics_free(list);
	return error;
}

static bool is_host(const struct policy *hosts,
		    const struct policy_endpoint *endpoint)
{
	const struct policy_query query = {
		.action = ACTION_CONNECT,
		.endpoint = endpoint,
	};
	struct policy_decision decision;

	if (!hosts)
		return false;
	policy_decide(hosts, &query, &decision);
	return decision.verdict == VERDICT_ALLOW;
}

/* ---------------------------------------------------------------- secrets --
 */

struct learning {
	struct session *session;
	struct inspect *inspect;
	struct secret_record *records; /* locked */
	bool verbose;
	int error;
};

bool inspect_may_write(void *context, const char *path)
{
	const struct inspect *inspect = context;
	struct policy_query query = {
		.action = ACTION_WRITE,
		.text = path,
		.length = strlen(path),
	};
	struct policy_decision decision;

	policy_decide(inspect->policy, &query, &decision);
	return (decision.verdict == VERDICT_ALLOW ||
		decision.verdict == VERDICT_ASK) &&
	       access(path, W_OK) == 0;
}

static uint32_t place_of(const struct policy_secret *secret)
{
	static const char *const places[] = {
		[SECRET_IN_HEADER] = "header", [SECRET_IN_BASIC] = "basic",
		[SECRET_IN_BEARER] = "bearer", [SECRET_IN_QUERY] = "query",
		[SECRET_IN_BODY] = "body",
	};

	if (secret->place && strcmp(secret->place, "aws") == 0)
		return SECRET_IN_AWS_ID;
	for (uint32_t i = SECRET_IN_HEADER;
	     secret->place && i <= SECRET_IN_BODY; i++)
		if (strcmp(secret->place, places[i]) == 0)
			return i;
	return SECRET_IN_AUTHENTICATION;
}

static int add_placeholder(struct learning *learning,
			   const struct policy_secret *secret,
			   struct known_secret *known,
			   struct secret_record *record)
{
	/* The record is zeroed, and has room behind the longest value. */
	char *placeholder = standins_placeholder(learning->session->standins,
						 secret->name, record->value);

	if (!placeholder)
		return -ENOMEM;
	record->placeholder_length = record->value_length;
	memcpy(record->placeholder, placeholder, record->value_length);
	known->placeholder = placeholder;
	return audit_redact(learning->session->audit, record->value,
			    record->value_length);
}

/* Those of one file belong together. */
static uint32_t group_of(const struct inspect *inspect,
			 const struct policy_secret *secret)
{
	uint32_t i = 0;

	while (i < inspect->count &&
	       (secret->source != SECRET_FROM_FILE ||
		inspect->secrets[i].line->source != SECRET_FROM_FILE ||
		strcmp(inspect->secrets[i].line->from, secret->from) != 0))
		i++;
	return i;
}

static int open_real(void *context, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC);

	(void)context;
	return fd < 0 ? -errno : fd;
}

/* Its stand-in is made while the file has the values that the placeholders are
 * of: later it may have others. */
static int make_standin(const struct learning *learning,
			const struct policy_secret *secret)
{
	static const struct standin_host host = {.read = open_real};
	auto_free char *path = realpath(secret->from, NULL);
	struct policy_query query = {.action = ACTION_READ, .text = path};
	struct policy_decision decision;

	if (!path)
		return 0;
	query.length = strlen(path);
	policy_decide(learning->inspect->policy, &query, &decision);
	if (decision.verdict != VERDICT_FAKE)
		return 0;
	return standins_prepare(learning->session->standins, decision.fake,
				path, &host);
}

/* As many as it may have. */
static size_t parts_of(const struct policy_secret *secret)
{
	return place_of(secret) == SECRET_IN_AWS_ID ? SECRET_PARTS : 1;
}

/* One part of a secret; as a rule it is all. */
static int add_part(struct learning *learning,
		    const struct policy_secret *secret, uint32_t group,
		    uint32_t part)
{
	static const char *const suffixes[SECRET_PARTS] = {"", ".key",
							   ".token"};
	struct inspect *inspect = learning->inspect;
	struct known_secret *known = &inspect->secrets[inspect->count];
	struct secret_record *record = &learning->records[inspect->count];
	auto_free char *rules = NULL;
	int error;

	(void)snprintf(record->name, SECRET_NAME, "%s%s", secret->name,
		       suffixes[part]);
	for (size_t i = 0;
	     secret->header && secret->header[i] && i + 1 < SECRET_NAME; i++)
		record->header[i] = secret->header[i];
	for (size_t i = 0;
	     secret->renewed && secret->renewed[i] && i + 1 < SECRET_NAME; i++)
		record->renewed[i] = secret->renewed[i];
	record->group = group;
	record->place = place_of(secret) + part;
	if (asprintf(&rules, "allow connect%s\n", secret->hosts) < 0) {
		rules = NULL;
		return -ENOMEM;
	}
	error = add_placeholder(learning, secret, known, record);
	if (!error)
		error = make_hosts(rules, &known->hosts);
	known->line = secret;
	inspect->count++;
	return error;
}

/* The secrets of a built-in profile are those that a user may have. One that
 * the user's own policy counts on is missed. */
static bool is_missed(const struct policy_secret *secret)
{
	return secret->layer > POLICY_LAYER_PROFILE &&
	       !policy_files_is_installed(secret->line.file);
}

/* Its placeholder is never made, so nothing can take its place. */
static void leave_out(const struct learning *learning,
		      const struct policy_secret *secret, const char *why)
{
	record_absent(learning->session, &secret->line, secret->name, why);
	if (learning->verbose || is_missed(secret))
		say("%s:%u: the secret %s is left out: %s", secret->line.file,
		    secret->line.line, secret->name, why);
}

static int add_secret(struct learning *learning,
		      const struct policy_secret *secret)
{
	struct inspect *inspect = learning->inspect;
	const char *why = NULL;
	const struct secret_reader reader = {inspect_may_write, inspect, -1};
	const uint32_t group = group_of(inspect, secret);
	size_t parts;
	int error = secret_source_read(secret, &reader,
				       &learning->records[inspect->count],
				       &parts, &why);

	/* The next one is to find no half of a key there. */
	if (error)
		explicit_bzero(&learning->records[inspect->count],
			       parts_of(secret) * sizeof(*learning->records));

	if (error == -ENOENT) {
		leave_out(learning, secret, why);
		return 0;
	}
	if (error) {
		say("%s:%u: the secret %s: %s", secret->line.file,
		    secret->line.line, secret->name, why);
		return error;
	}
	for (uint32_t i = 0; !error && i < parts; i++)
		error = add_part(learning, secret, group, i);
	if (!error && secret->source == SECRET_FROM_FILE)
		error = make_standin(learning, secret);
	return error;
}

static bool learn_secret(void *context, const struct policy_secret *secret)
{
	struct learning *learning = context;

	if (learning->inspect->count + parts_of(secret) > SECRETS_MOST) {
		say("%s:%u: more than %d secrets", secret->line.file,
		    secret->line.line, SECRETS_MOST);
		learning->error = -E2BIG;
	} else {
		learning->error = add_secret(learning, secret);
	}
	return !learning->error;
}

/* ------------------------------------------------------------ environment --
 */

/* In a variable that is not faked, too: `allow env TOKEN` means that programs
 * are to work with it, not that they are to see it. */
static void hide_secrets(const struct learning *learning, char **environment)
{
	for (size_t i = 0; i < learning->inspect->count; i++) {
		const struct secret_record *record = &learning->records[i];

		for (char **at = environment; *at; at++) {
			char *text = strchr(*at, '=');

			while (text &&
			       (text = memmem(text, strlen(text), record->value,
					      record->value_length)))
				text = mempcpy(text, record->placeholder,
					       record->value_length);
		}
	}
}

/* --------------------------------------------------------------- to begin --
 */

/* All at once, before anybody reads: the pipe is made to hold it. */
static int fill_pipe(const struct learning *learning, int *read_end)
{
	const uint32_t count = (uint32_t)learning->inspect->count;
	const size_t size =
		sizeof(count) + count * sizeof(struct secret_record);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	auto_fd in = ends[0], out = ends[1];

	if (fcntl(out, F_SETPIPE_SZ, size + 65536) < 0)
		return -errno;
	const struct {
		const void *bytes;
		size_t length;
	} parts[] = {
		{&count, sizeof(count)},
		{learning->records, count * sizeof(struct secret_record)},
	};

	for (size_t i = 0; i < 2; i++)
		if (parts[i].length &&
		    write(out, parts[i].bytes, parts[i].length) !=
			    (ssize_t)parts[i].length)
			return -EIO;
	*read_end = take_fd(&in);
	return 0;
}

static int hand_over(const struct learning *learning, int runtime_fd)
{
	struct net_message message = {.type = NET_HTTP};
	auto_fd secrets = -1;
	auto_fd trust =
		authority_new(learning->session, runtime_fd, &message.token);
	int error = trust < 0 ? trust : fill_pipe(learning, &secrets);

	if (error)
		return error;
	return net_tell(learning->session->net, &message,
			(int[]){secrets, trust}, 2);
}

static int begin(struct learning *learning, const char *runtime_path,
		 int runtime_fd, char ***environment)
{
	struct inspect *inspect = learning->inspect;
	policy_secret_lines(inspect->policy, learn_secret, learning);
	int error = learning->error;

	/* In ours, too: from it the variables of some programs only are made.
	 */
	hide_secrets(learning, *environment);
	hide_secrets(learning, environ);
	if (!error)
		error = hand_over(learning, runtime_fd);
	return error ? error : trust_tell(runtime_path, environment);
}

static bool count_one(void *context, const struct policy_secret *secret)
{
	*(size_t *)context += parts_of(secret);
	return true;
}

int inspect_start(struct session *session, bool verbose,
		  const char *runtime_path, int runtime_fd, char ***environment)
{
	struct learning learning = {
		.session = session,
		.verbose = verbose,
	};
	size_t count = 0, size;
	int error;

	policy_secret_lines(session->policy, count_one, &count);
	/* One at least. More than there may be are refused further on. */
	size = (1 + (count < SECRETS_MOST ? count : SECRETS_MOST)) *
	       sizeof(struct secret_record);

	learning.inspect = calloc(1, sizeof(*learning.inspect));
	if (!learning.inspect)
		return -ENOMEM;
	session->inspect = learning.inspect;
	learning.inspect->policy = session->policy;
	policy_rules(session->policy, found_http, &learning.inspect->http);
	/* Only while they are handed over. */
	learning.records = locked_new(size);
	if (!learning.records) {
		say("memory for secrets cannot be locked: see `ulimit -l`");
		return -ENOMEM;
	}
	error = begin(&learning, runtime_path, runtime_fd, environment);
	locked_free(learning.records, size);
	return error;
}

int inspect_serve(struct session *session)
{
	return session->inspect
		       ? renewal_start(session, &session->inspect->renewal)
		       : 0;
}

void inspect_pause(struct session *session)
{
	if (!session->inspect)
		return;
	renewal_stop(session->inspect->renewal);
	session->inspect->renewal = NULL;
}

const struct policy_secret *inspect_secret(const struct inspect *inspect,
					   size_t index)
{
	return index < inspect->count ? inspect->secrets[index].line : NULL;
}

int inspect_alias(const struct session *session, size_t index,
		  const char *value, size_t length)
{
	return standins_renewed(session->standins,
				session->inspect->secrets[index].placeholder,
				value, length);
}

void inspect_renewed(struct session *session, size_t index, const char *value)
{
	const struct policy_secret *line =
		session->inspect ? inspect_secret(session->inspect, index)
				 : NULL;
	size_t length = strnlen(value, NET_PATH);
	char text[512];

	if (!line || !line->renewed || length == NET_PATH ||
	    audit_redact(session->audit, value, length))
		return;
	int error = inspect_alias(session, index, value, length);

	if (!error)
		error = secret_source_store(line, value, length);

	if (!error)
		return;
	snprintf(text, sizeof(text),
		 "the secret %s was renewed, but cannot be written to %s: %s",
		 line->name, line->from, strerror(-error));
	say("%s", text);
	record_error(session, text);
}

void inspect_forgotten(struct session *session, size_t index, int error)
{
	const struct policy_secret *line =
		session->inspect ? inspect_secret(session->inspect, index)
				 : NULL;
	char text[512];

	if (!line)
		return;
	snprintf(text, sizeof(text),
		 "the secret %s could not be renewed, and is forgotten: %s",
		 line->name,
		 error == -ENOMEM ? "the network broker cannot lock memory for "
				    "it (see `ulimit -l`)"
				  : strerror(-error));
	say("%s", text);
	record_error(session, text);
}

void inspect_stop(struct session *session)
{
	struct inspect *inspect = session->inspect;

	if (!inspect)
		return;
	for (size_t i = 0; i < inspect->count; i++) {
		if (inspect->secrets[i].line->revoke &&
		    (!i ||
		     inspect->secrets[i].line != inspect->secrets[i - 1].line))
			secret_source_revoke(inspect->secrets[i].line);
		policy_free(inspect->secrets[i].hosts);
		free(inspect->secrets[i].placeholder);
	}
	authority_free(session->authority);
	session->authority = NULL;
	free(inspect);
	session->inspect = NULL;
}

/* --------------------------------------------------------------- deciding --
 */

bool inspect_has_http(const struct inspect *inspect)
{
	return inspect && inspect->http;
}

bool inspect_host(const struct inspect *inspect,
		  const struct policy_endpoint *endpoint, uint64_t *secrets)
{
	uint64_t mask = 0;

	if (!inspect)
		return false;
	for (size_t i = 0; i < inspect->count; i++)
		if (is_host(inspect->secrets[i].hosts, endpoint))
			mask |= 1ULL << i;
	if (secrets)
		*secrets = mask;
	return mask || policy_http_rules(inspect->policy, endpoint, false);
}
