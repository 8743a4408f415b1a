#include "supervisor/net/agent_flow.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/net/agent_filter.h"
#include "supervisor/net/broker.h"
#include "supervisor/net/pace.h"
#include "supervisor/net/protocol.h"

enum {
	FLOWS_MOST = 64,
	REPORTS_MOST = 64,
	WAITING_MOST = 16,
	READ_MOST = AGENT_MESSAGE_MOST + 4, /* of one side at a time */
};

static struct agent_rules rules;
static unsigned flow_count, report_count;

struct agent_flow {
	struct bufferevent *program, *agent;
	struct agent_filter filter;
	const char *told; /* the last refusal that was: once is enough */
};

void agent_flow_rules(struct net_fds *fds)
{
	const size_t most = sizeof(rules.items);
	size_t length = 0;
	ssize_t got = 1;

	while (got > 0 && length < most) {
		got = read(fds->fd[0], (char *)rules.items + length,
			   most - length);
		length += got > 0 ? (size_t)got : 0;
	}
	rules.count = length / sizeof(*rules.items);
	for (size_t i = 0; i < rules.count; i++)
		if (rules.items[i].host_count > AGENT_HOST_KEYS)
			rules.count = 0;
}

static void end(struct agent_flow *flow)
{
	bufferevent_free(flow->program);
	bufferevent_free(flow->agent);
	free(flow);
	flow_count--;
}

static void tell(struct agent_flow *flow, const char *why)
{
	struct net_message message = {.type = NET_AGENT_REFUSED};

	if (flow->told == why || report_count == REPORTS_MOST)
		return;
	flow->told = why;
	report_count++;
	(void)snprintf(message.text, sizeof(message.text),
		       "the ssh agent was asked for what the policy does not "
		       "allow: %s",
		       why);
	broker_tell(&message);
}

enum taken {
	TAKEN_NONE = 0,
	TAKEN_ONE,
	TAKEN_OVER, /* and so is the flow */
};

/* One message of the program. */
static enum taken take_request(struct agent_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->program);
	struct evbuffer *out = bufferevent_get_output(flow->program);
	size_t length = evbuffer_get_length(in);
	const uint8_t *bytes = evbuffer_pullup(in, -1);
	long size = bytes ? agent_message_end(bytes, length) : 0;
	const char *why;
	int error;

	/* Who does not read what is refused is not served more of it. */
	if (size == 0 || evbuffer_get_length(out) > WAITING_MOST * 1024)
		return TAKEN_NONE;
	if (size < 0) {
		tell(flow, "a message of no such length");
		end(flow);
		return TAKEN_OVER;
	}
	if (agent_request(&flow->filter, bytes + 4, (size_t)size - 4, &why)) {
		error = evbuffer_add(bufferevent_get_output(flow->agent), bytes,
				     (size_t)size);
	} else {
		tell(flow, why);
		error = agent_refuse(out);
	}
	if (error) {
		end(flow);
		return TAKEN_OVER;
	}
	evbuffer_drain(in, (size_t)size);
	return TAKEN_ONE;
}

static void on_program(struct bufferevent *side, void *context)
{
	struct agent_flow *flow = context;
	enum taken taken = TAKEN_ONE;

	(void)side;
	/* One at a time: an answer is understood by what was asked. */
	while (!flow->filter.request && taken == TAKEN_ONE)
		taken = take_request(flow);
	if (taken != TAKEN_OVER)
		pace_reading(flow->program, READ_MOST);
}

static void on_agent(struct bufferevent *side, void *context)
{
	struct agent_flow *flow = context;
	struct evbuffer *in = bufferevent_get_input(side);
	size_t length = evbuffer_get_length(in);
	const uint8_t *bytes = evbuffer_pullup(in, -1);
	long size = bytes ? agent_message_end(bytes, length) : 0;

	if (size == 0)
		return;
	if (size < 0 || !flow->filter.request ||
	    agent_answer(&flow->filter, bytes + 4, (size_t)size - 4,
			 bufferevent_get_output(flow->program))) {
		end(flow);
		return;
	}
	evbuffer_drain(in, (size_t)size);
	on_program(flow->program, flow);
}

static void on_event(struct bufferevent *side, short what, void *context)
{
	(void)side;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		end(context);
}

static struct bufferevent *make_side(int *fd)
{
	struct bufferevent *side = bufferevent_socket_new(
		broker_base(), *fd,
		BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);

	if (side)
		*fd = -1;
	return side;
}

static void serve(struct agent_flow *flow, struct bufferevent *side,
		  bufferevent_data_cb on_bytes, bufferevent_data_cb on_room)
{
	bufferevent_setcb(side, on_bytes, on_room, on_event, flow);
	bufferevent_setwatermark(side, EV_READ, 0, READ_MOST);
	bufferevent_enable(side, EV_READ | EV_WRITE);
}

void agent_flow_start(struct net_fds *fds)
{
	struct agent_flow *flow =
		flow_count < FLOWS_MOST ? calloc(1, sizeof(*flow)) : NULL;

	if (!flow)
		return;
	flow->filter.rules = &rules;
	flow->program = make_side(&fds->fd[0]);
	flow->agent = make_side(&fds->fd[1]);
	if (!flow->program || !flow->agent) {
		if (flow->program)
			bufferevent_free(flow->program);
		if (flow->agent)
			bufferevent_free(flow->agent);
		free(flow);
		return;
	}
	flow_count++;
	serve(flow, flow->program, on_program, on_program);
	serve(flow, flow->agent, on_agent, NULL);
}
