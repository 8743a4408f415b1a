#include "supervisor/net/http_swap.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "supervisor/net/aws_text.h"
#include "supervisor/virtual/base64.h"

/* Headers that carry keys, as their services document them. */
static const char *const authentication[] = {
	"authorization",
	"x-api-key",
	"api-key",
	"apikey",
	"x-auth-token",
	"x-access-token",
	"private-token",
	"job-token",
	"x-goog-api-key",
	"x-vault-token",
	"x-amz-security-token",
	"x-github-token",
	"circle-token",
	"dd-api-key",
	"dd-application-key",
	"ocp-apim-subscription-key",
	"xi-api-key",
};

static bool is_authentication(struct http_text name)
{
	for (size_t i = 0; i < sizeof(authentication) / sizeof(*authentication);
	     i++)
		if (http_text_is(name, authentication[i]))
			return true;
	return false;
}

static bool has_scheme(struct http_text value, const char *scheme)
{
	size_t length = strlen(scheme);

	return value.length > length && value.at[length] == ' ' &&
	       http_text_is((struct http_text){value.at, length}, scheme);
}

/* May the secret take its place in this field? */
static bool belongs(const struct secret *secret, const struct http_field *field)
{
	bool authorization = http_text_is(field->name, "authorization");

	switch (secret->place) {
	case SECRET_IN_AUTHENTICATION:
		return is_authentication(field->name);
	case SECRET_IN_HEADER:
		return http_text_is(field->name, secret->header);
	case SECRET_IN_BASIC:
		return authorization && has_scheme(field->value, "basic");
	case SECRET_IN_BEARER:
		return authorization && has_scheme(field->value, "bearer");
	case SECRET_IN_AWS_ID:
		return authorization;
	case SECRET_IN_AWS_TOKEN:
		return http_text_is(field->name, "x-amz-security-token");
	default:
		return false;
	}
}

/* Write the text, with every placeholder replaced. */
static int replace(const struct secret *secret, struct http_text text,
		   struct evbuffer *out, bool *replaced)
{
	struct http_text wanted = secret->placeholder;
	const char *at;
	int error = 0;

	while (!error &&
	       (at = memmem(text.at, text.length, wanted.at, wanted.length))) {
		size_t before = (size_t)(at - text.at);

		*replaced = true;
		error = evbuffer_add(out, text.at, before) ||
			evbuffer_add(out, secret->value.at,
				     secret->value.length);
		text.at = at + wanted.length;
		text.length -= before + wanted.length;
	}
	return error || evbuffer_add(out, text.at, text.length) ? -ENOMEM : 0;
}

/* A copy of what a buffer holds, on the heap; wipe and free it. */
struct copy {
	char *bytes;
	size_t length;
};

static int copy_of(struct evbuffer *buffer, struct copy *copy)
{
	copy->length = evbuffer_get_length(buffer);
	copy->bytes = malloc(copy->length + 1);
	if (!copy->bytes)
		return -ENOMEM;
	evbuffer_remove(buffer, copy->bytes, copy->length);
	return 0;
}

static void wipe(struct copy *copy)
{
	OPENSSL_cleanse(copy->bytes, copy->length);
	free(copy->bytes);
}

/* Replace one secret after the other, in `text`, which is put anew. */
static int replace_each(const struct secrets *secrets, uint64_t which,
			struct evbuffer *text, uint64_t *swapped)
{
	int error = 0;

	for (size_t i = 0; !error && i < secrets->count; i++) {
		struct copy copy;
		bool replaced = false;

		if (!(which & 1ULL << i))
			continue;
		error = copy_of(text, &copy);
		if (error)
			break;
		error = replace(&secrets->items[i],
				(struct http_text){copy.bytes, copy.length},
				text, &replaced);
		wipe(&copy);
		if (replaced)
			*swapped |= 1ULL << i;
	}
	return error;
}

/* The user and password of `Basic`: decoded, replaced, encoded again. */
static int replace_basic(const struct secrets *secrets, uint64_t which,
			 struct http_text value, struct evbuffer *out,
			 uint64_t *swapped)
{
	struct http_text code = {value.at + 6, value.length - 6};
	unsigned char *plain = malloc(code.length / 4 * 3 + 3);
	struct evbuffer *text = evbuffer_new();
	uint64_t before = *swapped;
	struct copy copy = {0};
	bool url;
	int error = plain && text ? 0 : -ENOMEM;
	long length =
		error ? -1 : base64_decode(code.at, code.length, plain, &url);

	if (!error && length > 0)
		error = evbuffer_add(text, plain, (size_t)length) ? -ENOMEM : 0;
	if (!error && length > 0)
		error = replace_each(secrets, which, text, swapped);
	if (!error && *swapped == before) {
		/* Nothing of ours in it: as it was. */
		error = evbuffer_add(out, value.at, value.length) ? -ENOMEM : 0;
	} else if (!error) {
		size_t size;
		char *encoded;

		error = copy_of(text, &copy);
		size = (copy.length + 2) / 3 * 4;
		encoded = error ? NULL : malloc(size + 1);
		if (encoded) {
			EVP_EncodeBlock((unsigned char *)encoded,
					(unsigned char *)copy.bytes,
					(int)copy.length);
			error = evbuffer_add(out, value.at, 6) ||
						evbuffer_add(out, encoded, size)
					? -ENOMEM
					: 0;
			OPENSSL_cleanse(encoded, size);
		} else {
			error = -ENOMEM;
		}
		free(encoded);
		if (copy.bytes)
			wipe(&copy);
	}
	if (text)
		evbuffer_free(text);
	free(plain);
	return error;
}

static int write_value(const struct secrets *secrets, uint64_t which,
		       struct http_text value, struct evbuffer *out,
		       uint64_t *swapped)
{
	struct evbuffer *text;
	int error;

	if (!which)
		return evbuffer_add(out, value.at, value.length) ? -ENOMEM : 0;
	text = evbuffer_new();
	if (!text)
		return -ENOMEM;
	error = evbuffer_add(text, value.at, value.length) ? -ENOMEM : 0;
	if (!error)
		error = replace_each(secrets, which, text, swapped);
	if (!error)
		error = evbuffer_add_buffer(out, text) ? -ENOMEM : 0;
	evbuffer_free(text);
	return error;
}

static int write_field(const struct secrets *secrets, uint64_t mask,
		       const struct http_field *field, struct evbuffer *out,
		       uint64_t *swapped)
{
	uint64_t which = 0;
	int error;

	for (size_t i = 0; i < secrets->count; i++)
		if (mask & 1ULL << i && belongs(&secrets->items[i], field))
			which |= 1ULL << i;
	if (evbuffer_add(out, field->name.at, field->name.length) ||
	    evbuffer_add(out, ": ", 2))
		return -ENOMEM;
	if (which && http_text_is(field->name, "authorization") &&
	    has_scheme(field->value, "basic"))
		error = replace_basic(secrets, which, field->value, out,
				      swapped);
	else
		error = write_value(secrets, which, field->value, out, swapped);
	return error || evbuffer_add(out, "\r\n", 2) ? -ENOMEM : 0;
}

/* A token in the query of a request that is signed there, as it stands there.
 */
static int replace_token(const struct secret *token, struct evbuffer *text)
{
	struct secret encoded = *token;
	size_t size = 3 * (token->placeholder.length + token->value.length);
	char *room = malloc(size);
	struct copy copy;
	bool replaced;
	int error = room ? copy_of(text, &copy) : -ENOMEM;

	if (!error) {
		encoded.placeholder = (struct http_text){
			room, aws_encode(token->placeholder, false, room)};
		encoded.value.at = room + 3 * token->placeholder.length;
		encoded.value.length =
			aws_encode(token->value, false,
				   room + 3 * token->placeholder.length);
		error = replace(&encoded,
				(struct http_text){copy.bytes, copy.length},
				text, &replaced);
		wipe(&copy);
		OPENSSL_cleanse(room, size);
	}
	free(room);
	return error;
}

/* The query, with what belongs there in any case, and with what a signature
 * in it needs. */
static int write_query(const struct secrets *secrets, uint64_t mask,
		       uint64_t which, struct http_text query,
		       struct evbuffer *out, uint64_t *swapped)
{
	struct evbuffer *text = evbuffer_new();
	int error = text ? write_value(secrets, which, query, text, swapped)
			 : -ENOMEM;

	for (size_t i = 0; !error && i < secrets->count; i++)
		if (mask & 1ULL << i &&
		    secrets->items[i].place == SECRET_IN_AWS_TOKEN)
			error = replace_token(&secrets->items[i], text);
	if (!error && evbuffer_add_buffer(out, text))
		error = -ENOMEM;
	if (text)
		evbuffer_free(text);
	return error;
}

static int write_target(const struct secrets *secrets, uint64_t mask,
			struct http_text target, struct evbuffer *out,
			uint64_t *swapped)
{
	const char *query = memchr(target.at, '?', target.length);
	size_t path = query ? (size_t)(query - target.at) : target.length;
	uint64_t which = 0;

	for (size_t i = 0; i < secrets->count; i++)
		if (secrets->items[i].place == SECRET_IN_QUERY ||
		    secrets->items[i].place == SECRET_IN_AWS_ID)
			which |= mask & 1ULL << i;
	if (evbuffer_add(out, target.at, path))
		return -ENOMEM;
	return write_query(
		secrets, mask, which,
		(struct http_text){target.at + path, target.length - path}, out,
		swapped);
}

int http_swap_head(const struct secrets *secrets, uint64_t mask,
		   const struct http_head *head, struct evbuffer *out,
		   uint64_t *swapped)
{
	const bool asked = mask & ~secrets->aws;
	const char *end = head->old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
	int error = evbuffer_add(out, head->method.at, head->method.length) ||
				    evbuffer_add(out, " ", 1)
			    ? -ENOMEM
			    : write_target(secrets, mask, head->target, out,
					   swapped);

	if (!error && evbuffer_add(out, end, strlen(end)))
		error = -ENOMEM;
	for (size_t i = 0; !error && i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		/* Those of gRPC, Connect and WebSockets are for each
		 * message. Of a value that is asked for in pieces, none would
		 * be found. */
		if (asked &&
		    (http_text_is(field->name, "accept-encoding") ||
		     http_text_is(field->name, "range") ||
		     http_text_is(field->name, "if-range") ||
		     http_text_is(field->name, "sec-websocket-extensions") ||
		     http_text_is(field->name, "grpc-accept-encoding") ||
		     http_text_is(field->name, "connect-accept-encoding")))
			continue;
		if (http_text_is(field->name, "http2-settings") ||
		    (head->other_http && http_text_is(field->name, "upgrade")))
			continue;
		error = write_field(secrets, mask, field, out, swapped);
	}
	if (!error && asked &&
	    evbuffer_add(out, "Accept-Encoding: identity\r\n", 27))
		error = -ENOMEM;
	return error || evbuffer_add(out, "\r\n", 2) ? -ENOMEM : 0;
}

/* ---------------------------------------------------------------- watching --
 */

static void note(void *context, unsigned id)
{
	struct http_watch *watch = context;

	watch->seen |= 1ULL << id;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the stream with %XX decoded; what is no such code is skipped. */
static void watch_decoded(const struct secrets *secrets,
			  struct http_watch *watch, char c)
{
	char out = c;

	if (c == '%') {
		watch->percent = 1;
		return;
	}
	if (watch->percent == 1) {
		watch->first = c;
		watch->percent = 2;
		return;
	}
	if (watch->percent == 2) {
		int high = digit(watch->first), low = digit(c);

		watch->percent = 0;
		if (high >= 0 && low >= 0)
			out = (char)(high * 16 + low);
	}
	needles_look(secrets->watch, &watch->decoded, &out, 1, note, watch);
}

void http_watch_bytes(const struct secrets *secrets, struct http_watch *watch,
		      const char *bytes, size_t length)
{
	needles_look(secrets->watch, &watch->plain, bytes, length, note, watch);
	/* Without a code the two streams are one. */
	for (size_t i = 0; i < length; i++) {
		const char *code = watch->percent
					   ? bytes + i
					   : memchr(bytes + i, '%', length - i);
		size_t plain = code ? (size_t)(code - bytes) : length;

		needles_look(secrets->watch, &watch->decoded, bytes + i,
			     plain - i, note, watch);
		i = plain;
		if (i < length)
			watch_decoded(secrets, watch, bytes[i]);
	}
}
