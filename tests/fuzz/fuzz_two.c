/*
 * Requests of HTTP/2 become texts of HTTP/1.1: whatever fields there are, and
 * whatever frames, one request is one text, with nothing in it that was not
 * asked for; and back.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/http_two_end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ----------------------------------------------------------------- fields --
 */

static struct http_text take(const uint8_t **data, size_t *size)
{
	size_t length = *size ? **data : 0;
	struct http_text text;

	*data += *size > 0;
	*size -= *size > 0;
	if (length > *size)
		length = *size;
	text = (struct http_text){(const char *)*data, length};
	*data += length;
	*size -= length;
	return text;
}

static bool is_one_of(struct http_text name, const char *const *words)
{
	for (; *words; words++)
		if (http_text_is(name, *words))
			return true;
	return false;
}

/* The text is one head, and has the fields that were given. */
static void check_text(struct evbuffer *text, const struct http_text *names,
		       size_t count, bool ended, enum two_frame frame)
{
	static const char *const ours[] = {"host", "content-length",
					   "transfer-encoding", "cookie", NULL};
	static struct http_head head;
	static struct two_fields fields;
	size_t length = evbuffer_get_length(text);
	const char *bytes = (const char *)evbuffer_pullup(text, -1), *why;

	check(http_head_end(bytes, length) == (int)length);
	if (http_request_read(bytes, length, &head, &why))
		return;
	check((head.body == HTTP_BODY_CHUNKED) == (frame == TWO_FRAME_CHUNKS));
	check(!ended || head.body == HTTP_BODY_NONE || head.length == 0);
	check(!head.upgrade && !head.close && !head.old);
	for (size_t i = 0; i < head.field_count; i++) {
		bool found = is_one_of(head.fields[i].name, ours);

		for (size_t j = 0; j < count && !found; j++)
			found = names[j].length == head.fields[i].name.length &&
				memcmp(names[j].at, head.fields[i].name.at,
				       names[j].length) == 0;
		check(found);
	}
	check(two_fields_request(&fields, &head) == 0);
	check(fields.count <= head.field_count + 4);
	two_fields_clear(&fields);
}

static void run_fields(const uint8_t *data, size_t size)
{
	struct http_text names[HTTP_FIELDS_MOST + 1];
	struct two_head head = {0};
	struct evbuffer *text = evbuffer_new();
	enum two_frame frame;
	uint8_t how = size ? *data : 0;
	bool ended = how & 1;
	const char *why = NULL;
	size_t count = 0;
	int error = 0;

	head.kind = how & 2 ? TWO_ANSWER : how & 4 ? TWO_TRAILERS : TWO_REQUEST;
	data += size > 0;
	size -= size > 0;
	if (head.kind == TWO_REQUEST && how & 8) {
		/* A good beginning. */
		static const char *const good[][2] = {
			{":method", "POST"},
			{":scheme", "https"},
			{":authority", "a"},
			{":path", "/b"},
		};

		for (size_t i = 0; i < 4; i++)
			check(two_head_add(
				      &head,
				      (struct http_text){good[i][0],
							 strlen(good[i][0])},
				      (struct http_text){good[i][1],
							 strlen(good[i][1])},
				      &why) == 0);
	}
	while (size && !error && count < HTTP_FIELDS_MOST) {
		struct http_text name = take(&data, &size);
		struct http_text value = take(&data, &size);

		names[count++] = name;
		error = two_head_add(&head, name, value, &why);
		check(!error || why);
	}
	if (!error)
		error = two_head_write(&head, ended, how & 16, text, &frame,
				       &why);
	check(!error || why);
	if (!error && head.kind == TWO_REQUEST)
		check_text(text, names, count, ended, frame);
	if (!error && head.kind == TWO_ANSWER)
		check(http_head_end((const char *)evbuffer_pullup(text, -1),
				    evbuffer_get_length(text)) ==
		      (int)evbuffer_get_length(text));
	two_head_clear(&head);
	evbuffer_free(text);
}

/* ----------------------------------------------------------------- frames --
 */

static struct event_base *base;

struct seen {
	struct bufferevent *pipe;
	struct seen *next;
};

static bool begin(struct two_stream *stream)
{
	struct bufferevent *pair[2];
	struct seen *seen = calloc(1, sizeof(*seen)), **all;

	check(seen && bufferevent_pair_new(base, 0, pair) == 0);
	bufferevent_enable(pair[0], EV_READ | EV_WRITE);
	all = two_end_context(stream->end);
	seen->pipe = pair[0];
	seen->next = *all;
	*all = seen;
	stream->pipe = pair[1];
	two_stream_watch(stream);
	return true;
}

static void closed(struct two_stream *stream)
{
	(void)stream;
}

static void refused(void *context, const char *why)
{
	(void)context;
	check(why);
}

static void wake(void *context)
{
	(void)context;
}

static const struct two_calls calls = {begin, closed, refused, wake};

/* One request, and as much of a body as its head says. */
static void check_pipe(struct bufferevent *pipe)
{
	static struct http_head head;
	static uint8_t body[4096];
	struct evbuffer *in = bufferevent_get_input(pipe);
	size_t length = evbuffer_get_length(in);
	const char *bytes = (const char *)evbuffer_pullup(in, -1), *why;
	int end = length ? http_head_end(bytes, length) : 0;
	struct two_body read = {0};

	check(end > 0);
	if (http_request_read(bytes, (size_t)end, &head, &why))
		return;
	two_body_begin(&read, &head);
	evbuffer_drain(in, (size_t)end);
	while (two_body_read(&read, in, body, sizeof(body)))
		;
	check(!read.bad && !evbuffer_get_length(in));
	two_body_clear(&read);
}

static void run_frames(const uint8_t *data, size_t size)
{
	struct bufferevent *pair[2];
	struct seen *all = NULL;
	struct two_end *end;

	check(bufferevent_pair_new(base, 0, pair) == 0);
	bufferevent_enable(pair[0], EV_READ | EV_WRITE);
	bufferevent_enable(pair[1], EV_READ | EV_WRITE);
	end = two_end_new(pair[0], true, &calls, &all);
	check(end);
	bufferevent_write(pair[1], NGHTTP2_CLIENT_MAGIC,
			  NGHTTP2_CLIENT_MAGIC_LEN);
	bufferevent_write(pair[1], data, size);
	(void)two_end_run(end);
	for (struct seen *seen = all, *next; seen; seen = next) {
		next = seen->next;
		check_pipe(seen->pipe);
		bufferevent_free(seen->pipe);
		free(seen);
	}
	two_end_free(end);
	bufferevent_free(pair[0]);
	bufferevent_free(pair[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!base)
		base = event_base_new();
	if (size && data[0] & 0x80)
		run_frames(data + 1, size - 1);
	else
		run_fields(data, size);
	return 0;
}
