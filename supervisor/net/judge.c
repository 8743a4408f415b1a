#include "supervisor/net/judge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "supervisor/ask/ask.h"
#include "supervisor/audit.h"
#include "supervisor/call.h"
#include "supervisor/net/hosts.h"
#include "supervisor/net/inspect.h"
#include "supervisor/net/uses.h"
#include "supervisor/record.h"
#include "supervisor/session.h"

enum {
	MOST_NOTED = 4096, /* a power of two */
	HOSTS_TTL = 60,
	STANDIN_TTL = 1, /* then it may be known */
};

struct judge {
	struct session *session;
	struct net_names *names;
	struct uses *uses; /* of secrets */
	/* Requests that a person is asked about. */
	pthread_mutex_t lock;
	struct pending *pending;
	/* Refused names that are in the log already: resolvers ask each name
	 * many times over. */
	uint64_t noted[MOST_NOTED];
};

struct judge *judge_new(struct session *session, struct net_names *names)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->uses = uses_new(session);
	if (!judge->uses) {
		free(judge);
		return NULL;
	}
	judge->session = session;
	judge->names = names;
	pthread_mutex_init(&judge->lock, NULL);
	return judge;
}

static const struct policy_program *program_of_flow(void *context)
{
	const struct net_flow *flow = context;

	return flow->program;
}

/* The asker, for `by` and `under`, is who made the connection. */
static void ask_for(struct net_flow *flow,
		    const struct policy_endpoint *endpoint,
		    struct policy_query *query)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	*query = (struct policy_query){
		.action = ACTION_CONNECT,
		.endpoint = endpoint,
		.program = program_of_flow,
		.program_context = flow,
		.now = now.tv_sec,
	};
}

static void note(struct judge *judge, const struct net_flow *flow,
		 const char *subject, const char *call,
		 const struct policy_decision *decision, const char *served)
{
	const struct record_network event = {
		.pid = flow->pid,
		.tid = flow->tid,
		.parent = flow->parent,
		.exe = flow->exe,
		.call = call,
		.subject = subject,
		.decision = decision,
		.served_errno = served,
	};

	record_network(judge->session, &event);
}

/* True the first time. */
static bool first_time(struct judge *judge, const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (const char *at = name; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
	hash |= 1;
	uint64_t *place = &judge->noted[(hash >> 32) % MOST_NOTED];
	bool first = *place != hash;

	*place = hash;
	return first;
}

static void set_address(struct policy_endpoint *endpoint,
			const struct net_address *address)
{
	endpoint->family = address->family;
	memcpy(endpoint->address, address->bytes, sizeof(endpoint->address));
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);

	return length >= size && strcmp(text + length - size, end) == 0;
}

/* RFC 6761, 6.3: this machine, which no server is asked about. */
static bool answer_localhost(const struct net_message *question,
			     struct net_message *verdict)
{
	if (strcmp(question->name, "localhost") != 0 &&
	    !ends_with(question->name, ".localhost"))
		return false;
	verdict->ttl = HOSTS_TTL;
	verdict->addresses[0].family = question->family;
	if (question->family == AF_INET) {
		memcpy(verdict->addresses[0].bytes, "\x7f\0\0\1", 4);
		verdict->address_count = 1;
	} else if (question->family == AF_INET6) {
		verdict->addresses[0].bytes[15] = 1;
		verdict->address_count = 1;
	}
	return true;
}

/* A name of another kind than those that servers of the Internet know, or one
 * that a resolver made by putting a domain behind it: nobody meant it. */
static bool is_made_up(const char *name)
{
	return !strchr(name, '.') || ends_with(name, ".arpa") ||
	       ends_with(name, ".local") || net_hosts_searched(name);
}

/*
 * A person is asked when the connection is made, and can be told by whom and to
 * which port. Until then nothing is sent, not even the name: the program is
 * told an address that stands for it.
 */
static bool answer_standin(struct judge *judge, struct policy_query *query,
			   const struct net_message *question,
			   struct net_message *verdict)
{
	struct policy_decision decision;

	if (!judge->session->questions)
		return false;
	/* What is said of UDP alone is no reason to ask. */
	call_judge_any_port(judge->session, query, false, &decision);
	if (decision.verdict != VERDICT_ASK ||
	    (!decision.rule && is_made_up(question->name)))
		return false;
	verdict->ttl = STANDIN_TTL;
	if (question->family == AF_INET &&
	    net_names_standin(judge->names, question->name,
			      &verdict->addresses[0]) == 0)
		verdict->address_count = 1;
	return true;
}

void judge_name(struct judge *judge, struct net_flow *flow,
		const struct net_message *question, struct net_message *verdict)
{
	struct policy_endpoint endpoint = {.host = question->name};
	struct policy_decision decision;
	struct policy_query query;

	if (answer_localhost(question, verdict))
		return;
	ask_for(flow, &endpoint, &query);
	call_judge_any_port(judge->session, &query, true, &decision);
	if (!audit_await(judge->session->audit))
		decision.verdict = VERDICT_DENY;
	if (decision.verdict == VERDICT_ASK && judge->session->questions &&
	    net_names_is_host(judge->names, question->name))
		decision.verdict = VERDICT_ALLOW; /* asked when connected to */
	else if (decision.verdict == VERDICT_ASK &&
		 answer_standin(judge, &query, question, verdict))
		return;
	if (decision.verdict != VERDICT_ALLOW) {
		verdict->error = -ENOENT;
		if (first_time(judge, question->name))
			note(judge, flow, question->name, "dns", &decision,
			     "NXDOMAIN");
		return;
	}
	if (judge->session->log_all || decision.log)
		note(judge, flow, question->name, "dns", &decision, NULL);
	if (!net_names_is_host(judge->names, question->name))
		return;
	verdict->ttl = HOSTS_TTL;
	if (question->family)
		verdict->address_count = (uint32_t)net_names_hosts(
			judge->names, question->name, question->family,
			verdict->addresses);
}

/* A name of the outside leads to such an address only where the policy lets it
 * be connected to as an address. */
static bool may_lead_to(struct judge *judge, struct net_flow *flow,
			const char *name, const struct net_address *address)
{
	struct policy_endpoint endpoint = {0};
	struct policy_decision decision;
	struct policy_query query;
	char subject[NET_NAME + INET6_ADDRSTRLEN + 8], number[INET6_ADDRSTRLEN];

	if (!net_address_is_special(address))
		return true;
	set_address(&endpoint, address);
	ask_for(flow, &endpoint, &query);
	call_judge_any_port(judge->session, &query, true, &decision);
	if (decision.verdict == VERDICT_ALLOW)
		return true;
	inet_ntop(address->family, address->bytes, number, sizeof(number));
	snprintf(subject, sizeof(subject), "%s is %s", name, number);
	if (first_time(judge, subject))
		note(judge, flow, subject, "dns", &decision, "NXDOMAIN");
	return false;
}

void judge_found(struct judge *judge, struct net_flow *flow,
		 const struct net_message *question,
		 struct net_message *verdict)
{
	for (uint32_t i = 0; i < question->address_count; i++) {
		struct net_address address = question->addresses[i];

		if ((address.family != AF_INET && address.family != AF_INET6) ||
		    !may_lead_to(judge, flow, question->name, &address) ||
		    net_names_add(judge->names, question->name, &address,
				  question->ttl, false))
			continue;
		verdict->addresses[verdict->address_count++] = address;
	}
	verdict->ttl = question->ttl;
}

static bool decided_before(const struct net_flow *flow, const char *name)
{
	for (size_t i = 0; i < flow->route.name_count; i++)
		if (strcmp(flow->route.names[i], name) == 0)
			return true;
	return false;
}

/* The host that a flow's far end is addressed as. */
static void endpoint_of(const struct net_flow *flow,
			struct policy_endpoint *endpoint)
{
	struct net_address address;

	net_address_of(&flow->far, &address, &endpoint->port);
	if (!flow->route.lookup)
		set_address(endpoint, &address);
}

void judge_server(struct judge *judge, struct net_flow *flow,
		  const struct net_message *question,
		  struct net_message *verdict)
{
	struct policy_endpoint endpoint = {.host = question->name};
	struct policy_decision decision;
	struct policy_query query;
	char subject[NET_NAME + 8], message[2 * NET_NAME + 80];

	endpoint_of(flow, &endpoint);
	verdict->inspect = inspect_host(judge->session->inspect, &endpoint,
					&verdict->secrets);
	if (decided_before(flow, question->name))
		return;
	ask_for(flow, &endpoint, &query);
	call_judge(judge->session, &query, &decision);
	/* Who was asked about the address said so of all that is there. */
	if (decision.verdict == VERDICT_ASK && !decision.rule &&
	    flow->route.by_address)
		decision.verdict = VERDICT_ALLOW;
	if (decision.verdict == VERDICT_ALLOW &&
	    audit_await(judge->session->audit))
		return;
	verdict->error = -ECONNREFUSED;
	snprintf(subject, sizeof(subject), "%s:%u", question->name,
		 endpoint.port);
	note(judge, flow, subject, question->tls ? "tls" : "http", &decision,
	     "ECONNREFUSED");
	snprintf(message, sizeof(message),
		 "a connection that was made to %s:%u asked there for %s",
		 flow->route.name_count ? flow->route.names[0] : "an address",
		 endpoint.port, question->name);
	record_attack(judge->session, flow->pid, message);
}

/* ------------------------------------------------------------- requests -- */

/* A request that a person is asked about. */
struct pending {
	struct judge *judge;
	struct pending *next, **at;
	struct net_flow flow; /* a copy */
	struct net_message question;
};

static void pending_free(struct pending *pending)
{
	*pending->at = pending->next;
	if (pending->next)
		pending->next->at = pending->at;
	free(pending->flow.exe);
	free(pending);
}

/* `METHOD HOST:PORT/PATH` */
enum { REQUEST = NET_METHOD + NET_NAME + NET_PATH + 16 };

static void decide_request(struct judge *judge, struct net_flow *flow,
			   const struct net_message *question,
			   char subject[REQUEST],
			   struct policy_decision *decision)
{
	struct policy_endpoint endpoint = {.host = question->name};
	struct policy_query query;

	endpoint_of(flow, &endpoint);
	ask_for(flow, &endpoint, &query);
	query.action = ACTION_HTTP;
	query.text = question->path;
	query.length = strlen(question->path);
	query.method = question->method;
	call_judge(judge->session, &query, decision);
	if (!audit_await(judge->session->audit))
		decision->verdict = VERDICT_DENY;
	snprintf(subject, REQUEST, "%s %s:%u%s", question->method,
		 question->name, endpoint.port, question->path);
}

static void finish_request(struct judge *judge, const struct net_flow *flow,
			   const char *subject, bool person,
			   const struct policy_decision *decision,
			   struct net_message *verdict)
{
	struct record_network event = {
		.pid = flow->pid,
		.tid = flow->tid,
		.parent = flow->parent,
		.exe = flow->exe,
		.call = "http",
		.subject = subject,
		.decision = decision,
		.person = person,
	};

	if (decision->verdict == VERDICT_ALLOW) {
		if (person || judge->session->log_all || decision->log)
			record_network(judge->session, &event);
		return;
	}
	verdict->error = -EACCES;
	event.served_errno = "403";
	record_network(judge->session, &event);
	if (decision->rule) {
		struct policy_rule_info info;

		policy_rule_info(decision->rule, &info);
		if (info.because)
			snprintf(verdict->text, sizeof(verdict->text),
				 "the policy does not allow this request: %s",
				 info.because);
	}
	if (person)
		snprintf(verdict->text, sizeof(verdict->text),
			 "this request was refused by the user");
}

/* With the lock of the questions. */
static bool answered(void *context, enum verdict said)
{
	struct pending *pending = context;
	struct judge *judge = pending->judge;
	struct policy_decision decision;
	struct net_message verdict = {
		.type = NET_VERDICT,
		.flow = pending->question.flow,
		.token = pending->question.token,
	};
	char subject[REQUEST];

	decide_request(judge, &pending->flow, &pending->question, subject,
		       &decision);
	bool person = said != VERDICT_ASK || decision.verdict == VERDICT_ASK;

	if (decision.verdict == VERDICT_ASK)
		decision.verdict = said;
	if (decision.verdict == VERDICT_ASK)
		return false;
	finish_request(judge, &pending->flow, subject, person, &decision,
		       &verdict);
	(void)net_tell(judge->session->net, &verdict, NULL, 0);
	pthread_mutex_lock(&judge->lock);
	pending_free(pending);
	pthread_mutex_unlock(&judge->lock);
	return true;
}

/* Nobody asks any more. */
void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	while (judge->pending)
		pending_free(judge->pending);
	uses_free(judge->uses);
	pthread_mutex_destroy(&judge->lock);
	free(judge);
}

static bool ask_about(struct judge *judge, const struct net_flow *flow,
		      const struct net_message *question, const char *subject,
		      const struct policy_rule *rule)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return false;
	pending->judge = judge;
	pending->flow = *flow;
	pending->flow.exe = flow->exe ? strdup(flow->exe) : NULL;
	pending->question = *question;
	pthread_mutex_lock(&judge->lock);
	pending->next = judge->pending;
	pending->at = &judge->pending;
	if (pending->next)
		pending->next->at = &pending->next;
	judge->pending = pending;
	pthread_mutex_unlock(&judge->lock);
	if (ask_other(judge->session->questions, flow->tid, ACTION_HTTP,
		      subject, rule, answered, pending) == 0)
		return true;
	pthread_mutex_lock(&judge->lock);
	pending_free(pending);
	pthread_mutex_unlock(&judge->lock);
	return false;
}

bool judge_request(struct judge *judge, struct net_flow *flow,
		   const struct net_message *question,
		   struct net_message *verdict)
{
	struct policy_decision decision;
	char subject[REQUEST];

	decide_request(judge, flow, question, subject, &decision);
	if (decision.verdict == VERDICT_ASK && judge->session->questions &&
	    ask_about(judge, flow, question, subject, decision.rule))
		return false;
	finish_request(judge, flow, subject, false, &decision, verdict);
	return true;
}

static struct pending *pending_of(struct judge *judge, uint32_t flow,
				  uint32_t token)
{
	struct pending *pending;

	pthread_mutex_lock(&judge->lock);
	for (pending = judge->pending; pending; pending = pending->next)
		if (pending->question.flow == flow &&
		    (!token || pending->question.token == token))
			break;
	pthread_mutex_unlock(&judge->lock);
	return pending;
}

void judge_forget(struct judge *judge, uint32_t flow, uint32_t token)
{
	struct pending *pending;

	/* Only this thread makes new ones: the address is still that one's, or
	 * nobody's. One that cannot be withdrawn was answered meanwhile, and is
	 * out of the list. */
	while ((pending = pending_of(judge, flow, token))) {
		if (!ask_withdraw(judge->session->questions, pending))
			continue;
		pthread_mutex_lock(&judge->lock);
		pending_free(pending);
		pthread_mutex_unlock(&judge->lock);
	}
}

void judge_alert(struct judge *judge, const struct net_flow *flow,
		 const struct net_message *message)
{
	char text[2 * NET_NAME + NET_TEXT];

	if (message->type == NET_ALERT)
		snprintf(text, sizeof(text),
			 "exfiltration: the placeholder of the secret %s was "
			 "sent to %s, which it does not belong to",
			 message->text, message->name);
	else
		snprintf(text, sizeof(text), "a request to %s was refused: %s",
			 message->name, message->text);
	record_attack(judge->session, flow->pid, text);
}

void judge_swapped(struct judge *judge, const struct net_flow *flow,
		   const struct net_message *message)
{
	uses_note(judge->uses, flow, message);
}

void judge_refused(struct judge *judge, const struct net_flow *flow,
		   const struct net_message *message)
{
	char text[NET_NAME + NET_TEXT + 32];
	struct net_address address;
	uint16_t port;

	if (!message->text[0])
		return;
	net_address_of(&flow->far, &address, &port);
	snprintf(text, sizeof(text), "the connection to %s:%u was ended: %s",
		 flow->route.name_count ? flow->route.names[0] : "an address",
		 port, message->text);
	record_attack(judge->session, flow->pid, text);
}

void judge_ended(struct judge *judge, const struct net_flow *flow,
		 const struct net_message *message)
{
	const struct record_closed closed = {message->out, message->in,
					     message->ms};
	char number[INET6_ADDRSTRLEN], subject[NET_NAME + 8];
	struct net_address address;
	uint16_t port;

	if (!message->out && !message->in)
		return; /* nobody was reached, or nothing was said */
	net_address_of(&flow->far, &address, &port);
	if (flow->route.name_count)
		snprintf(subject, sizeof(subject), "%s:%u",
			 flow->route.names[0], port);
	else
		snprintf(subject, sizeof(subject),
			 address.family == AF_INET6 ? "[%s]:%u" : "%s:%u",
			 inet_ntop(address.family, address.bytes, number,
				   sizeof(number))
				 ?: "?",
			 port);
	const struct record_network event = {
		.pid = flow->pid,
		.tid = flow->tid,
		.parent = flow->parent,
		.exe = flow->exe,
		.subject = subject,
	};

	record_closed(judge->session, &event, &closed);
}
