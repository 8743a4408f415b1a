/*
 * An answer: passed on as it comes, with secrets in it turned back.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/net/http_parts.h"

static void emit(void *context, const char *bytes, size_t length)
{
	(void)evbuffer_add(context, bytes, length);
}

/* The head goes on as it is, but for values in it. */
static void pass_head(struct http_flow *flow, const char *bytes, size_t length)
{
	struct evbuffer *out = bufferevent_get_output(flow->client);
	struct needles_state state = {0};

	needles_pass(flow->held->restore, &state, bytes, length, emit, NULL,
		     out);
	needles_end(flow->held->restore, &state, emit, out);
}

static void begin_tunnel(struct http_flow *flow)
{
	struct http_head raw = {.body = HTTP_BODY_CLOSE};

	flow->tunnel = true;
	flow->request = HTTP_PHASE_BODY;
	flow->answer = HTTP_PHASE_BODY;
	http_pipe_begin(&flow->up, &raw, flow->body_swap);
	http_pipe_begin(&flow->down, &raw,
			flow->held->count ? flow->held->restore : NULL);
}

static void take_head(struct http_flow *flow, const char *bytes, size_t length)
{
	struct http_head *head = &flow->head;
	const char *why;

	if (http_answer_read(bytes, length, flow->to_head, head, &why)) {
		char text[160];

		(void)snprintf(text, sizeof(text),
			       "the answer is ambiguous: %s", why);
		http_refuse(flow, 502, text);
		return;
	}
	if (head->status == 101 && (!flow->wants_upgrade || head->other_http)) {
		http_refuse(flow, 502, "an upgrade that was not asked for");
		return;
	}
	/* What cannot be read could be the secret, sent back. */
	if (flow->swapped && head->encoded &&
	    (head->body != HTTP_BODY_NONE || head->status == 101)) {
		http_refuse(flow, 502,
			    "the answer to a request with a secret is encoded, "
			    "though no encoding was asked for");
		return;
	}
	if (http_renew_begin(flow, bytes, length)) {
		flow->close |= head->close;
		flow->answer = HTTP_PHASE_BODY;
		return;
	}
	pass_head(flow, bytes, length);
	if (head->status == 101) {
		begin_tunnel(flow);
	} else if (head->status >= 200) {
		flow->answered = true;
		flow->close |= head->close;
		flow->answer = HTTP_PHASE_BODY;
		http_pipe_begin(&flow->down, head,
				flow->held->count ? flow->held->restore : NULL);
	}
}

static bool begin(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->server);
	const char *bytes;
	size_t length;

	/* One after the other, they could be without an end. */
	if (evbuffer_get_length(bufferevent_get_output(flow->client)) >
	    flow->most)
		return false;
	enum http_read read = http_read_head(in, &bytes, &length);

	if (evbuffer_get_length(in) && flow->request < HTTP_PHASE_BODY) {
		/* Nothing was asked. */
		http_over(flow, true);
		return false;
	}
	if (read == HTTP_READ_BAD)
		http_refuse(flow, 502, "the answer's head is not well-formed");
	if (read != HTTP_READ_HEAD)
		return false;
	take_head(flow, bytes, length);
	if (flow->lingering || flow->over)
		return false;
	evbuffer_drain(in, length);
	flow->in += length;
	return true;
}

static bool pass_body(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->server);
	struct evbuffer *out = bufferevent_get_output(flow->client);
	size_t before = evbuffer_get_length(in);
	enum http_piped piped;

	if (evbuffer_get_length(out) > flow->most)
		return false;
	piped = http_pipe_pass(&flow->down, flow->held, NULL, in,
			       flow->renewing ? flow->gathered : out);
	flow->in += before - evbuffer_get_length(in);
	if (flow->renewing && !http_renew_fits(flow)) {
		http_refuse(flow, 502,
			    "an answer that should renew a secret is too long");
		return false;
	}
	if (flow->renewing && piped == HTTP_PIPED_DONE) {
		http_renew_end(flow);
		if (flow->lingering || flow->over)
			return false;
	}
	if (piped == HTTP_PIPED_BAD) {
		http_over(flow, true);
		return false;
	}
	if (piped == HTTP_PIPED_DONE)
		flow->answer = HTTP_PHASE_DONE;
	return piped == HTTP_PIPED_DONE;
}

bool http_answer_step(struct http_flow *flow)
{
	if (!flow->server)
		return false;
	switch (flow->answer) {
	case HTTP_PHASE_HEAD:
		return begin(flow);
	case HTTP_PHASE_BODY:
		return pass_body(flow);
	default:
		return false;
	}
}
