/*
 * Theory of operation. One thread, one loop. The control socket is read without
 * waiting and written from a queue, so that the supervisor may wait for us but
 * we never for it: no deadlock. Questions are kept in a table by their token.
 * What is wrong with memory or the loop ends the process: the supervisor then
 * refuses the session's network.
 */
#include "supervisor/net/broker.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "supervisor/net/agent_flow.h"
#include "supervisor/net/confine.h"
#include "supervisor/net/dns.h"
#include "supervisor/net/locked_heap.h"
#include "supervisor/net/relay.h"
#include "supervisor/net/service.h"
#include "supervisor/net/upstream.h"

enum {
	MOST_QUEUED = 16384,	/* messages the supervisor has not taken */
	MOST_QUESTIONS = 16384, /* a power of two */
	AT_ONCE = 64,		/* messages taken before others have a turn */
};

struct queued {
	struct queued *next;
	struct net_message message;
};

struct question {
	uint32_t token; /* 0: free */
	broker_answered *answered;
	void *context;
};

static struct {
	struct event_base *base;
	struct event *readable, *writable;
	struct queued *queue, **queue_end;
	size_t queued;
	struct question questions[MOST_QUESTIONS];
	uint32_t last_token;
} broker;

struct event_base *broker_base(void)
{
	return broker.base;
}

void broker_die(void)
{
	_exit(70);
}

/* ------------------------------------------------------------- speaking -- */

static void flush(evutil_socket_t fd, short what, void *context)
{
	(void)what;
	(void)context;
	while (broker.queue) {
		struct queued *first = broker.queue;
		int error =
			net_send(fd, &first->message, NULL, 0, MSG_DONTWAIT);

		if (error == -EAGAIN) {
			event_add(broker.writable, NULL);
			return;
		}
		if (error)
			broker_die();
		broker.queue = first->next;
		if (!broker.queue)
			broker.queue_end = &broker.queue;
		broker.queued--;
		OPENSSL_cleanse(first, sizeof(*first));
		free(first);
	}
}

void broker_tell(const struct net_message *message)
{
	struct queued *queued;

	if (!broker.queue &&
	    net_send(NET_CONTROL_FD, message, NULL, 0, MSG_DONTWAIT) == 0)
		return;
	queued = malloc(sizeof(*queued));
	if (!queued || broker.queued == MOST_QUEUED) {
		free(queued);
		broker_die();
		return;
	}
	queued->message = *message;
	queued->next = NULL;
	*broker.queue_end = queued;
	broker.queue_end = &queued->next;
	broker.queued++;
	flush(NET_CONTROL_FD, 0, NULL);
}

static struct question *question_of(uint32_t token)
{
	struct question *question = &broker.questions[token % MOST_QUESTIONS];

	return token && question->token == token ? question : NULL;
}

uint32_t broker_ask(struct net_message *message, broker_answered *answered,
		    void *context)
{
	struct question *question;

	/* Each open question belongs to a flow, a request within one or a
	 * lookup, of which there are fewer than places. */
	for (size_t tries = 0;; tries++) {
		if (tries == MOST_QUESTIONS)
			broker_die();
		if (++broker.last_token == 0)
			++broker.last_token;
		question =
			&broker.questions[broker.last_token % MOST_QUESTIONS];
		if (question->token == 0)
			break;
	}
	*question = (struct question){broker.last_token, answered, context};
	message->token = broker.last_token;
	broker_tell(message);
	return message->token;
}

void broker_forget(uint32_t token)
{
	struct question *question = question_of(token);

	if (question)
		question->token = 0;
}

/* ------------------------------------------------------------ listening -- */

static void take_verdict(const struct net_message *message)
{
	struct question *question = question_of(message->token);
	struct question copy;

	if (!question)
		return;
	copy = *question;
	question->token = 0;
	copy.answered(copy.context, message);
}

static void dispatch(const struct net_message *message, struct net_fds *fds)
{
	switch (message->type) {
	case NET_DNS_UDP:
	case NET_DNS_TCP:
		dns_serve(message, fds);
		break;
	case NET_CONNECT:
		flow_connect(message, fds);
		break;
	case NET_JOIN:
		flow_join(message, fds);
		break;
	case NET_DROP:
		flow_drop(message->flow);
		break;
	case NET_VERDICT:
	case NET_KEPT:
		take_verdict(message);
		break;
	case NET_HTTP:
		service_begin(message, fds);
		break;
	case NET_RENEW:
		service_renew(message, fds);
		break;
	case NET_AGENT_RULES:
		agent_flow_rules(fds);
		break;
	case NET_AGENT:
		agent_flow_start(fds);
		break;
	case NET_SERVERS:
		upstream_servers(message->text);
		break;
	default:
		break;
	}
	net_fds_close(fds);
}

/* The supervisor says nothing more: it is gone, or waits for the last words. */
static void finish(void)
{
	flows_finish();
	for (const struct queued *queued = broker.queue; queued;
	     queued = queued->next)
		if (net_send(NET_CONTROL_FD, &queued->message, NULL, 0, 0))
			break;
	_exit(0);
}

static void listen_to(evutil_socket_t fd, short what, void *context)
{
	struct net_message message;
	struct net_fds fds;

	(void)what;
	(void)context;
	for (int i = 0; i < AT_ONCE; i++) {
		int got = net_receive(fd, &message, &fds, MSG_DONTWAIT);

		if (got == -EAGAIN || got == -EINTR)
			return;
		if (got <= 0)
			finish();
		dispatch(&message, &fds);
	}
}

/* --------------------------------------------------------------- making -- */

static int make_loop(void)
{
	broker.queue_end = &broker.queue;
	broker.base = event_base_new();
	if (!broker.base)
		return -ENOMEM;
	broker.readable = event_new(broker.base, NET_CONTROL_FD,
				    EV_READ | EV_PERSIST, listen_to, NULL);
	broker.writable =
		event_new(broker.base, NET_CONTROL_FD, EV_WRITE, flush, NULL);
	if (!broker.readable || !broker.writable)
		return -ENOMEM;
	return event_add(broker.readable, NULL) ? -ENOMEM : 0;
}

/* As many descriptors as there may be: a connection has two, and a pipe in
 * each direction while bytes wait. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* While the session is made others have more use of the processors. */
static void await_program(void)
{
	char byte = 0;

	(void)!write(NET_HOLD_FD, &byte, sizeof(byte));
	while (read(NET_HOLD_FD, &byte, sizeof(byte)) < 0 && errno == EINTR)
		;
	close(NET_HOLD_FD);
}

int broker_main(void)
{
	struct net_message ready = {.type = NET_READY};

	/* Started by hand, there is nobody to serve. */
	int type = 0;
	socklen_t length = sizeof(type);

	if (getsockopt(NET_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &length) ||
	    type != SOCK_SEQPACKET)
		return 125;
	prctl(PR_SET_NAME, NET_BROKER_NAME, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	ready.error = locked_heap_begin();
	/* It may name code to be loaded: now, before there are programs. */
	if (!ready.error && OPENSSL_init_ssl(0, NULL) != 1)
		ready.error = -EIO;
	await_program();
	/* What reads files comes first. */
	if (!ready.error)
		ready.error = make_loop();
	if (!ready.error)
		ready.error = upstream_start();
	if (!ready.error)
		ready.error = confine();
	broker_tell(&ready);
	if (ready.error)
		return 70;
	locked_heap_dispatch(broker.base);
	return 70;
}
