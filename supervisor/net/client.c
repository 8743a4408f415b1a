/*
 * Theory of operation. The broker is forked and executed (start.h) before the
 * session is launched. It loads its libraries, and these what their
 * configuration names, before there are programs, who could put something else
 * there; what takes longer it does while the program starts, as most programs
 * connect to nothing at once. From its fork on any worker may tell it
 * something: a message is one system call, so no lock is needed, and waits in
 * its socket. What it says is read by one thread, which answers its questions.
 * When the socket ends, the broker is gone: that is recorded, who waits is
 * woken, and nothing is reached by name any more.
 */
#include "supervisor/net/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/ask/grants.h"
#include "supervisor/call.h"
#include "supervisor/net/agent.h"
#include "supervisor/net/authority.h"
#include "supervisor/net/flows.h"
#include "supervisor/net/hosts.h"
#include "supervisor/net/inspect.h"
#include "supervisor/net/judge.h"
#include "supervisor/net/start.h"
#include "supervisor/program.h"
#include "supervisor/record.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"
#include "supervisor/worker.h"

enum { LAST_SECONDS = 3 };

enum { LOAD_SECONDS = 20 }; /* a thousand times what it takes */

struct net {
	struct session *session;
	struct broker_started broker;
	pthread_t thread;
	bool serving, refuses_names;
	atomic_bool alive, ending, used;
	bool filled; /* it had no descriptor left, and the user knows */
	struct net_names *names;
	struct net_sockets *sockets;
	struct net_flows *flows;
	struct net_servers servers;
	struct judge *judge;
};

/* --------------------------------------------------------------- needed -- */

static bool names_host(void *context, const struct policy_rule *rule)
{
	bool *found = context;
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	if (info.has_host_name &&
	    (info.actions & (1U << ACTION_CONNECT | 1U << ACTION_HTTP)))
		*found = true;
	return !*found;
}

static bool refuses_host(void *context, const struct policy_rule *rule)
{
	bool *found = context;
	struct policy_rule_info info;

	policy_rule_info(rule, &info);
	if (info.has_host_name && info.actions & 1U << ACTION_CONNECT &&
	    info.verdict != VERDICT_ALLOW && info.verdict != VERDICT_ASK)
		*found = true;
	return !*found;
}

/* Is it a person's to say whether a name that no rule is about is reached? */
static bool asks_about_names(const struct session *session)
{
	const struct policy_endpoint endpoint = {.host = "no-rule.invalid"};
	const struct policy_query query = {.action = ACTION_CONNECT,
					   .endpoint = &endpoint};
	struct policy_decision decision;

	if (session->ask == ASK_DENY)
		return false;
	policy_decide_any_port(session->policy, &query, false, &decision);
	return decision.verdict == VERDICT_ASK;
}

bool net_named(const struct policy *policy)
{
	bool found = inspect_needed(policy) || agent_needed(policy);

	policy_rules(policy, names_host, &found);
	return found;
}

bool net_needed(const struct session *session)
{
	const struct policy *granted = grants_policy(session->grants);
	bool found = net_named(session->policy);

	if (!found && granted)
		policy_rules(granted, names_host, &found);
	/* What a dry run proposes are hosts by name. */
	return found || session->judged || asks_about_names(session);
}

bool net_alive(const struct net *net)
{
	return atomic_load_explicit(&net->alive, memory_order_relaxed);
}

bool net_refuses_names(const struct net *net)
{
	return net->refuses_names;
}

struct net_names *net_names(struct net *net)
{
	return net->names;
}

struct net_sockets *net_sockets(struct net *net)
{
	return net->sockets;
}

/* ---------------------------------------------------------------- start -- */

int net_await_loaded(const struct session *session)
{
	const struct net *net = session->net;
	struct pollfd loaded = {.events = POLLIN};
	int got;

	if (!net)
		return 0;
	loaded.fd = net->broker.hold;
	do
		got = poll(&loaded, 1, LOAD_SECONDS * 1000);
	while (got < 0 && errno == EINTR);
	if (got != 0)
		return got < 0 ? -errno : 0; /* or it is gone, which is said */
	(void)syscall(SYS_pidfd_send_signal, net->broker.pidfd, SIGKILL, NULL,
		      0);
	say("the network broker has not loaded its libraries in %d seconds: is "
	    "it stopped, or the machine out of memory? Then try again; only "
	    "rules about hosts, requests and secrets need it",
	    LOAD_SECONDS);
	return -ETIMEDOUT;
}

/* A name that no rule could allow needs no place in the table; nor does one
 * that a person would be asked about, where it is this machine's or nobody's
 * (lists of hosts to be kept away from give them such addresses). */
static void take_host(void *context, const char *name,
		      const struct net_address *address)
{
	struct net *net = context;
	struct policy_endpoint endpoint = {.host = name};
	struct policy_query query = {.action = ACTION_CONNECT,
				     .endpoint = &endpoint};
	struct policy_decision decision;

	call_judge_any_port(net->session, &query, true, &decision);
	if (decision.verdict == VERDICT_ASK &&
	    (net->session->ask == ASK_DENY || address->bytes[0] == 0 ||
	     address->bytes[0] == 127))
		return;
	if (decision.verdict == VERDICT_ALLOW ||
	    decision.verdict == VERDICT_ASK)
		(void)net_names_add(net->names, name, address, 0, true);
}

int net_start(struct session *session, const struct broker_started *started)
{
	struct net *net = calloc(1, sizeof(*net));
	char list[NET_TEXT];

	if (!net)
		return -ENOMEM;
	net->session = session;
	net->broker = *started;
	session->net = net;
	net->names = net_names_new();
	net->sockets = net_sockets_new();
	net->flows = net_flows_new();
	if (!net->names || !net->sockets || !net->flows)
		return -ENOMEM;
	policy_rules(session->policy, refuses_host, &net->refuses_names);
	/* What the broker reads by itself. */
	(void)net_servers_changed(&net->servers, list, sizeof(list));
	int error =
		net->broker.control < 0 ? broker_start(true, &net->broker) : 0;

	atomic_store(&net->alive, error == 0);
	if (!error)
		net_hosts_each(take_host, net);
	return error;
}

void net_go_on(struct session *session)
{
	if (!session->net)
		return;
	scope_close_fd(&session->net->broker.hold);
	session->net->broker.hold = -1;
}

/* -------------------------------------------------------------- serving -- */

static void broker_gone(struct net *net, const char *why)
{
	if (!atomic_exchange(&net->alive, false) || atomic_load(&net->ending))
		return;
	record_error(net->session, why);
	say("%s", why);
	net_flows_answer(net->flows, 0, -ECONNREFUSED);
	authority_made(net->session->authority, NULL, 0);
}

static void follow_servers(struct net *net)
{
	struct net_message message = {.type = NET_SERVERS};

	if (net_servers_changed(&net->servers, message.text,
				sizeof(message.text)))
		(void)net_tell(net, &message, NULL, 0);
}

static void answer(struct net *net, struct net_flow *flow,
		   const struct net_message *question)
{
	struct net_message verdict = {
		.type = question->type == NET_FOUND ? NET_KEPT : NET_VERDICT,
		.flow = question->flow,
		.token = question->token,
	};

	switch (question->type) {
	case NET_ASK_NAME:
		judge_name(net->judge, flow, question, &verdict);
		break;
	case NET_FOUND:
		judge_found(net->judge, flow, question, &verdict);
		break;
	case NET_ASK_REQUEST:
		if (!judge_request(net->judge, flow, question, &verdict))
			return;
		break;
	default:
		judge_server(net->judge, flow, question, &verdict);
	}
	(void)net_tell(net, &verdict, NULL, 0);
}

static void take(struct net *net, const struct net_message *message)
{
	struct net_flow flow = {.answered = -1};

	if (message->error == -EMFILE && !net->filled) {
		const char *why = "connections are refused: the network broker "
				  "has no descriptor left (ulimit -Hn)";

		net->filled = true;
		record_error(net->session, why);
		say("%s", why);
	}
	if (message->type == NET_READY) {
		if (message->error)
			broker_gone(net, "the network broker could not be "
					 "confined: no host can be reached by "
					 "name");
		return;
	}
	if (message->type == NET_HTTP_READY) {
		if (!message->error && message->token <= NET_PATH)
			authority_made(net->session->authority, message->path,
				       message->token);
		else
			broker_gone(net, "the network broker cannot look into "
					 "requests (can memory be locked? see "
					 "`ulimit -l`): no host can be "
					 "reached by name");
		return;
	}
	if (message->type == NET_AGENT_REFUSED) {
		record_attack(net->session, 0, message->text);
		return;
	}
	if (message->type == NET_RENEWED) {
		inspect_renewed(net->session, message->token, message->path);
		return;
	}
	if (message->type == NET_FORGOTTEN) {
		inspect_forgotten(net->session, message->token, message->error);
		return;
	}
	if (message->type == NET_CONNECTED) {
		net_flows_answer(net->flows, message->flow, message->error);
		return;
	}
	if (!net_flows_find(net->flows, message->flow, &flow))
		return;
	switch (message->type) {
	case NET_ASK_NAME:
		follow_servers(net);
		__attribute__((fallthrough));
	case NET_FOUND:
	case NET_ASK_SERVER:
	case NET_ASK_REQUEST:
		answer(net, &flow, message);
		break;
	case NET_ALERT:
	case NET_DENIED:
		judge_alert(net->judge, &flow, message);
		break;
	case NET_SWAPPED:
		judge_swapped(net->judge, &flow, message);
		break;
	case NET_REFUSED:
		judge_refused(net->judge, &flow, message);
		judge_ended(net->judge, &flow, message);
		judge_forget(net->judge, message->flow, 0);
		net_flow_over(net, message->flow);
		break;
	case NET_FORGET:
		judge_forget(net->judge, message->flow, message->token);
		break;
	case NET_ENDED:
		judge_ended(net->judge, &flow, message);
		judge_forget(net->judge, message->flow, 0);
		net_flow_over(net, message->flow);
		break;
	default:
		break;
	}
	free(flow.exe);
}

static void *serve(void *context)
{
	struct net *net = context;
	struct net_message message;
	struct net_fds fds;

	for (;;) {
		int got = net_receive(net->broker.control, &message, &fds, 0);

		if (got == -EINTR && !atomic_load(&net->ending))
			continue;
		if (got <= 0)
			break;
		net_fds_close(&fds);
		take(net, &message);
		if (message.type == NET_RENEWED)
			OPENSSL_cleanse(&message, sizeof(message));
	}
	broker_gone(net, "the network broker ended: no host can be reached by "
			 "name any more");
	return NULL;
}

int net_serve(struct session *session)
{
	struct net *net = session->net;

	net->judge = judge_new(session, net->names);
	if (!net->judge)
		return -ENOMEM;
	int error = worker_thread(&net->thread, serve, net);

	net->serving = error == 0;
	return error;
}

/* It says what each connection carried, and ends. */
static void await_last_words(struct net *net)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LAST_SECONDS;
	if (pthread_timedjoin_np(net->thread, NULL, &until) == 0)
		return;
	shutdown(net->broker.control, SHUT_RDWR);
	pthread_join(net->thread, NULL);
}

void net_stop(struct session *session)
{
	struct net *net = session->net;

	if (!net)
		return;
	atomic_store(&net->ending, true);
	/* It has nothing to say, and may not have begun. */
	if (net->broker.pidfd >= 0 && !atomic_load(&net->used))
		(void)syscall(SYS_pidfd_send_signal, net->broker.pidfd, SIGKILL,
			      NULL, 0);
	scope_close_fd(&net->broker.hold);
	if (net->broker.control >= 0)
		shutdown(net->broker.control,
			 atomic_load(&net->used) ? SHUT_WR : SHUT_RDWR);
	if (net->serving)
		await_last_words(net);
	scope_close_fd(&net->broker.control);
	scope_close_fd(&net->broker.pidfd);
	judge_free(net->judge);
	net_flows_free(net->flows);
	net_sockets_free(net->sockets);
	net_names_free(net->names);
	free(net);
	session->net = NULL;
}

/* ---------------------------------------------------------------- flows -- */

uint32_t net_flow_new(struct net *net, struct call *call,
		      const struct net_route *route,
		      const union net_endpoint *far, uint64_t cookie)
{
	struct net_flow flow = {.tid = call->tid, .cookie = cookie};

	if (!net_alive(net))
		return 0;
	record_facts(call);
	flow.pid = call_process(call);
	flow.parent = call->parent;
	flow.exe = strdup(call->exe);
	flow.program = program_of_call(call);
	if (route)
		flow.route = *route;
	if (far)
		flow.far = *far;
	return net_flows_add(net->flows, &flow);
}

void net_flow_over(struct net *net, uint32_t id)
{
	struct net_flow flow;

	if (!net_flows_find(net->flows, id, &flow))
		return;
	free(flow.exe);
	if (flow.cookie)
		net_sockets_flow_over(net->sockets, flow.cookie, id);
	net_flows_over(net->flows, id);
}

/* Is it of no connection, and so of none that the broker must tell about? */
static bool prepares(uint32_t type)
{
	return type == NET_HTTP || type == NET_AGENT_RULES ||
	       type == NET_SERVERS;
}

int net_tell(struct net *net, const struct net_message *message, const int *fds,
	     size_t count)
{
	if (!net_alive(net))
		return -ECONNREFUSED;
	if (!prepares(message->type))
		atomic_store(&net->used, true);
	return net_send(net->broker.control, message, fds, count, 0);
}

int net_flow_connect(struct net *net, const struct net_message *message,
		     const struct call *call)
{
	uint32_t flow = message->flow;
	struct net_message drop = {.type = NET_DROP, .flow = flow};
	/* Before the broker can answer. */
	int fd = net_flows_await(net->flows, flow);
	int error = fd < 0 ? fd : net_tell(net, message, NULL, 0);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	bool interrupted = false;

	if (error) {
		(void)net_flows_outcome(net->flows, flow);
		return error;
	}
	while (poll(&ready, 1, -1) < 0 && !interrupted)
		interrupted = errno != EINTR || slow_cancelled(call);
	if (interrupted) {
		(void)net_tell(net, &drop, NULL, 0);
		(void)net_flows_outcome(net->flows, flow);
		return -EINTR;
	}
	return net_flows_outcome(net->flows, flow);
}
