#include "supervisor/net/sniff.h"

#include <string.h>

#include "supervisor/net/http_head.h"

/* -------------------------------------------------------------- cursors -- */

/* Bytes that are yet to be read; `bad` once more was wanted than there is. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static unsigned take(struct cursor *cursor, unsigned bytes)
{
	unsigned value = 0;

	if (cursor->left < bytes) {
		cursor->bad = true;
		cursor->left = 0;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | cursor->at[i];
	cursor->at += bytes;
	cursor->left -= bytes;
	return value;
}

/* A part of its own, `size` bytes long. */
static struct cursor part(struct cursor *cursor, size_t size)
{
	struct cursor inner = {cursor->at, size, false};

	if (cursor->bad || cursor->left < size) {
		cursor->bad = true;
		cursor->left = 0;
		return (struct cursor){.bad = true};
	}
	cursor->at += size;
	cursor->left -= size;
	return inner;
}

/* A host name in lower case; false for anything else. */
static bool host_name(const uint8_t *bytes, size_t length, char name[NET_NAME])
{
	if (length > 0 && bytes[length - 1] == '.')
		length--;
	if (length == 0 || length >= NET_NAME)
		return false;
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = bytes[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (uint8_t)(byte - 'A' + 'a');
		if (!((byte >= 'a' && byte <= 'z') ||
		      (byte >= '0' && byte <= '9') || byte == '-' ||
		      byte == '_' || byte == '.'))
			return false;
		name[i] = (char)byte;
	}
	name[length] = '\0';
	return true;
}

/* ------------------------------------------------------------------ TLS -- */

enum {
	RECORD_CHANGE = 20,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
	RECORD_HEAD = 5,
	CLIENT_HELLO = 1,
	HANDSHAKE_HEAD = 4,
	EXTENSION_NAME = 0,
	EXTENSION_ECH = 0xfe0d,
	NAME_HOST = 0,
};

const char sniff_encrypted[] = "the server's name is encrypted (ECH)";

/* RFC 6066, 3: one list, of which one entry is a host name. */
static bool read_names(struct cursor extension, struct sniffed *sniffed)
{
	struct cursor list = part(&extension, take(&extension, 2));

	if (extension.bad || extension.left > 0)
		return false;
	while (list.left > 0 && !list.bad) {
		unsigned type = take(&list, 1);
		struct cursor name = part(&list, take(&list, 2));

		if (list.bad || type != NAME_HOST || sniffed->name[0] ||
		    !host_name(name.at, name.left, sniffed->name))
			return false;
	}
	return !list.bad && sniffed->name[0];
}

static enum sniff read_extensions(struct cursor extensions,
				  struct sniffed *sniffed)
{
	while (extensions.left > 0) {
		unsigned type = take(&extensions, 2);
		struct cursor extension =
			part(&extensions, take(&extensions, 2));

		if (extensions.bad)
			break;
		/* What stands for none (GREASE) looks the same. */
		sniffed->encrypted |= type == EXTENSION_ECH;
		if (type == EXTENSION_NAME && !read_names(extension, sniffed)) {
			sniffed->why = "the TLS server name is no host name";
			return SNIFF_BAD;
		}
	}
	if (!extensions.bad)
		return SNIFF_TLS;
	sniffed->why = "the ClientHello is malformed";
	return SNIFF_BAD;
}

/* RFC 8446, 4.1.2, and as older versions have it. */
static enum sniff read_hello(struct cursor hello, struct sniffed *sniffed)
{
	take(&hello, 2);	       /* version */
	part(&hello, 32);	       /* random */
	part(&hello, take(&hello, 1)); /* session */
	part(&hello, take(&hello, 2)); /* cipher suites */
	part(&hello, take(&hello, 1)); /* compression */
	if (!hello.bad && hello.left == 0)
		return SNIFF_TLS; /* no extension, so no name */
	struct cursor extensions = part(&hello, take(&hello, 2));

	if (hello.bad || hello.left > 0) {
		sniffed->why = "the ClientHello is malformed";
		return SNIFF_BAD;
	}
	return read_extensions(extensions, sniffed);
}

/* The handshake may be spread over any number of records. */
static enum sniff sniff_tls(const uint8_t *bytes, size_t length,
			    struct sniffed *sniffed)
{
	struct cursor input = {bytes, length, false};
	uint8_t message[SNIFF_MOST];
	size_t size = 0;

	sniffed->why = "the ClientHello is malformed";
	while (input.left >= RECORD_HEAD) {
		unsigned type = take(&input, 1);
		unsigned version = take(&input, 2);
		size_t body = take(&input, 2);
		size_t here = body < input.left ? body : input.left;

		if (type != RECORD_HANDSHAKE || version >> 8 != 3 || body == 0)
			return SNIFF_BAD;
		if (here > sizeof(message) - size)
			here = sizeof(message) - size;
		memcpy(message + size, input.at, here);
		size += here;
		if (size >= HANDSHAKE_HEAD) {
			struct cursor head = {message, size, false};
			unsigned kind = take(&head, 1);
			size_t need = take(&head, 3);

			if (kind != CLIENT_HELLO ||
			    need > sizeof(message) - HANDSHAKE_HEAD)
				return SNIFF_BAD;
			/* Nothing but a record that ends with it: what came
			 * behind would be no more looked at. */
			if (head.left >= need &&
			    size - here + body != HANDSHAKE_HEAD + need)
				return SNIFF_BAD;
			if (head.left >= need) {
				sniffed->length =
					(size_t)(input.at - bytes) + here;
				return read_hello(head, sniffed);
			}
		}
		part(&input, body < input.left ? body : input.left);
	}
	return SNIFF_MORE;
}

enum sniff sniff_second(const uint8_t *bytes, size_t length,
			struct sniffed *sniffed)
{
	size_t at = 0;

	memset(sniffed, 0, sizeof(*sniffed));
	while (length - at >= RECORD_HEAD &&
	       (bytes[at] == RECORD_CHANGE || bytes[at] == RECORD_DATA)) {
		size_t body = (size_t)bytes[at + 3] << 8 | bytes[at + 4];

		/* Early data, which is not read by the server either. */
		if (length - at - RECORD_HEAD < body)
			return SNIFF_MORE;
		at += RECORD_HEAD + body;
	}
	if (length - at < RECORD_HEAD)
		return SNIFF_MORE;
	enum sniff what = sniff_tls(bytes + at, length - at, sniffed);

	if (what != SNIFF_TLS || !sniffed->encrypted)
		return what;
	sniffed->why = sniff_encrypted;
	return SNIFF_BAD;
}

/* ----------------------------------------------------------------- HTTP -- */

static bool is_token(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') ||
	       (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool same_word(const uint8_t *bytes, size_t length, const char *word)
{
	size_t i;

	for (i = 0; i < length && word[i]; i++)
		if ((bytes[i] >= 'A' && bytes[i] <= 'Z'
			     ? bytes[i] | 0x20
			     : bytes[i]) != (uint8_t)word[i])
			return false;
	return i == length && word[i] == '\0';
}

/* METHOD SP /path SP HTTP/1.x. Nothing but a path: what names a server in the
 * target (a proxy's form, CONNECT) would be another than the Host. */
static const char *read_request_line(const uint8_t *line, size_t length)
{
	static const char two[] = "PRI * HTTP/2.";
	size_t at = 0;

	while (at < length && is_token(line[at]))
		at++;
	if (at == 0 || at + 1 >= length || line[at] != ' ')
		return "the request is malformed";
	at++;
	if (length >= sizeof(two) - 1 && !memcmp(line, two, sizeof(two) - 1))
		return "the client speaks HTTP/2 in the clear, of which hosts "
		       "are not looked at: it is to use HTTP/1.1";
	if (line[at] != '/' && !(line[at] == '*' && line[at + 1] == ' '))
		return "the request is one for a proxy";
	while (at < length && line[at] > ' ' && line[at] != 0x7f)
		at++;
	if (length - at != 9 || memcmp(line + at, " HTTP/1.", 8) != 0 ||
	    (line[at + 8] != '0' && line[at + 8] != '1'))
		return "the request is malformed";
	return NULL;
}

/* host[:port], which is the connection's and not looked at. */
static const char *read_host(const uint8_t *value, size_t length,
			     struct request *request)
{
	size_t end = length;

	if (request->host[0])
		return "the request has two Host headers";
	while (end > 0 && value[end - 1] >= '0' && value[end - 1] <= '9')
		end--;
	if (end == 0 || end == length || value[end - 1] != ':')
		end = length;
	else
		end--;
	if (!host_name(value, end, request->host))
		return "the Host header is no host name";
	return NULL;
}

static const char *read_length(const uint8_t *value, size_t length,
			       struct request *request, bool *has_length)
{
	if (*has_length || length == 0 || length > 18)
		return "the request has no one Content-Length";
	*has_length = true;
	for (size_t i = 0; i < length; i++) {
		if (value[i] < '0' || value[i] > '9')
			return "the request has no one Content-Length";
		request->body = request->body * 10 + (value[i] - '0');
	}
	return NULL;
}

static const char *read_header(const uint8_t *line, size_t length,
			       struct request *request, bool *has_length)
{
	size_t name = 0;

	while (name < length && is_token(line[name]))
		name++;
	if (name == 0 || name == length || line[name] != ':')
		return "a header of the request is malformed";
	const uint8_t *value = line + name + 1;
	size_t size = length - name - 1;

	while (size > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		size--;
	}
	while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
		size--;
	for (size_t i = 0; i < size; i++)
		if (value[i] == '\0' || value[i] == '\r' || value[i] == '\n')
			return "a header of the request is malformed";
	if (same_word(line, name, "host"))
		return read_host(value, size, request);
	if (same_word(line, name, "content-length"))
		return read_length(value, size, request, has_length);
	if (same_word(line, name, "transfer-encoding")) {
		if (request->chunked || !same_word(value, size, "chunked"))
			return "the request's Transfer-Encoding is not chunked";
		request->chunked = true;
	}
	if (same_word(line, name, "upgrade")) {
		if (http_names_http(
			    (struct http_text){(const char *)value, size}))
			return "the request asks for another HTTP, such as "
			       "HTTP/2 in the clear";
		request->upgrade = true;
	}
	return NULL;
}

static const char *check_request(const struct request *request, bool has_length)
{
	if (!request->host[0])
		return "the request names no Host";
	if (request->chunked && has_length)
		return "the request's body ends in two ways";
	if (request->upgrade && (request->chunked || request->body > 0))
		return "a request for another protocol has a body";
	return NULL;
}

enum sniff request_head(const uint8_t *bytes, size_t length,
			struct request *request, const char **why)
{
	bool has_length = false, first = true;
	size_t at = 0;

	memset(request, 0, sizeof(*request));
	*why = NULL;
	while (!*why) {
		const uint8_t *line = bytes + at;
		const uint8_t *end = memchr(line, '\n', length - at);

		if (!end) {
			if (length < SNIFF_MOST)
				return SNIFF_MORE;
			*why = "the head of the request is too long";
			break;
		}
		size_t size = (size_t)(end - line);

		at += size + 1;
		if (size == 0 || line[size - 1] != '\r') {
			*why = "a line of the request does not end in CRLF";
			break;
		}
		size--;
		if (size == 0 && !first) {
			*why = check_request(request, has_length);
			request->head = at;
			break;
		}
		*why = first ? read_request_line(line, size)
			     : read_header(line, size, request, &has_length);
		first = false;
	}
	return *why ? SNIFF_BAD : SNIFF_HTTP;
}

/* ---------------------------------------------------------------- first -- */

/* Some servers take small letters, too. */
static bool has_version(const uint8_t *bytes, size_t length)
{
	for (; length >= 5; bytes++, length--)
		if (bytes[4] == '/' && same_word(bytes, 4, "http"))
			return true;
	return false;
}

/* Python's server takes any of these between the words of a request, and before
 * the first. */
bool sniff_is_blank(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r' && byte != '\n') ||
	       (byte >= 0x1c && byte <= 0x1f) || byte == 0x85 || byte == 0xa0;
}

/* Methods with which proxies reach a server that the target names. */
static bool is_method(const uint8_t *bytes, size_t length)
{
	static const char *const methods[] = {
		"get",	  "head",  "post",  "put",
		"delete", "patch", "trace", "options",
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (same_word(bytes, length, methods[i]))
			return true;
	return false;
}

/* Does a target name its server? */
static bool has_scheme(const uint8_t *target, size_t length)
{
	size_t at = 0;

	while (at < length && target[at] != '/' && is_token(target[at]))
		at++;
	return at > 0 && length - at >= 3 && !memcmp(target + at, "://", 3);
}

/* A word that is a request's without a version, too: for a proxy that takes
 * HTTP/0.9, and small letters. */
static bool is_for_proxy(const uint8_t *word, size_t length,
			 const uint8_t *target, size_t size)
{
	return size > 0 &&
	       (same_word(word, length, "connect") ||
		(is_method(word, length) && has_scheme(target, size)));
}

/* A line that begins with a word that may be a method's. */
static enum sniff sniff_words(const uint8_t *bytes, size_t length, size_t word,
			      bool ended)
{
	size_t target = word, end;
	bool text = true; /* as far as it is known */

	for (end = word; end < length && bytes[end] != '\n'; end++)
		if (bytes[end] < ' ' && bytes[end] != '\t' &&
		    !(bytes[end] == '\r' &&
		      (end + 1 == length || bytes[end + 1] == '\n')))
			text = false;
	while (target < end && sniff_is_blank(bytes[target]))
		target++;
	if (is_for_proxy(bytes, word, bytes + target, end - target))
		return SNIFF_HTTP;
	bool versioned = has_version(bytes + word, end - word);

	if (end == length && !ended)
		return length == 0 || versioned ||
				       (text && bytes[0] >= 'A' &&
					bytes[0] <= 'Z')
			       ? SNIFF_MORE
			       : SNIFF_WORD;
	return versioned ? SNIFF_HTTP : SNIFF_OTHER;
}

/* A few capitals and a space begin a request, and so does any other word where
 * its line ends as that of a request: servers take all of them. More is waited
 * for behind a capital, and behind a version: what else is no line yet
 * (SNIFF_WORD) may be all that a client of another protocol says before it is
 * answered. `ended`: the line has no more of it. */
static enum sniff sniff_line(const uint8_t *bytes, size_t length, bool ended)
{
	size_t at = 0;

	while (at < length && bytes[at] >= 'A' && bytes[at] <= 'Z')
		at++;
	if (at && at < length && at <= 20 && bytes[at] == ' ')
		return SNIFF_HTTP;
	for (at = 0; at < length && sniff_is_blank(bytes[at]); at++)
		;
	if (at && at == length)
		return ended ? SNIFF_OTHER : SNIFF_WORD;
	bytes += at;
	length -= at;
	for (at = 0; at < length && is_token(bytes[at]); at++)
		;
	if (at < length && (!at || !sniff_is_blank(bytes[at])))
		return SNIFF_OTHER;
	return sniff_words(bytes, length, at, ended);
}

/* How much servers skip (RFC 9112, 2.2). */
static size_t empty_lines(const uint8_t *bytes, size_t length)
{
	size_t start = 0;

	while (start < length && (bytes[start] == '\r' || bytes[start] == '\n'))
		start++;
	return start;
}

enum sniff sniff_ended(const uint8_t *bytes, size_t length)
{
	size_t start = empty_lines(bytes, length);

	if (length == 0 || bytes[0] == RECORD_HANDSHAKE)
		return SNIFF_MORE;
	return sniff_line(bytes + start, length - start, true);
}

enum sniff sniff_first(const uint8_t *bytes, size_t length,
		       struct sniffed *sniffed)
{
	struct request request;

	memset(sniffed, 0, sizeof(*sniffed));
	if (length == 0)
		return SNIFF_MORE;
	if (bytes[0] == RECORD_HANDSHAKE) {
		if (length >= 2 && bytes[1] != 3)
			return SNIFF_OTHER;
		return sniff_tls(bytes, length, sniffed);
	}
	size_t start = empty_lines(bytes, length);
	enum sniff what = sniff_line(bytes + start, length - start, false);

	if (what != SNIFF_HTTP)
		return what;
	if (start) {
		sniffed->why = "there is an empty line before the request";
		return SNIFF_BAD;
	}
	what = request_head(bytes, length, &request, &sniffed->why);
	if (what == SNIFF_HTTP)
		memcpy(sniffed->name, request.host, sizeof(sniffed->name));
	return what;
}
