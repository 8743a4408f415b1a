#include <stdio.h>
#include <string.h>

#include "supervisor/net/http_parts.h"

/* Up to where a head may go: what comes behind it, and may hold secrets, is not
 * copied together with it. */
static size_t head_most(struct evbuffer *in)
{
	size_t most = evbuffer_get_length(in);
	struct evbuffer_ptr end, found;

	if (most > HTTP_HEAD_MOST)
		most = HTTP_HEAD_MOST;
	if (!most || evbuffer_ptr_set(in, &end, most, EVBUFFER_PTR_SET))
		return most;
	found = evbuffer_search_range(in, "\r\n\r\n", 4, NULL, &end);
	return found.pos < 0 ? most : (size_t)found.pos + 4;
}

enum http_read http_read_head(struct evbuffer *in, const char **bytes,
			      size_t *length)
{
	size_t most = head_most(in);
	int end;

	if (!most)
		return HTTP_READ_MORE;
	*bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)most);
	end = *bytes ? http_head_end(*bytes, most) : -1;
	*length = end > 0 ? (size_t)end : 0;
	return end < 0 ? HTTP_READ_BAD : end ? HTTP_READ_HEAD : HTTP_READ_MORE;
}

void http_pipe_clear(struct http_pipe *pipe)
{
	if (pipe->trailer)
		evbuffer_free(pipe->trailer);
	*pipe = (struct http_pipe){0};
}

void http_pipe_begin(struct http_pipe *pipe, const struct http_head *head,
		     const struct needles *swap)
{
	http_pipe_clear(pipe);
	pipe->body = head->body;
	pipe->left = head->length;
	pipe->swap = swap;
}

/* Where what is swapped goes to. */
struct passing {
	struct evbuffer *out;
	uint64_t *found;
};

static void emit(void *context, const char *bytes, size_t length)
{
	const struct passing *passing = context;

	/* Without memory the message is cut: its length tells. */
	(void)evbuffer_add(passing->out, bytes, length);
}

static void note(void *context, unsigned id)
{
	const struct passing *passing = context;

	*passing->found |= 1ULL << id;
}

static void pass(struct http_pipe *pipe, const char *bytes, size_t length,
		 struct evbuffer *out)
{
	struct passing passing = {out, &pipe->found};

	if (pipe->swap)
		needles_pass(pipe->swap, &pipe->state, bytes, length, emit,
			     note, &passing);
	else
		emit(&passing, bytes, length);
}

static void pass_end(struct http_pipe *pipe, struct evbuffer *out)
{
	struct passing passing = {out, &pipe->found};

	if (pipe->swap)
		needles_end(pipe->swap, &pipe->state, emit, &passing);
}

static void look(const struct secrets *secrets, struct http_watch *watch,
		 const char *bytes, size_t length)
{
	if (watch && secrets->count)
		http_watch_bytes(secrets, watch, bytes, length);
}

/* The first bytes of a buffer that lie together. */
static struct evbuffer_iovec first(struct evbuffer *in)
{
	struct evbuffer_iovec part = {0};

	if (evbuffer_peek(in, -1, NULL, &part, 1) < 1)
		part.iov_len = 0;
	return part;
}

static void write_chunk(const struct http_pipe *pipe, struct evbuffer *data,
			struct evbuffer *out)
{
	size_t length = evbuffer_get_length(data);

	if (!length)
		return;
	if (pipe->bare) {
		evbuffer_add_buffer(out, data);
		return;
	}
	evbuffer_add_printf(out, "%zx\r\n", length);
	evbuffer_add_buffer(out, data);
	evbuffer_add(out, "\r\n", 2);
}

static void take_trailer(struct http_pipe *pipe, const char *bytes,
			 size_t length)
{
	if (!pipe->trailer)
		pipe->trailer = evbuffer_new();
	if (!pipe->trailer)
		return;
	struct passing passing = {pipe->trailer, &pipe->found};

	if (pipe->swap)
		needles_pass(pipe->swap, &pipe->trailer_state, bytes, length,
			     emit, note, &passing);
	else
		emit(&passing, bytes, length);
}

static void end_chunks(struct http_pipe *pipe, struct evbuffer *data,
		       struct evbuffer *out)
{
	pass_end(pipe, data);
	write_chunk(pipe, data, out);
	if (pipe->bare)
		return;
	evbuffer_add(out, "0\r\n", 3);
	if (pipe->trailer) {
		struct passing passing = {pipe->trailer, &pipe->found};

		if (pipe->swap)
			needles_end(pipe->swap, &pipe->trailer_state, emit,
				    &passing);
		evbuffer_add_buffer(out, pipe->trailer);
	}
	evbuffer_add(out, "\r\n", 2);
}

static enum http_piped pass_chunks(struct http_pipe *pipe,
				   const struct secrets *secrets,
				   struct http_watch *watch,
				   struct evbuffer *in, struct evbuffer *out)
{
	struct evbuffer *data = evbuffer_new();
	enum http_piped result = data ? HTTP_PIPED_MORE : HTTP_PIPED_BAD;

	while (result == HTTP_PIPED_MORE) {
		struct evbuffer_iovec part = first(in);
		size_t used;

		if (!part.iov_len)
			break;
		switch (http_chunks_read(&pipe->chunks, part.iov_base,
					 part.iov_len, &used)) {
		case HTTP_CHUNK_DATA:
			look(secrets, watch, part.iov_base, used);
			pass(pipe, part.iov_base, used, data);
			break;
		case HTTP_CHUNK_TRAILER:
			look(secrets, watch, part.iov_base, used);
			take_trailer(pipe, part.iov_base, used);
			if (pipe->asks &&
			    !trailer_pass(&pipe->asked, part.iov_base, used))
				result = HTTP_PIPED_BAD;
			break;
		case HTTP_CHUNK_END:
			end_chunks(pipe, data, out);
			result = HTTP_PIPED_DONE;
			break;
		case HTTP_CHUNK_BAD:
			result = HTTP_PIPED_BAD;
			break;
		default:
			break;
		}
		evbuffer_drain(in, used);
	}
	if (data) {
		write_chunk(pipe, data, out);
		evbuffer_free(data);
	}
	return result;
}

/* A body of known length, or one that ends with its connection. */
static enum http_piped pass_plain(struct http_pipe *pipe,
				  const struct secrets *secrets,
				  struct http_watch *watch, struct evbuffer *in,
				  struct evbuffer *out)
{
	bool counted = pipe->body == HTTP_BODY_LENGTH;

	while (!counted || pipe->left) {
		struct evbuffer_iovec part = first(in);
		size_t length = part.iov_len;

		if (counted && length > pipe->left)
			length = (size_t)pipe->left;
		if (!length)
			return HTTP_PIPED_MORE;
		look(secrets, watch, part.iov_base, length);
		if (pipe->swap && !needles_absent(pipe->swap, &pipe->state,
						  part.iov_base, length)) {
			pass(pipe, part.iov_base, length, out);
			evbuffer_drain(in, length);
		} else {
			/* Not copied. */
			evbuffer_remove_buffer(in, out, length);
		}
		pipe->left -= counted ? length : 0;
	}
	pass_end(pipe, out);
	return HTTP_PIPED_DONE;
}

enum http_piped http_pipe_pass(struct http_pipe *pipe,
			       const struct secrets *secrets,
			       struct http_watch *watch, struct evbuffer *in,
			       struct evbuffer *out)
{
	switch (pipe->body) {
	case HTTP_BODY_NONE:
		return HTTP_PIPED_DONE;
	case HTTP_BODY_CHUNKED:
		return pass_chunks(pipe, secrets, watch, in, out);
	default:
		return pass_plain(pipe, secrets, watch, in, out);
	}
}

void http_pipe_close(struct http_pipe *pipe, struct evbuffer *out)
{
	pass_end(pipe, out);
}
