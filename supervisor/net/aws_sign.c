#include "supervisor/net/aws_sign.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "supervisor/net/aws_text.h"

enum { HASH = 32, PARAMETERS_MOST = 256 };

static void to_hex(const unsigned char hash[HASH], char out[AWS_HEX + 1])
{
	for (size_t i = 0; i < HASH; i++) {
		out[2 * i] = "0123456789abcdef"[hash[i] / 16];
		out[2 * i + 1] = "0123456789abcdef"[hash[i] % 16];
	}
	out[AWS_HEX] = '\0';
}

int aws_hash(const void *bytes, size_t length, char out[AWS_HEX + 1])
{
	unsigned char hash[HASH];

	if (!EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	to_hex(hash, out);
	return 0;
}

/* `//` is one slash: as most services take paths. */
static size_t fold_slashes(struct http_text path, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < path.length; i++)
		if (path.at[i] != '/' || !length || out[length - 1] != '/')
			out[length++] = path.at[i];
	return length;
}

static int add_path(struct evbuffer *out, struct http_text target, unsigned way)
{
	struct http_text path = aws_take(&target, '?');
	char *room = malloc(4 * path.length + 1), *encoded;
	int error;

	if (!room)
		return -ENOMEM;
	encoded = room + path.length;
	if (way == 2) {
		path.length = fold_slashes(path, room);
		path.at = room;
	}
	if (way > 0) {
		path.length = aws_encode(path, true, encoded);
		path.at = encoded;
	}
	error = evbuffer_add(out, path.at, path.length) ? -ENOMEM : 0;
	free(room);
	return error;
}

struct parameter {
	struct http_text name, value;
};

static int compare(struct http_text a, struct http_text b)
{
	size_t common = a.length < b.length ? a.length : b.length;
	int order = common ? memcmp(a.at, b.at, common) : 0;

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int by_name(const void *a, const void *b)
{
	const struct parameter *x = a, *y = b;

	return compare(x->name, y->name) ?: compare(x->value, y->value);
}

/* Encoded as it should be, whatever it was. */
static struct http_text again(struct http_text text, char **room)
{
	char *encoded = *room, *plain = encoded + 3 * text.length;
	struct http_text decoded = {plain, aws_decode(text, plain)};
	struct http_text made = {encoded, aws_encode(decoded, false, encoded)};

	*room += 4 * text.length;
	return made;
}

static size_t read_query(struct http_text query, bool encode, char *room,
			 struct parameter list[PARAMETERS_MOST])
{
	size_t count = 0;

	while (query.length) {
		struct http_text value = aws_take(&query, '&');
		struct http_text name = aws_take(&value, '=');

		if (aws_is(name, "X-Amz-Signature") ||
		    (!name.length && !value.length))
			continue;
		if (count == PARAMETERS_MOST)
			return PARAMETERS_MOST + 1;
		if (encode) {
			name = again(name, &room);
			value = again(value, &room);
		}
		list[count++] = (struct parameter){name, value};
	}
	return count;
}

static int add_query(struct evbuffer *out, struct http_text query, bool encode,
		     const char **why)
{
	struct parameter list[PARAMETERS_MOST];
	size_t size = 4 * query.length + 1, count;
	char *room = malloc(size);
	int error = 0;

	if (!room)
		return -ENOMEM;
	count = read_query(query, encode, room, list);
	if (count > PARAMETERS_MOST)
		error = aws_bad(why, "its query is too long to be signed");
	else
		qsort(list, count, sizeof(*list), by_name);
	for (size_t i = 0; !error && i < count; i++)
		if ((i && evbuffer_add(out, "&", 1)) ||
		    evbuffer_add(out, list[i].name.at, list[i].name.length) ||
		    evbuffer_add(out, "=", 1) ||
		    evbuffer_add(out, list[i].value.at, list[i].value.length))
			error = -ENOMEM;
	OPENSSL_cleanse(room, size);
	free(room);
	return error;
}

/* Several spaces are one. */
static int add_value(struct evbuffer *out, struct http_text value)
{
	while (value.length) {
		struct http_text word = aws_take(&value, ' ');

		if (evbuffer_add(out, word.at, word.length))
			return -ENOMEM;
		while (value.length && *value.at == ' ')
			value.at++, value.length--;
		if (value.length && evbuffer_add(out, " ", 1))
			return -ENOMEM;
	}
	return 0;
}

static int add_header(struct evbuffer *out, const struct http_head *head,
		      struct http_text name, const char **why)
{
	char lower[256];
	size_t count = 0;
	int error = 0;

	if (!aws_keep(name, lower, sizeof(lower)))
		return aws_bad(why, "a signed header's name is too long");
	if (evbuffer_add(out, lower, name.length))
		return -ENOMEM;
	for (size_t i = 0; !error && i < head->field_count; i++) {
		if (!http_text_is(head->fields[i].name, lower))
			continue;
		if (evbuffer_add(out, count++ ? "," : ":", 1))
			return -ENOMEM;
		error = add_value(out, head->fields[i].value);
	}
	if (!error && !count)
		return aws_bad(why, "a header that is signed is not there");
	return error || evbuffer_add(out, "\n", 1) ? error ?: -ENOMEM : 0;
}

static int add_text(struct evbuffer *out, struct http_text text)
{
	return evbuffer_add(out, text.at, text.length) ? -ENOMEM : 0;
}

static int add_request(struct evbuffer *out, const struct http_head *head,
		       const struct aws_signature *found,
		       struct http_text payload, unsigned way, const char **why)
{
	struct http_text names = aws_text(found->names);
	int error = add_text(out, head->method);

	if (!error)
		error = add_text(out, aws_text("\n"));
	if (!error)
		error = add_path(out, head->target, way % 3);
	if (!error)
		error = add_text(out, aws_text("\n"));
	if (!error)
		error = add_query(out, aws_query(head), way < 3, why);
	if (!error)
		error = add_text(out, aws_text("\n"));
	while (!error && names.length)
		error = add_header(out, head, aws_take(&names, ';'), why);
	if (!error)
		error = add_text(out, aws_text("\n"));
	if (!error)
		error = add_text(out, aws_text(found->names));
	if (!error)
		error = add_text(out, aws_text("\n"));
	return error ?: add_text(out, payload);
}

static bool mac(const unsigned char *key, size_t key_length,
		struct http_text text, unsigned char out[HASH])
{
	return HMAC(EVP_sha256(), key, (int)key_length,
		    (const unsigned char *)text.at, text.length, out, NULL);
}

/* The key of one day, region and service. */
static bool derive(struct http_text key, struct http_text scope,
		   unsigned char out[HASH])
{
	size_t size = 4 + key.length;
	unsigned char *first = malloc(size), other[HASH];
	bool made = first;

	if (!first)
		return false;
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, key.at, key.length);
	for (size_t i = 0; made && i < 4; i++) {
		made = mac(i ? other : first, i ? HASH : size,
			   aws_take(&scope, '/'), out);
		memcpy(other, out, HASH);
	}
	OPENSSL_cleanse(first, size);
	OPENSSL_cleanse(other, sizeof(other));
	free(first);
	return made;
}

static int sign(struct evbuffer *request, const struct aws_signature *found,
		struct http_text key, char out[AWS_HEX + 1])
{
	unsigned char derived[HASH], hash[HASH];
	char digest[AWS_HEX + 1];
	const unsigned char *bytes = evbuffer_pullup(request, -1);
	struct evbuffer *text = evbuffer_new();
	bool made =
		bytes && text &&
		!aws_hash(bytes, evbuffer_get_length(request), digest) &&
		evbuffer_add_printf(text, "%s\n%s\n%s\n%s", aws_algorithm,
				    found->date, found->scope, digest) > 0 &&
		derive(key, aws_text(found->scope), derived);

	if (made)
		made = mac(derived, HASH,
			   (struct http_text){
				   (const char *)evbuffer_pullup(text, -1),
				   evbuffer_get_length(text)},
			   hash);
	if (made)
		to_hex(hash, out);
	OPENSSL_cleanse(derived, sizeof(derived));
	if (text)
		evbuffer_free(text);
	return made ? 0 : -ENOMEM;
}

int aws_signature_make(const struct http_head *head,
		       const struct aws_signature *found, struct http_text key,
		       struct http_text payload, unsigned way,
		       char out[AWS_HEX + 1], const char **why)
{
	struct evbuffer *request = evbuffer_new();
	int error =
		request ? add_request(request, head, found, payload, way, why)
			: -ENOMEM;

	if (!error)
		error = sign(request, found, key, out);
	if (request)
		evbuffer_free(request);
	return error;
}
