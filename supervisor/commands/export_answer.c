#include "supervisor/commands/export_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/scope.h"
#include "supervisor/jtext.h"

enum { LONGEST = 60 }; /* seconds between two tries */

/* Where the body begins, or NULL where the head goes on. */
static const char *body_of(const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, "\r\n\r\n", 4);

	return end ? end + 4 : NULL;
}

/* The value of a field of the head, which `body` ends; or NULL. */
static const char *field(const char *bytes, const char *body, const char *name)
{
	size_t length = strlen(name);
	const char *at = bytes;

	while ((at = memmem(at, (size_t)(body - at), "\r\n", 2))) {
		at += 2;
		if ((size_t)(body - at) <= length ||
		    strncasecmp(at, name, length) != 0 || at[length] != ':')
			continue;
		at += length + 1;
		return at + strspn(at, " \t");
	}
	return NULL;
}

static bool is_chunked(const char *bytes, const char *body)
{
	const char *coding = field(bytes, body, "Transfer-Encoding");

	return coding && strncasecmp(coding, "chunked", 7) == 0;
}

bool export_answer_complete(const char *bytes, size_t length)
{
	const char *body = body_of(bytes, length);
	const char *said = body ? field(bytes, body, "Content-Length") : NULL;

	if (!body)
		return false;
	size_t got = length - (size_t)(body - bytes);

	if (strncmp(bytes, "HTTP/1.", 7) == 0 && length > 12 &&
	    strncmp(bytes + 9, "204", 3) == 0)
		return true;
	if (is_chunked(bytes, body))
		return memmem(body - 2, got + 2, "\r\n0\r\n\r\n", 7);
	return said && said[0] >= '0' && said[0] <= '9' &&
	       got >= strtoul(said, NULL, 10);
}

/* The chunks, one behind the other in their place. Returns their length. */
static size_t unchunk(char *body, size_t length)
{
	char *at = body, *end = body + length;
	size_t used = 0;

	for (;;) {
		char *data = memmem(at, (size_t)(end - at), "\r\n", 2);

		if (!data)
			return used;
		size_t size = strtoul(at, NULL, 16);

		data += 2;
		if (size == 0 || size > (size_t)(end - data))
			return used;
		memmove(body + used, data, size);
		used += size;
		at = data + size;
		if (end - at < 2)
			return used;
		at += 2;
	}
}

/* protobuf's JSON writes an int64 as a string. */
static uint64_t number(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value) && json_integer_value(value) > 0)
		return (uint64_t)json_integer_value(value);
	return text && text[0] >= '0' && text[0] <= '9'
		       ? strtoull(text, NULL, 10)
		       : 0;
}

static void read_body(const char *body, size_t length,
		      struct export_answer *answer)
{
	json_t *value = NULL;

	/* An answer that is not JSON says nothing that we know. */
	if (jtext_load(body, length, &value))
		return;
	const json_t *partial = json_object_get(value, "partialSuccess");
	const char *message =
		json_string_value(json_object_get(partial, "errorMessage"));

	answer->rejected =
		number(json_object_get(partial, "rejectedLogRecords"));
	if (message && message[0])
		answer->message = strdup(message);
	json_decref(value);
}

static void read_again(const char *bytes, const char *body,
		       struct export_answer *answer)
{
	static const char *const codes[] = {"429", "502", "503", "504"};
	const char *after = body ? field(bytes, body, "Retry-After") : NULL;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		answer->again |= strncmp(bytes + 9, codes[i], 3) == 0;
	if (!answer->again || !after || after[0] < '0' || after[0] > '9')
		return;
	unsigned long said = strtoul(after, NULL, 10);

	answer->delayed = true;
	answer->seconds = said < LONGEST ? (unsigned)said : LONGEST;
}

int export_answer_read(char *bytes, size_t length, struct export_answer *answer)
{
	*answer = (struct export_answer){0};
	if (length < 12 || strncmp(bytes, "HTTP/1.", 7) != 0)
		return -EPROTO;
	const char *head_end = body_of(bytes, length);

	answer->taken = bytes[9] == '2';
	if (!answer->taken) {
		read_again(bytes, head_end, answer);
		return 0;
	}
	if (!head_end)
		return 0;
	char *body = bytes + (head_end - bytes);
	size_t rest = length - (size_t)(body - bytes);

	if (is_chunked(bytes, body))
		rest = unchunk(body, rest);
	read_body(body, rest, answer);
	return 0;
}

void export_answer_clear(struct export_answer *answer)
{
	free(answer->message);
}
