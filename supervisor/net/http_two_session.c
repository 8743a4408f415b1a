#include "supervisor/net/http_two_session.h"

#include <string.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/locked_heap.h"

enum { OUTBOUND_ACKS = 100, SETTINGS_MOST = 32 };

/* --------------------------------------------------------------- memory -- */

static void *new (size_t size, void *context)
{
	(void)context;
	return locked_heap_new(size);
}

static void *new_zeroed(size_t count, size_t size, void *context)
{
	size_t all;
	void *memory;

	(void)context;
	if (__builtin_mul_overflow(count, size, &all))
		return NULL;
	memory = locked_heap_new(all);
	return memory ? memset(memory, 0, all) : NULL;
}

static void *resize(void *memory, size_t size, void *context)
{
	(void)context;
	return locked_heap_resize(memory, size);
}

static void release(void *memory, void *context)
{
	(void)context;
	locked_heap_free(memory);
}

/* ---------------------------------------------------------------- making -- */

static nghttp2_session_callbacks *make_calls(void)
{
	nghttp2_session_callbacks *calls;

	if (nghttp2_session_callbacks_new(&calls))
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(
		calls, two_on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(calls, two_on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(
		calls, two_on_bad_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		calls, two_on_bad_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls,
							     two_on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
								  two_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls,
							       two_on_close);
	return calls;
}

static nghttp2_option *make_options(void)
{
	nghttp2_option *options;

	if (nghttp2_option_new(&options))
		return NULL;
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_max_outbound_ack(options, OUTBOUND_ACKS);
	nghttp2_option_set_max_settings(options, SETTINGS_MOST);
	nghttp2_option_set_max_send_header_block_length(options,
							2 * HTTP_HEAD_MOST);
	nghttp2_option_set_peer_max_concurrent_streams(options, TWO_STREAMS);
	/* Nothing of what is sent is kept: there may be secrets in it. */
	nghttp2_option_set_max_deflate_dynamic_table_size(options, 0);
	return options;
}

static bool begin(struct two_end *end)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
		 end->server ? TWO_STREAMS : 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, TWO_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MOST},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};
	size_t count = sizeof(settings) / sizeof(*settings) - end->server;

	/* The connection's window is that of all its streams: none waits for
	 * what another does not read. */
	return nghttp2_submit_settings(end->session, NGHTTP2_FLAG_NONE,
				       settings, count) == 0 &&
	       nghttp2_session_set_local_window_size(
		       end->session, NGHTTP2_FLAG_NONE, 0,
		       TWO_STREAMS * TWO_WINDOW) == 0;
}

bool two_session_new(struct two_end *end)
{
	nghttp2_mem memory = {NULL, new, release, new_zeroed, resize};
	nghttp2_mem *used = locked_heap_is_used() ? &memory : NULL;
	nghttp2_session_callbacks *calls = make_calls();
	nghttp2_option *options = make_options();
	bool made = calls && options;

	if (made)
		made = (end->server ? nghttp2_session_server_new3(&end->session,
								  calls, end,
								  options, used)
				    : nghttp2_session_client_new3(
					      &end->session, calls, end,
					      options, used)) == 0;
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(options);
	if (made && !begin(end)) {
		nghttp2_session_del(end->session);
		made = false;
	}
	return made;
}
