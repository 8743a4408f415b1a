/*
 * The first bytes of a connection: a ClientHello, what comes in place of one
 * that was asked for again, or the head of a request, and the chunks behind
 * one. Nothing crashes, names are names, and what was decided of a beginning
 * does not change with the bytes that follow: they come in pieces of the
 * program's choosing. (But of a word that begins with no capital, or has bytes
 * that are no text behind it, and is no line yet: it passes, since a protocol of
 * its own may have no more.) What the two readers of heads both take they read
 * alike.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/http_head.h"
#include "supervisor/net/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_name(const char *name)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	check(strlen(name) < NET_NAME);
	check(strspn(name, bytes) == strlen(name));
}

typedef enum sniff sniffs(const uint8_t *bytes, size_t length,
			  struct sniffed *sniffed);

static enum sniff look(sniffs *sniff, const uint8_t *bytes, size_t length,
		       struct sniffed *sniffed)
{
	/* A copy of just that size, so that reading on is seen. */
	uint8_t *copy = malloc(length + !length);

	if (!copy)
		abort();
	memcpy(copy, bytes, length);
	enum sniff what = sniff(copy, length, sniffed);

	free(copy);
	check_name(sniffed->name);
	check(what != SNIFF_BAD || sniffed->why);
	check(what != SNIFF_HTTP || sniffed->name[0]);
	check(what != SNIFF_TLS ||
	      (sniffed->length > 0 && sniffed->length <= length));
	return what;
}

static bool is_text(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' && bytes[i] != '\t' &&
		    (bytes[i] != '\r' || i + 1 < length))
			return false;
	return true;
}

static bool is_word(const uint8_t *bytes, size_t length)
{
	while (length && (*bytes == '\r' || *bytes == '\n')) {
		bytes++;
		length--;
	}
	return length && !memchr(bytes, '\n', length) &&
	       (*bytes < 'A' || *bytes > 'Z' || !is_text(bytes, length));
}

static void run_first(sniffs *sniff, const uint8_t *data, size_t size)
{
	struct sniffed whole, part;
	enum sniff last = look(sniff, data, size, &whole), what;

	for (size_t length = 0; length < size; length += 1 + size / 64) {
		what = look(sniff, data, length, &part);
		check(what != SNIFF_WORD || is_word(data, length));
		if (what == SNIFF_MORE || what == SNIFF_WORD)
			continue;
		check(what == last);
		check(what == SNIFF_BAD || what == SNIFF_OTHER ||
		      strcmp(part.name, whole.name) == 0);
	}
}

static void run_head(const uint8_t *data, size_t size)
{
	static struct http_head head;
	struct request request;
	const char *why = NULL;

	if (request_head(data, size, &request, &why) != SNIFF_HTTP)
		return;
	check_name(request.host);
	check(request.head <= size && !(request.chunked && request.body));
	int end = http_head_end((const char *)data, size);

	check(end == (int)request.head);
	if (http_request_read((const char *)data, (size_t)end, &head, &why))
		return;
	check(request.chunked == (head.body == HTTP_BODY_CHUNKED));
	check(head.host.length >= strlen(request.host));
	check(strncasecmp(head.host.at, request.host, strlen(request.host)) ==
	      0);
}

static void run_chunks(const uint8_t *data, size_t size)
{
	struct chunks one = {0}, two = {0};
	bool done, done_first = false;
	size_t whole = chunks_pass(&one, data, size, &done);
	size_t half = size / 2;
	size_t first = chunks_pass(&two, data, half, &done_first);

	if (first == SIZE_MAX) {
		check(whole == SIZE_MAX);
		return;
	}
	check(first <= half);
	if (done_first) {
		check(done && whole == first);
		return;
	}
	size_t rest = chunks_pass(&two, data + half, size - half, &done_first);

	check(rest == SIZE_MAX ? whole == SIZE_MAX
			       : whole == half + rest && done == done_first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > SNIFF_MOST)
		return 0;
	run_first(sniff_first, data, size);
	run_first(sniff_second, data, size);
	run_head(data, size);
	run_chunks(data, size);
	return 0;
}
