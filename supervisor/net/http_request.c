/*
 * A request: read, decided about, sent on with its placeholders swapped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "supervisor/net/http_parts.h"

static struct http_text text_of(const char *text)
{
	return (struct http_text){text, strlen(text)};
}

bool http_is_localhost(const char *name, struct http_text other)
{
	unsigned char address[16];

	if (!http_text_is(other, "localhost"))
		return false;
	if (inet_pton(AF_INET, name, address) == 1)
		return address[0] == 127;
	return strcmp(name, "::1") == 0;
}

bool http_host_is(const struct http_flow *flow, struct http_text host)
{
	struct http_text name = text_of(flow->name);
	const char *colon = memrchr(host.at, ':', host.length);
	char port[8];

	/* `]:` or a name's colon; not one within an IPv6 address. */
	if (colon &&
	    (host.at[0] != '[' || (colon > host.at && colon[-1] == ']'))) {
		struct http_text after = {
			colon + 1, host.length - (size_t)(colon + 1 - host.at)};

		(void)snprintf(port, sizeof(port), "%u", flow->port);
		if (!http_text_is(after, port))
			return false;
		host.length = (size_t)(colon - host.at);
	}
	if (host.length > 2 && host.at[0] == '[' &&
	    host.at[host.length - 1] == ']') {
		host.at++;
		host.length -= 2;
	} else if (host.length && host.at[host.length - 1] == '.') {
		host.length--;
	}
	return (host.length == name.length &&
		strncasecmp(host.at, name.at, name.length) == 0) ||
	       http_is_localhost(flow->name, host);
}

/* The head at the start of the client's bytes, or NULL. */
static const char *whole_head(struct http_flow *flow, size_t *length)
{
	const char *bytes;

	switch (http_read_head(bufferevent_get_input(flow->client), &bytes,
			       length)) {
	case HTTP_READ_HEAD:
		return bytes;
	case HTTP_READ_BAD:
		http_refuse(flow, 400,
			    "the request's head is not well-formed, "
			    "or too long");
		return NULL;
	default:
		return NULL;
	}
}

static bool refuse_bad(struct http_flow *flow, const char *why)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "the request is ambiguous: %s", why);
	http_refuse(flow, 400, text);
	return false;
}

/* As gateways tell programs of headers (RFC 3875, 4.1.18): `_` is `-` there. */
static bool is_one_of(struct http_text name, const char *const *names)
{
	char dashed[32];

	if (name.length >= sizeof(dashed))
		return false;
	for (size_t i = 0; i < name.length; i++)
		dashed[i] = name.at[i] == '_' ? '-' : name.at[i];
	name.at = dashed;
	while (*names && !http_text_is(name, *names))
		names++;
	return *names;
}

/* The method, or path, that a header names, and that servers may take instead:
 * the former is asked about as well. Returns why the request is refused, or
 * NULL. */
static const char *read_others(struct http_flow *flow)
{
	static const char *const methods[] = {
		"x-http-method-override",
		"x-http-method",
		"x-method-override",
		NULL,
	};
	static const char *const paths[] = {"x-original-url", "x-rewrite-url",
					    NULL};

	flow->other = false;
	flow->other_method[0] = '\0';
	for (size_t i = 0; i < flow->head.field_count; i++) {
		const struct http_field *field = &flow->head.fields[i];
		struct http_text value = field->value;

		if (is_one_of(field->name, paths))
			return "a header names another path";
		if (!is_one_of(field->name, methods) || !value.length)
			continue;
		if (flow->other_method[0])
			return "two headers name another method";
		if (value.length >= sizeof(flow->other_method))
			return "a header names another method, which is none";
		for (size_t j = 0; j < value.length; j++) {
			char c = value.at[j];

			/* As servers take it. */
			if (c >= 'a' && c <= 'z')
				c = (char)(c - 'a' + 'A');
			if (c < 'A' || c > 'Z')
				return "a header names another method, which "
				       "is none";
			flow->other_method[j] = c;
		}
		flow->other_method[value.length] = '\0';
	}
	return NULL;
}

/* Read the head; false where the request is refused. */
static bool read_head(struct http_flow *flow, const char *bytes, size_t length)
{
	struct http_head *head = &flow->head;
	const char *why = NULL;

	if (http_request_read(bytes, length, head, &why))
		return refuse_bad(flow, why);
	if (!http_host_is(flow, head->host)) {
		http_refuse(flow, 421,
			    "the Host of the request is not the one that the "
			    "connection was made to");
		return false;
	}
	flow->paths = http_paths(head->target, flow->question, &why);
	if (flow->paths < 0)
		return refuse_bad(flow, why);
	(void)snprintf(flow->method, sizeof(flow->method), "%.*s",
		       (int)head->method.length, head->method.at);
	why = read_others(flow);
	return !why || refuse_bad(flow, why);
}

static void ask(struct http_flow *flow)
{
	flow->verdict = -1;
	flow->calls->ask(flow->context,
			 flow->other ? flow->other_method : flow->method,
			 flow->question[flow->path]);
}

static bool refuse_two(struct http_flow *flow)
{
	char text[224];

	flow->two = true;
	(void)snprintf(
		text, sizeof(text),
		"the client speaks HTTP/2, and requests to this host are "
		"looked into, so it is to use HTTP/1.1: %s",
		http_two_way_out);
	http_refuse(flow, 400, text);
	return true;
}

static bool begin(struct http_flow *flow)
{
	size_t length;
	const char *bytes;

	if (!flow->used && http_two_is(bufferevent_get_input(flow->client)))
		return refuse_two(flow);
	bytes = whole_head(flow, &length);
	if (!bytes)
		return false;
	if (flow->fault[0]) {
		http_refuse(flow, 502, flow->fault);
		return true;
	}
	if (!read_head(flow, bytes, length))
		return true;
	flow->request = HTTP_PHASE_ASKING;
	flow->path = 0;
	ask(flow);
	return true;
}

/* ---------------------------------------------------------------- sending --
 */

/* The table for secrets that belong into bodies, if there are any. */
static bool make_body_swap(struct http_flow *flow)
{
	struct needle needles[SECRETS_MOST];
	size_t count = 0;

	needles_free(flow->body_swap);
	flow->body_swap = NULL;
	for (unsigned i = 0; i < flow->held->count; i++) {
		const struct secret *secret = &flow->held->items[i];

		if (!(flow->mask & 1ULL << i) ||
		    secret->place != SECRET_IN_BODY)
			continue;
		if (flow->head.body == HTTP_BODY_LENGTH &&
		    secret->value.length != secret->placeholder.length)
			return false;
		needles[count++] = (struct needle){
			.text = secret->placeholder.at,
			.length = secret->placeholder.length,
			.instead = secret->value.at,
			.instead_length = secret->value.length,
			.id = i,
		};
	}
	return !count || needles_new(needles, count, &flow->body_swap) == 0;
}

/* Secrets may share a value, and so a placeholder, and have other hosts. */
static uint64_t with_the_same(const struct secrets *secrets, uint64_t mask)
{
	uint64_t all = mask;

	for (size_t i = 0; i < secrets->count; i++)
		for (size_t j = 0; j < secrets->count; j++) {
			struct http_text a = secrets->items[i].placeholder;
			struct http_text b = secrets->items[j].placeholder;

			if (mask & 1ULL << i && a.length == b.length &&
			    memcmp(a.at, b.at, a.length) == 0)
				all |= 1ULL << j;
		}
	return all;
}

static void alert(struct http_flow *flow)
{
	uint64_t fresh = flow->watch.seen & ~flow->reported &
			 ~with_the_same(flow->held, flow->mask);

	flow->reported |= fresh;
	for (unsigned i = 0; fresh && i < flow->held->count; i++)
		if (fresh & 1ULL << i)
			flow->calls->report(flow->context,
					    HTTP_REPORT_EXFILTRATION,
					    flow->held->items[i].name);
}

static void tell_swapped(struct http_flow *flow)
{
	uint64_t fresh = flow->swapped & ~flow->told;

	flow->told |= fresh;
	for (unsigned i = 0; fresh && i < flow->held->count; i++)
		if (fresh & 1ULL << i)
			flow->calls->swapped(flow->context, i, flow->method,
					     flow->question[0]);
}

/* In one piece: what is written in pieces leaves in many records of TLS. */
bool http_write_head(struct http_flow *flow, const char *hash)
{
	struct evbuffer *out = evbuffer_new();
	const char *why = NULL;
	int error = out ? http_sign_head(flow, hash, out, &why) : -ENOMEM;

	if (!error &&
	    (!evbuffer_pullup(out, -1) ||
	     evbuffer_add_buffer(bufferevent_get_output(flow->server), out)))
		error = -ENOMEM;
	if (out)
		evbuffer_free(out);
	if (!error)
		tell_swapped(flow);
	if (error && why) {
		char text[224];

		(void)snprintf(text, sizeof(text),
			       "the request cannot be signed again: %s", why);
		http_refuse(flow, 400, text);
	} else if (error) {
		http_over(flow, true);
	}
	return !error;
}

/* The client waits for a word before it sends a body that we want first. */
static void invite_body(struct http_flow *flow)
{
	const struct http_text *expect = http_head_find(&flow->head, "expect");

	if (expect && http_text_is(*expect, "100-continue"))
		evbuffer_add_printf(bufferevent_get_output(flow->client),
				    "HTTP/1.1 100 Continue\r\n\r\n");
}

static void send_head(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->client);
	size_t length;
	const char *bytes = whole_head(flow, &length);
	const char *why;
	bool gather;

	/* The same bytes as before: nothing was taken from the buffer. */
	if (!bytes || http_request_read(bytes, length, &flow->head, &why)) {
		http_over(flow, true);
		return;
	}
	flow->held = secrets_hold(flow->service->secrets);
	flow->watch = (struct http_watch){0};
	flow->reported = flow->swapped = flow->told = 0;
	if (!http_sign_begin(flow, &gather))
		return;
	/* What is signed stays as it is. */
	if (flow->signer < 0 && !make_body_swap(flow)) {
		http_refuse(flow, 502,
			    "a renewed secret has another length than its "
			    "placeholder, so it cannot be put in this body");
		return;
	}
	if (flow->held->count)
		http_watch_bytes(flow->held, &flow->watch, bytes, length);
	alert(flow);
	if (gather && http_gather_begin(flow, bytes, length))
		http_over(flow, true);
	if (flow->over || (!gather && !http_write_head(flow, NULL)))
		return;
	http_pipe_begin(&flow->up, &flow->head, flow->body_swap);
	flow->up.asks = true;
	flow->to_head = http_text_is(flow->head.method, "head");
	flow->wants_upgrade = flow->head.upgrade;
	flow->close = flow->head.close;
	if (gather)
		invite_body(flow);
	evbuffer_drain(in, length);
	flow->out += length;
	flow->request = gather ? HTTP_PHASE_GATHER : HTTP_PHASE_BODY;
}

static bool take_verdict(struct http_flow *flow)
{
	if (flow->verdict < 0)
		return false;
	if (!flow->verdict) {
		http_refuse(flow, 403, flow->refusal);
	} else if (++flow->path < flow->paths) {
		ask(flow);
	} else if (flow->other_method[0] && !flow->other) {
		flow->other = true;
		flow->path = 0;
		ask(flow);
	} else if (flow->fault[0]) {
		http_refuse(flow, 502, flow->fault);
	} else {
		send_head(flow);
	}
	return true;
}

static bool pass_body(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->client);
	struct evbuffer *out = bufferevent_get_output(flow->server);
	size_t before = evbuffer_get_length(in);
	enum http_piped piped;

	if (evbuffer_get_length(out) > flow->most)
		return false;
	piped = http_pipe_pass(&flow->up, flow->held, &flow->watch, in, out);
	flow->swapped |= flow->up.found;
	tell_swapped(flow);
	alert(flow);
	flow->out += before - evbuffer_get_length(in);
	if (piped == HTTP_PIPED_BAD)
		http_refuse(flow, 400, "the request's chunks are none, or a trailer of "
			    "it belongs in its head");
	else if (piped == HTTP_PIPED_DONE)
		flow->request = HTTP_PHASE_DONE;
	return piped != HTTP_PIPED_MORE;
}

static bool gather_body(struct http_flow *flow)
{
	struct evbuffer *in = bufferevent_get_input(flow->client);
	size_t before = evbuffer_get_length(in);
	enum http_piped piped = http_pipe_pass(
		&flow->up, flow->held, &flow->watch, in, flow->gathering.body);

	alert(flow);
	flow->out += before - evbuffer_get_length(in);
	if (piped == HTTP_PIPED_BAD)
		http_over(flow, true);
	else if (piped == HTTP_PIPED_DONE && http_gather_end(flow))
		flow->request = HTTP_PHASE_DONE;
	return flow->request == HTTP_PHASE_DONE;
}

bool http_request_step(struct http_flow *flow)
{
	switch (flow->request) {
	case HTTP_PHASE_HEAD:
		return begin(flow);
	case HTTP_PHASE_ASKING:
		return take_verdict(flow);
	case HTTP_PHASE_GATHER:
		return gather_body(flow);
	case HTTP_PHASE_BODY:
		return pass_body(flow);
	default:
		return false;
	}
}
