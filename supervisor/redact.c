#include "supervisor/redact.h"

#include "policy/scope.h"
#include "supervisor/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct secret {
	char *bytes;
	size_t length;
};

struct redact {
	struct secret *secrets;
	size_t count;
	/* Bytes with which an occurrence can start: skips nearly all text. */
	bool starts[256];
};

struct redact *redact_new(void)
{
	return calloc(1, sizeof(struct redact));
}

void redact_free(struct redact *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++) {
		explicit_bzero(list->secrets[i].bytes, list->secrets[i].length);
		free(list->secrets[i].bytes);
	}
	free(list->secrets);
	free(list);
}

int redact_add(struct redact *list, const char *secret, size_t length)
{
	auto_free char *copy = NULL;
	struct secret *grown;

	if (!length)
		return -EINVAL;
	for (size_t i = 0; i < list->count; i++)
		if (list->secrets[i].length == length &&
		    !memcmp(list->secrets[i].bytes, secret, length))
			return 0;
	copy = malloc(length);
	grown = reallocarray(list->secrets, list->count + 1, sizeof(*grown));
	if (grown)
		list->secrets = grown;
	if (!copy || !grown)
		return -ENOMEM;
	memcpy(copy, secret, length);
	list->starts[(unsigned char)secret[0]] = true;
	list->starts['\\'] = true;
	grown[list->count].length = length;
	grown[list->count++].bytes = take_ptr(copy);
	return 0;
}

/* The four hexadecimal digits of \uXXXX at `text`, or -1. */
static int32_t hex4(const char *text, size_t length)
{
	int32_t value = 0;

	if (length < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char c = text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/*
 * What the escape \uXXXX stands for. Returns the number of bytes in `out`, with
 * the escape's own length in `used`; 0: not an escape.
 */
static size_t unescape_unicode(const char *text, size_t length, char out[4],
			       size_t *used)
{
	int32_t high = hex4(text + 2, length - 2), low = -1;

	if (high < 0)
		return 0;
	*used = 6;
	if (high >= 0xdc80 && high <= 0xdcff) {
		/* A byte that is not UTF-8, as this program writes it. */
		out[0] = (char)(high & 0xff);
		return 1;
	}
	if (high >= 0xd800 && high <= 0xdbff) {
		if (length >= 12 && text[6] == '\\' && text[7] == 'u')
			low = hex4(text + 8, length - 8);
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		*used = 12;
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	return utf8_encode((uint32_t)high, out);
}

/* One character of a JSON string, as unescape_unicode(). */
static size_t unescape(const char *text, size_t length, char out[4],
		       size_t *used)
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (text[0] != '\\') {
		*used = 1;
		out[0] = text[0];
		return 1;
	}
	if (length < 2 || !text[1])
		return 0;
	if (text[1] == 'u')
		return unescape_unicode(text, length, out, used);
	name = strchr(names, text[1]);
	if (!name)
		return 0;
	*used = 2;
	out[0] = meant[name - names];
	return 1;
}

/* The length of the secret as it stands at `text` in JSON, or 0. */
static size_t match_json(const struct secret *secret, const char *text,
			 size_t length)
{
	size_t at = 0, matched = 0;

	while (matched < secret->length) {
		char out[4];
		size_t used, count;

		if (at == length)
			return 0;
		count = unescape(text + at, length - at, out, &used);
		if (!count || count > secret->length - matched ||
		    memcmp(out, secret->bytes + matched, count))
			return 0;
		matched += count;
		at += used;
	}
	return at;
}

/* The length of the longest occurrence that starts at `text`, or 0. */
static size_t match(const struct redact *list, const char *text, size_t length)
{
	size_t longest = 0;

	if (!list->starts[(unsigned char)text[0]])
		return 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct secret *secret = &list->secrets[i];
		size_t found = match_json(secret, text, length);

		if (secret->length > found && secret->length <= length &&
		    !memcmp(text, secret->bytes, secret->length))
			found = secret->length;
		if (found > longest)
			longest = found;
	}
	return longest;
}

bool redact_find(const struct redact *list, const char *text, size_t length,
		 size_t from, size_t *start, size_t *end)
{
	size_t found = 0;

	if (!list || !list->count)
		return false;
	while (from < length && !found) {
		found = match(list, text + from, length - from);
		from++;
	}
	if (!found)
		return false;
	*start = from - 1;
	*end = *start + found;
	for (; from <= *end && from < length; from++) {
		found = match(list, text + from, length - from);
		if (from + found > *end)
			*end = from + found;
	}
	return true;
}
