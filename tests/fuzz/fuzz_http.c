/*
 * Heads, paths and chunks of HTTP/1: nothing crashes, and what is read is
 * within what was given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/aws_sign.h"
#include "supervisor/net/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool within(struct http_text text, const char *bytes, size_t length)
{
	return !text.at ||
	       (text.at >= bytes && text.at + text.length <= bytes + length);
}

static void run_signature(const struct http_head *head, const char *bytes,
			  size_t size)
{
	static struct aws_signature found;
	const struct http_text id = {"AKIDEXAMPLE", 11}, key = {"key", 3};
	const char *why = NULL;
	char hex[AWS_HEX + 1];
	int has = aws_signature_find(head, id, &found, &why);

	check(has >= 0 || why);
	if (has <= 0)
		return;
	check(within((struct http_text){found.signature, AWS_HEX}, bytes,
		     size));
	check(within(found.payload, bytes, size));
	for (unsigned way = 0; way < AWS_WAYS; way++)
		(void)aws_signature_make(head, &found, key, found.payload, way,
					 hex, &why);
}

static void run_head(const char *bytes, size_t size)
{
	static struct http_head head;
	static char paths[2][HTTP_PATH_MOST];
	int end = http_head_end(bytes, size);
	const char *why = NULL;

	check(end <= 0 || (size_t)end <= size);
	if (end <= 0)
		return;
	if (http_request_read(bytes, (size_t)end, &head, &why) == 0) {
		int count = http_paths(head.target, paths, &why);

		run_signature(&head, bytes, size);
		check(within(head.target, bytes, size));
		check(within(head.host, bytes, size));
		check(head.body == HTTP_BODY_NONE ||
		      head.body == HTTP_BODY_LENGTH ||
		      head.body == HTTP_BODY_CHUNKED);
		check(count < 0 || !strstr(paths[0], "/../"));
		check(count < 0 || !strstr(paths[1], "//"));
		for (size_t i = 0; i < head.field_count; i++) {
			check(within(head.fields[i].name, bytes, size));
			check(within(head.fields[i].value, bytes, size));
			check(!memchr(head.fields[i].value.at, '\n',
				      head.fields[i].value.length));
		}
	} else {
		check(why);
	}
	if (http_answer_read(bytes, (size_t)end, false, &head, &why) == 0)
		check(within(head.reason, bytes, size));
}

/* However the stream is cut, the same bytes are data. */
static size_t run_chunks(const char *bytes, size_t size, size_t cut, bool *bad)
{
	struct http_chunks chunks = {0};
	size_t at = 0, data = 0;

	*bad = false;
	while (at < size) {
		size_t left = size - at < cut ? size - at : cut, used;
		enum http_chunk what =
			http_chunks_read(&chunks, bytes + at, left, &used);

		check(used <= left);
		at += used;
		if (what == HTTP_CHUNK_END)
			break;
		*bad = what == HTTP_CHUNK_BAD;
		if (*bad)
			break;
		if (what == HTTP_CHUNK_DATA)
			data += used;
		check(used || what == HTTP_CHUNK_NOTHING);
	}
	return data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long: reading on is found. */
	char *bytes = malloc(size ? size : 1);
	bool bad, bad_too;

	memcpy(bytes, data, size);
	run_head(bytes, size);
	check(run_chunks(bytes, size, 1, &bad) ==
	      run_chunks(bytes, size, 7, &bad_too));
	check(bad == bad_too);
	free(bytes);
	return 0;
}
