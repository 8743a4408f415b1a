/*
 * Answers that renew a secret: to a request that carried a secret of the same
 * file, JSON with the key that its rule names. Such an answer is held back
 * until it is whole; the session gets the placeholders that it has already.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include <openssl/crypto.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/secret_source.h"

enum { ANSWER_MOST = 64 * 1024 };

static void emit(void *context, const char *bytes, size_t length)
{
	(void)evbuffer_add(context, bytes, length);
}

/* Those that an answer to this request may renew. */
static uint64_t renewable(const struct http_flow *flow)
{
	const struct secrets *held = flow->held;
	uint64_t all = 0;

	for (size_t i = 0; i < held->count; i++)
		for (size_t j = 0; held->items[i].renewed[0] && j < held->count;
		     j++)
			if (flow->swapped & 1ULL << j &&
			    held->items[j].group == held->items[i].group)
				all |= 1ULL << i;
	return all;
}

static bool is_json(const struct http_head *head)
{
	const struct http_text *kind = http_head_find(head, "content-type");

	return kind && memmem(kind->at, kind->length, "json", 4);
}

bool http_renew_begin(struct http_flow *flow, const char *head, size_t length)
{
	flow->renewing = flow->swapped ? renewable(flow) : 0;
	if (!flow->renewing || flow->head.status != 200 ||
	    !is_json(&flow->head) ||
	    (flow->head.body != HTTP_BODY_LENGTH &&
	     flow->head.body != HTTP_BODY_CHUNKED) ||
	    (flow->head.body == HTTP_BODY_LENGTH &&
	     flow->head.length > ANSWER_MOST)) {
		flow->renewing = 0;
		return false;
	}
	flow->gathered = evbuffer_new();
	flow->held_head = evbuffer_new();
	if (!flow->gathered || !flow->held_head ||
	    evbuffer_add(flow->held_head, head, length)) {
		http_over(flow, true);
		return true;
	}
	http_pipe_begin(&flow->down, &flow->head, NULL);
	flow->down.bare = true;
	return true;
}

bool http_renew_fits(const struct http_flow *flow)
{
	return evbuffer_get_length(flow->gathered) <= ANSWER_MOST;
}

/* ---------------------------------------------------------------- the end --
 */

/* The new value of one secret: the rest of the broker's from now on. */
static int take(struct http_flow *flow, size_t index, const char *value)
{
	struct http_text text = {value, strlen(value)};
	struct secrets *made;
	int error =
		secrets_renew(flow->service->secrets, index, 1, &text, &made);

	if (error)
		return error;
	http_service_secrets(flow->service, made);
	flow->calls->renewed(flow->context, index, value);
	return 0;
}

static int take_all(struct http_flow *flow, json_t *root,
		    struct needle needles[SECRETS_MOST], size_t *count)
{
	for (size_t i = 0; i < flow->held->count; i++) {
		const struct secret *secret = &flow->held->items[i];
		json_t *found =
			flow->renewing & 1ULL << i
				? secret_source_find(root, secret->renewed)
				: NULL;
		const char *value = json_string_value(found);
		int error = value ? take(flow, i, value) : 0;

		if (error)
			return error;
		if (value)
			needles[(*count)++] = (struct needle){
				.text = value,
				.length = strlen(value),
				.instead = secret->placeholder.at,
				.instead_length = secret->placeholder.length,
				.id = (unsigned)i,
			};
	}
	return 0;
}

static void count_found(void *context, unsigned id)
{
	(void)context;
	(void)id;
}

/* `in` with every needle replaced; each must be there as it stands. */
static int put_placeholders(const struct needle *list, size_t count,
			    const char *bytes, size_t length,
			    struct evbuffer *out)
{
	struct needles_state state = {0};
	struct needles *needles;
	int error = 0;

	for (size_t i = 0; i < count; i++)
		if (!memmem(bytes, length, list[i].text, list[i].length))
			return -EINVAL;
	error = needles_new(list, count, &needles);
	if (error)
		return error;
	needles_pass(needles, &state, bytes, length, emit, count_found, out);
	needles_end(needles, &state, emit, out);
	needles_free(needles);
	return 0;
}

/* The head again, with the body's new length. */
static int put_head(struct http_flow *flow, size_t body, struct evbuffer *out)
{
	size_t length = evbuffer_get_length(flow->held_head);
	const char *bytes = (const char *)evbuffer_pullup(flow->held_head, -1);
	struct http_head *head = &flow->head;
	const char *why;

	if (!bytes ||
	    http_answer_read(bytes, length, flow->to_head, head, &why))
		return -EINVAL;
	evbuffer_add_printf(out, "HTTP/1.1 200 %.*s\r\n",
			    (int)head->reason.length, head->reason.at);
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (http_text_is(field->name, "content-length") ||
		    http_text_is(field->name, "transfer-encoding") ||
		    http_text_is(field->name, "trailer"))
			continue;
		evbuffer_add_printf(out, "%.*s: %.*s\r\n",
				    (int)field->name.length, field->name.at,
				    (int)field->value.length, field->value.at);
	}
	evbuffer_add_printf(out, "Content-Length: %zu\r\n\r\n", body);
	return 0;
}

static int rewrite(struct http_flow *flow, json_t *root, struct evbuffer *body)
{
	struct needle needles[SECRETS_MOST] = {0};
	size_t length = evbuffer_get_length(flow->gathered), count = 0;
	const char *bytes = (const char *)evbuffer_pullup(flow->gathered, -1);
	int error = bytes ? take_all(flow, root, needles, &count) : -ENOMEM;

	return error ? error
		     : put_placeholders(needles, count, bytes, length, body);
}

/* All of it, and other values in it turned back as ever. */
static int answer(struct http_flow *flow, struct evbuffer *body)
{
	const struct needles *restore = flow->service->secrets->restore;
	struct evbuffer *all = evbuffer_new();
	struct needles_state state = {0};
	const char *bytes;
	int error =
		all ? put_head(flow, evbuffer_get_length(body), all) : -ENOMEM;

	if (!error && evbuffer_add_buffer(all, body))
		error = -ENOMEM;
	bytes = error ? NULL : (const char *)evbuffer_pullup(all, -1);
	if (bytes) {
		struct evbuffer *out = bufferevent_get_output(flow->client);

		needles_pass(restore, &state, bytes, evbuffer_get_length(all),
			     emit, NULL, out);
		needles_end(restore, &state, emit, out);
	} else if (!error) {
		error = -ENOMEM;
	}
	if (all)
		evbuffer_free(all);
	return error;
}

void http_renew_end(struct http_flow *flow)
{
	struct evbuffer *body = evbuffer_new();
	const char *bytes = (const char *)evbuffer_pullup(flow->gathered, -1);
	json_t *root =
		bytes ? json_loadb(bytes, evbuffer_get_length(flow->gathered),
				   JSON_REJECT_DUPLICATES, NULL)
		      : NULL;
	int error = body && root ? rewrite(flow, root, body) : -EINVAL;

	json_decref(root);
	if (!error)
		error = answer(flow, body);
	if (body)
		evbuffer_free(body);
	if (error)
		http_refuse(flow, 502,
			    "an answer that should renew a secret cannot be "
			    "understood");
	else
		flow->answered = true;
	http_renew_clear(flow);
}

void http_renew_clear(struct http_flow *flow)
{
	if (flow->gathered)
		evbuffer_free(flow->gathered);
	if (flow->held_head)
		evbuffer_free(flow->held_head);
	flow->gathered = flow->held_head = NULL;
	flow->renewing = 0;
}
