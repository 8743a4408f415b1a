/*
 * Requests that are signed with the placeholder of an AWS key: signed again
 * with the key itself, once the signature is found to be the placeholder's.
 * Where a request does not say what its body's hash is, the body is gathered
 * first, since the signature goes before it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "supervisor/net/aws_sign.h"
#include "supervisor/net/http_parts.h"

enum {
	BODY_MOST = 16 * 1024 * 1024,
	ALL_BODIES_MOST = 64 * 1024 * 1024, /* of all connections */
};

/* Of no bytes at all. */
static const char empty_hash[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static struct http_text text_of(const char *text)
{
	return (struct http_text){text, strlen(text)};
}

static uint64_t bits_of(const struct secrets *secrets, size_t id)
{
	return ((1ULL << secrets_parts(secrets, id)) - 1) << id;
}

static bool refuse(struct http_flow *flow, const char *why)
{
	char text[224];

	(void)snprintf(text, sizeof(text),
		       "the request cannot be signed again: %s", why);
	http_refuse(flow, 400, text);
	return false;
}

/* Which key signed it; no such is fine. */
static bool find(struct http_flow *flow, struct aws_signature *found)
{
	const struct secrets *held = flow->held;

	flow->signer = -1;
	for (size_t i = 0; i < held->count; i++) {
		struct aws_signature one;
		const char *why;
		int has;

		if (!(flow->mask & 1ULL << i) ||
		    held->items[i].place != SECRET_IN_AWS_ID)
			continue;
		has = aws_signature_find(
			&flow->head, held->items[i].placeholder, &one, &why);
		if (has < 0)
			return refuse(flow, why);
		if (!has)
			continue;
		if (flow->signer >= 0)
			return refuse(flow, "it has more than one signature");
		flow->signer = (int)i;
		*found = one;
	}
	return true;
}

bool http_sign_begin(struct http_flow *flow, bool *gather)
{
	struct aws_signature found = {0};

	*gather = false;
	if (!(flow->held->aws & flow->mask)) {
		flow->signer = -1;
		return true;
	}
	if (!find(flow, &found))
		return false;
	*gather = flow->signer >= 0 && !found.payload.length && !found.query &&
		  flow->head.body != HTTP_BODY_NONE;
	if (*gather && (flow->head.body != HTTP_BODY_LENGTH ||
			flow->head.length > BODY_MOST))
		return refuse(flow, "without x-amz-content-sha256 its body "
				    "must have a length of 16 MiB at most");
	if (*gather &&
	    flow->service->gathered + flow->head.length > ALL_BODIES_MOST)
		return refuse(flow, "too many bodies are being gathered");
	return true;
}

uint64_t http_sign_mask(const struct http_flow *flow)
{
	return (flow->mask & ~flow->held->aws) |
	       (flow->signer < 0 ? 0
				 : bits_of(flow->held, (size_t)flow->signer));
}

/* In which way is the signature that of the placeholder? */
static int verify(const struct http_flow *flow,
		  const struct aws_signature *found, struct http_text *payload,
		  unsigned *way, const char **why)
{
	const struct secret *key = &flow->held->items[flow->signer + 1];
	const struct http_text payloads[] = {*payload,
					     text_of("UNSIGNED-PAYLOAD")};
	size_t most = found->query && !found->payload.length ? 2 : 1;

	for (size_t i = 0; i < most * AWS_WAYS; i++) {
		char hex[AWS_HEX + 1];
		int error;

		*payload = payloads[i / AWS_WAYS];
		*way = (unsigned)(i % AWS_WAYS);
		error = aws_signature_make(&flow->head, found, key->placeholder,
					   *payload, *way, hex, why);
		if (error)
			return error;
		if (CRYPTO_memcmp(hex, found->signature, AWS_HEX) == 0)
			return 0;
	}
	*why = "its signature is not that of the placeholder";
	return -EBADMSG;
}

/* Put the real signature in the head that is about to leave. */
static int sign(const struct http_flow *flow, struct evbuffer *out,
		struct http_text payload, unsigned way, const char **why)
{
	const struct secret *id = &flow->held->items[flow->signer];
	size_t length = evbuffer_get_length(out);
	char *bytes = (char *)evbuffer_pullup(out, -1);
	struct aws_signature found;
	struct http_head head;
	char hex[AWS_HEX + 1];
	int error;

	if (!bytes || http_request_read(bytes, length, &head, why))
		return -ENOMEM;
	if (aws_signature_find(&head, id->value, &found, why) != 1)
		return -EBADMSG;
	error = aws_signature_make(&head, &found, id[1].value, payload, way,
				   hex, why);
	if (!error)
		memcpy(bytes + (found.signature - bytes), hex, AWS_HEX);
	return error;
}

int http_sign_head(struct http_flow *flow, const char *hash,
		   struct evbuffer *out, const char **why)
{
	struct aws_signature found;
	struct http_text payload = {0};
	uint64_t mask = http_sign_mask(flow);
	unsigned way = 0;
	int error = 0;

	*why = NULL;
	if (flow->signer >= 0) {
		error = aws_signature_find(
			&flow->head,
			flow->held->items[flow->signer].placeholder, &found,
			why);
		error = error < 0 ? error : 0;
		payload = found.payload.length ? found.payload
					       : text_of(hash ?: empty_hash);
		if (!error)
			error = verify(flow, &found, &payload, &way, why);
	}
	if (!error)
		error = http_swap_head(flow->held, mask, &flow->head, out,
				       &flow->swapped);
	if (!error && flow->signer >= 0)
		error = sign(flow, out, payload, way, why);
	/* The key itself is not in it, so no answer can have it; of its parts,
	 * only the first is told about. */
	flow->swapped &= ~flow->held->aws;
	if (!error && flow->signer >= 0)
		flow->calls->swapped(flow->context, (size_t)flow->signer,
				     flow->method, flow->question[0]);
	return error;
}

/* ------------------------------------------------------------- gathering -- */

int http_gather_begin(struct http_flow *flow, const char *bytes, size_t length)
{
	struct http_gathering *gathering = &flow->gathering;

	gathering->head = evbuffer_new();
	gathering->body = evbuffer_new();
	if (!gathering->head || !gathering->body ||
	    evbuffer_add(gathering->head, bytes, length))
		return -ENOMEM;
	gathering->counted = flow->head.length;
	flow->service->gathered += gathering->counted;
	return 0;
}

/* Read its head again, which is ours by now. */
static bool read_head(struct http_flow *flow)
{
	struct evbuffer *head = flow->gathering.head;
	const char *bytes = (const char *)evbuffer_pullup(head, -1), *why;

	return bytes && !http_request_read(bytes, evbuffer_get_length(head),
					   &flow->head, &why);
}

bool http_gather_end(struct http_flow *flow)
{
	struct evbuffer *body = flow->gathering.body;
	const unsigned char *bytes = evbuffer_pullup(body, -1);
	size_t length = evbuffer_get_length(body);
	char hash[AWS_HEX + 1];

	if ((length && !bytes) || aws_hash(bytes, length, hash) ||
	    !read_head(flow)) {
		http_over(flow, true);
		return false;
	}
	if (!http_write_head(flow, hash))
		return false;
	if (evbuffer_add_buffer(bufferevent_get_output(flow->server), body)) {
		http_over(flow, true);
		return false;
	}
	http_gather_clear(flow);
	return true;
}

void http_gather_clear(struct http_flow *flow)
{
	struct http_gathering *gathering = &flow->gathering;

	if (gathering->head)
		evbuffer_free(gathering->head);
	if (gathering->body)
		evbuffer_free(gathering->body);
	flow->service->gathered -= gathering->counted;
	*gathering = (struct http_gathering){0};
}
